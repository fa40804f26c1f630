"""Write the recordings of a dataset into tar shards, as webdataset and others read them.

Each recording is a FLAC file and a JSON file of the same name: "anna-001.flac", "anna-001.json".
A folder of shards is read as the folder of the recordings (kws/audio/tar_members.py).
"""

from __future__ import annotations

import io
import json
import logging
import shutil
import tarfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from kws.atomic_write import flush
from kws.audio.audio_file import read_audio
from kws.audio.encode import encode
from kws.audio.tar_members import DESCRIPTION, FILE, find_member, shard_name, without_archive
from kws.config import SAMPLE_RATE
from kws.data.audio_files import AUDIO_SUFFIXES, HIDDEN, audio_files, files_in
from kws.data.clips import speaker_of
from kws.data.dataset import IMPULSE_RESPONSES, NEGATIVE, NOISE, folders_in
from kws.data.speech_commands import BACKGROUND, LISTS, is_speech_commands
from kws.data.transcripts import INDEX
from kws.errors import KwsError

NAMED = 5  # of what is not carried along, in a line

_log = logging.getLogger(__name__)


@dataclass
class Sharding:
    """Count what was written."""

    recordings: int = 0
    shards: int = 0
    size: int = 0  # bytes
    left_out: int = 0


def write_shards(
    source: Path, output: Path, shard_bytes: float, progress: Callable[[str, int, int], object]
) -> Sharding:
    """Write the shards of each folder of a dataset into a folder of its name.

    Loose recordings have their shards in `output` itself. Recordings are 16 kHz mono, as kws reads
    them; one that cannot be read is logged. Transcripts (index.tsv) and the lists of Google Speech
    Commands are copied; all else is logged. `output` is there only when it is complete.

    Raises:
        KwsError: `output` is there, nothing can be read, or a file cannot be written.
    """
    if output.exists():
        raise KwsError(f"{output}: is there already; choose another folder")
    groups = {folder.name: audio_files(folder) for folder in _folders(source)}
    loose = sorted(p for p in source.iterdir() if p.suffix.lower() in AUDIO_SUFFIXES)
    groups |= {"": [path for path in loose if not path.name.startswith(HIDDEN)]} if loose else {}
    unfinished, done = output.with_name(f"{output.name}.part"), Sharding()
    try:
        shutil.rmtree(unfinished, ignore_errors=True)
        for name, paths in groups.items():
            (unfinished / name).mkdir(parents=True)
            _write_group(source / name, paths, unfinished / name, shard_bytes, done, progress)
        _copy_others(source, groups, unfinished)
        if not done.recordings:
            raise KwsError(f"{source}: no recording that can be read")
        unfinished.rename(output)
    except OSError as error:
        raise KwsError(f"{error.filename or output}: {error.strerror or error}") from error
    return done


def _folders(source: Path) -> Iterator[Path]:
    """Yield the folders that have a role in a dataset."""
    roles = (BACKGROUND,) if is_speech_commands(source) else (NEGATIVE, NOISE, IMPULSE_RESPONSES)
    for folder in folders_in(source):
        if not folder.name.startswith(HIDDEN) or folder.name in roles:
            yield folder


def _copy_others(source: Path, groups: Mapping[str, Sequence[Path]], output: Path) -> None:
    """Copy transcripts and lists; log what is not carried along, in one line for each folder."""
    written = {path for paths in groups.values() for path in paths}
    written |= {path.with_suffix(DESCRIPTION) for path in written if find_member(path)}
    at_top = [p for p in source.iterdir() if p.name not in groups and p.name[0] != "."]
    for folder in (source, *(source / name for name in groups if name)):
        others = sorted({*(at_top if folder == source else files_in(folder))} - written)
        carried = [p for p in others if _is_carried(p.relative_to(source)) and p.is_file()]
        for path in carried:
            copy = output / path.relative_to(source)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, copy)
        left = [p.relative_to(folder).as_posix() for p in others if p not in carried]
        more = f" and {len(left) - NAMED} more" if len(left) > NAMED else ""
        if left:
            _log.warning("%s: not carried along: %s%s", folder, ", ".join(left[:NAMED]), more)


def _is_carried(name: Path) -> bool:
    return name.name == INDEX or name.as_posix() in LISTS.values()


def _write_group(
    source: Path,
    paths: list[Path],
    output: Path,
    shard_bytes: float,
    done: Sharding,
    progress: Callable[[str, int, int], object],
) -> None:
    """Write the shards of one folder."""
    keys: set[str] = set()
    contents = _contents(source, paths, keys, done, progress)
    number, pending = 0, next(contents, None)
    while pending:
        path = output / f"shard-{number:06d}.tar"
        with tarfile.open(path, "w") as shard:
            while pending and (not shard.offset or shard.offset < shard_bytes):
                for name, content in pending:
                    member = tarfile.TarInfo(name)
                    member.size = len(content)
                    shard.addfile(member, io.BytesIO(content))
                done.recordings += 1
                pending = next(contents, None)
        flush(path)
        number, done.shards, done.size = (
            number + 1,
            done.shards + 1,
            done.size + path.stat().st_size,
        )


def _contents(
    source: Path,
    paths: list[Path],
    keys: set[str],
    done: Sharding,
    progress: Callable[[str, int, int], object],
) -> Iterator[list[tuple[str, bytes]]]:
    """Yield the two files of each recording, each with its name in the shard."""
    for number, path in enumerate(paths, 1):
        try:
            samples = read_audio(path)
        except KwsError as error:
            _log.warning("%s; left out", error)
            done.left_out += 1
            continue
        file = without_archive(path).relative_to(source)
        key = _key(file, keys)
        values = {
            "label": source.name,
            FILE: file.as_posix(),
            "samples": len(samples),
            "sample_rate": SAMPLE_RATE,
            "speaker": speaker_of(path),
        }
        text = json.dumps(values, ensure_ascii=False).encode("utf-8", "surrogateescape")
        yield [(f"{key}.flac", encode(samples)), (f"{key}{DESCRIPTION}", text)]
        progress(source.name, number, len(paths))


def _key(path: Path, keys: set[str]) -> str:
    """Return a name without a dot, which would end it for webdataset; no two are equal."""
    stem = shard_name(path)
    key, number = stem, 1
    while key in keys:
        number += 1
        key = f"{stem}_{number}"
    keys.add(key)
    return key
