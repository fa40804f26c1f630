"""Write the files of an export into a folder, again and again.

The files of the export before are replaced, and removed where this one has none of their name,
since a compiler would take them: those of another format or version. Others, and those that were
changed since, stay as they are.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path, PurePosixPath

from kws import __version__
from kws.atomic_write import encoded, write_atomically
from kws.errors import KwsError

DIGESTS = "kws_export.sha256"  # of the exported files, in the format of sha256sum
Content = str | bytes  # of a file; text is written as UTF-8

log = logging.getLogger(__name__)


def write(
    folder: Path, files: Mapping[str, Content], may_be_changed: str = "", shared: bool = False
) -> list[Path]:
    """Write files and a list of their digests into a folder; return the paths written.

    By the digests, the next export recognises the files of this one.

    Args:
        folder: Where to write.
        files: Contents by path within the folder.
        may_be_changed: The file that stays as it is if it was changed since the last export.
        shared: Whether the folder may hold other exports, which stay.

    Raises:
        KwsError: If another file was changed since, or is not an export's. Nothing is written then.
    """
    try:
        digests = _digests(folder / DIGESTS)
        contents = dict(files)
        for name, content in files.items():
            if not _changed(folder / name, content, digests.get(name, set())):
                continue
            if name != may_be_changed or name not in digests:
                raise KwsError(
                    f"{folder / name}: changed since, or not of kws export; move it away"
                    " or choose another folder"
                )
            del contents[name]
        new = {name: {_digest(content)} for name, content in files.items()}
        both = {name: digests.get(name, set()) | new[name] for name in files}
        others = {name: digests[name] for name in digests.keys() - new.keys()}
        # An export that breaks off leaves some files of before: their digests stay until the end.
        for name, content in ((DIGESTS, _list_of_digests(digests | both)), *contents.items()):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            write_atomically(folder / name, content)
        if not shared:
            _remove(folder, others)
        write_atomically(folder / DIGESTS, _list_of_digests(others | new if shared else new))
    except OSError as error:
        raise KwsError(f"{error.filename or folder}: {error.strerror or error}") from error
    return [folder / name for name in sorted([*contents, DIGESTS])]


def _remove(folder: Path, others: Mapping[str, set[str]]) -> None:
    """Remove files of the export before, and the folders that get empty; log those that stay."""
    for name, digests in sorted(others.items()):
        path, parts = folder / name, PurePosixPath(name).parts
        if folder.resolve() not in path.resolve().parents or not path.is_file():
            continue
        found = path.read_bytes()
        text = found.decode("utf-8", errors="replace").replace("\r\n", "\n")
        if not {_digest(found), _digest(text)} & digests:
            log.warning("%s: of the export before, and changed since; it stays", path)
            continue
        path.unlink()
        with suppress(OSError):  # not empty
            for depth in range(len(parts) - 1, 0, -1):
                folder.joinpath(*parts[:depth]).rmdir()


def _changed(path: Path, content: Content, digests: set[str]) -> bool:
    """Return whether a file holds neither this export's content nor one with a known digest."""
    if not path.exists():
        return False
    found: Content
    if isinstance(content, bytes):
        found = path.read_bytes()
    else:
        found = path.read_text("utf-8", errors="replace")  # any line ends: tools may change them
    return found != content and _digest(found) not in digests


def _list_of_digests(digests: Mapping[str, set[str]]) -> str:
    lines = (f"{digest}  {name}\n" for name in sorted(digests) for digest in sorted(digests[name]))
    return f"# Written by kws {__version__} (kws export).\n" + "".join(lines)


def _digests(path: Path) -> dict[str, set[str]]:
    """Return the digests of an earlier export's files by name, two where it broke off."""
    if not path.exists():
        return {}
    lines = path.read_text("utf-8").splitlines()
    digests: dict[str, set[str]] = {}
    for line in lines:
        if not line.startswith("#") and "  " in line:
            digest, name = line.split("  ", 1)
            digests.setdefault(name, set()).add(digest)
    return digests


def _digest(content: Content) -> str:
    return hashlib.sha256(encoded(content) if isinstance(content, str) else content).hexdigest()
