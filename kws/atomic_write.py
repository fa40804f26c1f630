"""Write files so that a reader finds the former content or all of the new one, never a part."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import get_ident

NAME_LENGTH = 40  # characters of a name that its unfinished file repeats: file systems bound names


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield the path of an unfinished file, which takes the place of `path` where the block ends.

    It lies next to `path`, under a name that starts with a dot and ends as that of `path`. Where
    the block fails, it is removed and `path` is as before. A device or a pipe, which cannot be
    replaced, is written to as it is.
    """
    path = Path(os.path.realpath(path))  # a symbolic link stays one
    if path.exists() and not path.is_file():
        yield path
        return
    unfinished = unfinished_path(path)
    try:
        yield unfinished
        flush(unfinished)
        if path.exists():
            shutil.copymode(path, unfinished)
        _replace(unfinished, path)
    except BaseException:  # Ctrl-C, too
        with suppress(OSError):
            unfinished.unlink()
        raise
    with suppress(OSError):  # a file system that cannot flush a folder
        flush(path.parent)


def place(unfinished: Path, path: Path) -> None:
    """Give an unfinished file its name; FileExistsError where another process was first."""
    flush(unfinished)
    try:
        os.link(unfinished, path)
    except FileExistsError:
        raise
    except OSError:  # a file system without hard links
        if path.exists():
            raise FileExistsError(path) from None
        os.rename(unfinished, path)
    else:
        unfinished.unlink()


def _replace(unfinished: Path, path: Path) -> None:
    try:
        os.replace(unfinished, path)
    except OSError as error:
        if error.errno != errno.EBUSY:
            raise
        shutil.copyfile(unfinished, path)  # a file that is mounted by itself, in a container
        flush(path)
        unfinished.unlink()


def unfinished_path(path: Path) -> Path:
    """Return the path under which this thread writes a file until it is complete.

    Threads write files at once whose names have the same end: words by one voice, for instance.
    """
    return path.with_name(f".{os.getpid()}-{get_ident()}.{path.name[-NAME_LENGTH:]}")


def write_atomically(path: Path, content: bytes | str) -> None:
    """Replace a file by bytes, or by text in UTF-8 with its line ends as they are."""
    with replacing(path) as unfinished:
        unfinished.write_bytes(encoded(content) if isinstance(content, str) else content)


def encoded(text: str) -> bytes:
    r"""Return text in UTF-8; what a file's name has in other encodings is written as \udc80."""
    return text.encode("utf-8", "backslashreplace")


def flush(path: Path) -> None:
    """Wait until a file or folder is on the disk; a full disk may be reported only here."""
    descriptor = os.open(path, os.O_RDWR if path.is_file() else os.O_RDONLY)  # Windows: to write
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
