"""Find audio files in tar archives, where they are read without unpacking.

The path of one is that of its archive, followed by its name in it: speech.tar/anna/001.flac.
Shards (kws/data/shards.py) say in a JSON file next to each recording what its file was called
before: names in webdataset's archives have no dots, and recordings are FLAC in them.
"""

from __future__ import annotations

import json
import logging
import re
import tarfile
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path, PurePath, PurePosixPath

from kws.audio.file_part import Part

ARCHIVE = ".tar"
OPEN_ENDED = {".mp3", ".mp2"}  # endings of formats whose header has an estimate of the length

DESCRIPTION, FILE = ".json", "file"  # of a recording: its ending, and the key of the former name
MAX_DESCRIPTION = 65_536  # bytes

Members = dict[PurePosixPath, tuple[int, int]]  # by name: first byte in the archive, end

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class TarMember:
    """Describe a file in an archive."""

    archive: Path
    name: PurePosixPath
    start: int
    end: int

    @property
    def part(self) -> Part:
        """Return its bytes as a file of their own."""
        endless = self.name.suffix.lower() in OPEN_ENDED
        return Part(self.start, self.end, endless=endless, promised=not endless)


def members_of(archive: Path) -> list[Path]:
    """Return the paths of the files in an archive; log an archive that cannot be read."""
    try:
        return [archive / name for name in _members(*_identity(archive))]
    except (OSError, ValueError, EOFError, tarfile.TarError) as error:
        _log.warning("%s: an archive that cannot be read (%s); passed over", archive, error)
        return []


def find_member(path: Path) -> TarMember | None:
    """Return the file in an archive that a path names; None for any other path."""
    if ARCHIVE not in str(path).lower():  # most paths, of which there are very many
        return None
    for parent in path.parents:
        if parent.suffix.lower() == ARCHIVE and parent.is_file():
            name = PurePosixPath(path.relative_to(parent).as_posix())
            try:
                place = _members(*_identity(parent)).get(name)
            except (OSError, ValueError, EOFError, tarfile.TarError):
                return None
            return place and TarMember(parent, name, *place)
    return None


def without_archive(path: Path) -> Path:
    """Return the path that a file in an archive would have, were it unpacked next to it.

    It has the name from before it was written into a shard, by which speakers, partitions and
    transcripts are found.
    """
    member = find_member(path)
    if member is None:
        return path
    return member.archive.parent / _former_name(*_identity(member.archive), member.name)


def shard_name(file: PurePath) -> str:
    """Return the name, without an ending, of a file in a shard: it has no dot."""
    return file.with_name(file.stem.replace(".", "_")).as_posix()


def file_state(path: Path) -> tuple[int, int]:
    """Return the size of a file, in an archive or not, and when it was changed last, ns."""
    if member := find_member(path):
        return member.end - member.start, member.archive.stat().st_mtime_ns
    return path.stat().st_size, path.stat().st_mtime_ns


def _identity(archive: Path) -> tuple[Path, int, int]:
    state = archive.stat()
    return archive, state.st_size, state.st_mtime_ns


@lru_cache(maxsize=512)
def _members(archive: Path, size: int, changed: int) -> Members:
    """Return the regular files of an archive; those in hidden or outer folders are left out."""
    found: Members = {}
    with tarfile.open(archive, "r:") as opened:
        for member in opened:
            name = PurePosixPath(member.name)
            hidden = any(part.startswith(".") for part in name.parts)  # ".." as well
            if not member.isreg() or member.sparse is not None or name.is_absolute() or hidden:
                continue
            end = member.offset_data + member.size
            if end > size:
                raise tarfile.ReadError("it is cut short")
            found[name] = member.offset_data, end
            opened.members = []  # type: ignore[attr-defined]  # or each would be kept
    return found


@lru_cache(maxsize=65_536)
def _former_name(archive: Path, size: int, changed: int, name: PurePosixPath) -> PurePosixPath:
    """Return what a file was called before it was in a shard; its name there if nothing says so."""
    start, end = _members(archive, size, changed).get(name.with_suffix(DESCRIPTION), (0, 0))
    if not 0 < end - start <= MAX_DESCRIPTION:
        return name
    try:
        with archive.open("rb") as file:
            file.seek(start)
            content = file.read(end - start)
        former = PurePosixPath(json.loads(content.decode("utf-8", "surrogateescape"))[FILE])
        expected = re.escape(shard_name(former))
    except (OSError, ValueError, RecursionError, TypeError, KeyError):
        return name  # another's description
    key = name.with_suffix("").as_posix()
    return former if re.fullmatch(rf"{expected}(_\d+)?", key) and ".." not in former.parts else name
