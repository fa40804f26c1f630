"""Let one process at a time work on a folder or a file; the system releases the lock on death."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from kws.errors import KwsError

MARK = 1 << 20  # byte that Windows locks, far after the process number, which others can read


@contextmanager
def locked(path: Path, what: str) -> Iterator[None]:
    """Hold a lock file while the block runs, and remove it; its folder must be there.

    what: what is worked on, for the message. Raises KwsError at once where another process holds
    the lock, and where the file cannot be made. A file system without locks locks nothing.
    """
    try:
        descriptor = _open_locked(path)
    except BlockingIOError:
        holder = _holder(path)
        raise KwsError(
            f"{what}: another kws{holder} works on it; wait until it has ended"
        ) from None
    except OSError as error:
        raise KwsError(f"{path}: {error.strerror or error}") from error
    try:
        yield
    finally:
        if sys.platform == "win32":  # where no open file can be removed
            os.close(descriptor)
        with suppress(OSError):
            path.unlink()
        if sys.platform != "win32":
            os.close(descriptor)


def holder_of(path: Path) -> int | None:
    """Return the number of the process that holds a lock file, 0 if unknown; None if none does.

    Looking locks the file for a moment, together with others who look.
    """
    try:
        descriptor = os.open(path, os.O_RDWR)
    except FileNotFoundError:
        return None
    except OSError:  # it is somebody else's
        return _number(path) or 0
    try:
        _lock(descriptor, shared=True)
    except BlockingIOError:
        return _number(path) or 0
    finally:
        os.close(descriptor)
    return None


def _open_locked(path: Path) -> int:
    """Return the descriptor of the locked file; BlockingIOError where another process has it."""
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            _lock(descriptor)
            if _is(path, descriptor):
                os.truncate(descriptor, 0)
                os.write(descriptor, str(os.getpid()).encode())
                return descriptor
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)  # its holder removed it in between


def _lock(descriptor: int, shared: bool = False) -> None:
    """Lock an open file; BlockingIOError where another process has locked it.

    shared: with others who lock it so; Windows has no such locks.
    """
    if sys.platform == "win32":
        import msvcrt

        os.lseek(descriptor, MARK, os.SEEK_SET)
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except OSError as error:
            raise BlockingIOError from error
        os.lseek(descriptor, 0, os.SEEK_SET)
        return
    import fcntl

    try:
        fcntl.flock(descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError:
        raise
    except OSError:  # a network file system without locks
        return


def _is(path: Path, descriptor: int) -> bool:
    """Return whether a path still leads to an open file."""
    try:
        return os.path.samestat(os.stat(path), os.fstat(descriptor))
    except FileNotFoundError:
        return False


def _holder(path: Path) -> str:
    """Return the number of the process that wrote it into a lock file, for a message."""
    number = _number(path)
    return "" if number is None else f" (process {number})"


def _number(path: Path) -> int | None:
    """Return the number of a process that a lock file has."""
    try:
        return int(path.read_text("ascii"))
    except (OSError, ValueError):
        return None
