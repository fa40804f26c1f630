"""Download archives and unpack them.

A broken download is resumed where it stopped, and a checksum decides whether the file is right.
Unpacking writes nothing outside of the folder and leaves no half of an archive.
"""

from __future__ import annotations

import errno
import gzip
import hashlib
import http.client
import shutil
import tarfile
import time
import urllib.error
import urllib.request
import zlib
from collections.abc import Callable
from http import HTTPStatus
from pathlib import Path, PureWindowsPath
from typing import cast

from kws.atomic_write import flush
from kws.errors import KwsError
from kws.foreign_text import shortened

BLOCK = 1 << 18  # bytes read or copied at a time
TIMEOUT = 30.0  # s without a byte
ATTEMPTS = 3  # in a row without a new byte
MAX_BYTES = 1 << 40  # of a file or a folder whose size nobody knows
MAX_MEMBERS, MAX_DEPTH, MAX_PATH = 1_000_000, 32, 1024  # of an archive; folders, characters
PAUSE = 2.0  # s before the second attempt, twice as long before each further one

Progress = Callable[[int, int], None]  # bytes done, bytes in total (0 where unknown)


class BrokenOffError(Exception):
    """Report a connection that ended early; what has arrived is kept."""


def no_progress(done: int, total: int) -> None:
    """Show no progress."""


def download(
    url: str,
    path: Path,
    sha256: str,
    progress: Progress = no_progress,
    pause: float = PAUSE,
    size: int = MAX_BYTES,
) -> None:
    """Download a URL into a file; KwsError, and no file of that name, where that fails.

    A server that sends more than `size` bytes is refused. What has arrived lies in <path>.part, and
    another call requests only the rest (RFC 9110, Range). After a broken connection it tries again,
    after pause s, 2 * pause ...
    """
    partial = unfinished(path)

    def bounded(done: int, total: int) -> None:
        if max(done, total) > size:
            partial.unlink(missing_ok=True)
            raise KwsError(f"{url}: the server sends more than the {size} bytes of the file")
        progress(done, total)

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _fetch(url, partial, bounded, pause)
        if digest(partial, progress) != sha256:
            partial.unlink()
            problem = "wrong checksum, so this is not the expected file; it is removed"
            raise KwsError(f"{url}: {problem}, and the same command starts again")
        flush(partial)
        partial.rename(path)
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
        kept = "; free some space, the same command goes on" if full else ""
        raise KwsError(f"{partial}: {error.strerror or error}{kept}") from error


def unfinished(path: Path) -> Path:
    """Return the path of a file as long as it is incomplete."""
    return path.with_name(f"{path.name}.part")


def _fetch(url: str, partial: Path, progress: Progress, pause: float) -> None:
    """Complete the partial file, over as many connections as it takes."""
    failures = 0
    while True:
        before = _length(partial)
        try:
            _append(url, partial, progress)
            return
        except BrokenOffError as error:
            failures = 0 if _length(partial) > before else failures + 1
            if failures >= ATTEMPTS:
                there = f", {_length(partial) / 1e6:.1f} MB are there" if _length(partial) else ""
                problem = f"{error}{there}; is there a network? The same command goes on"
                raise KwsError(f"{url}: {problem}") from error
        time.sleep(pause * 2 ** max(0, failures - 1))


def _append(url: str, partial: Path, progress: Progress) -> None:
    """Request what is missing and append it; BrokenOffError where not all of it arrived."""
    there = _length(partial)
    try:
        response = _open(url, there)
    except urllib.error.HTTPError as error:
        if there and error.code == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
            if error.headers["Content-Range"] == f"bytes */{there}":
                return  # it is complete
            partial.unlink()
            raise BrokenOffError("what was there is of another file") from error
        answer = f"the server answers {error.code} {error.reason}"
        if error.code >= HTTPStatus.INTERNAL_SERVER_ERROR:
            raise BrokenOffError(answer) from error
        raise KwsError(f"{url}: {answer}") from error
    with response:
        if response.status != HTTPStatus.PARTIAL_CONTENT:
            there = 0  # a server without ranges sends all of it
        elif not str(response.headers["Content-Range"]).startswith(f"bytes {there}-"):
            raise KwsError(f"{url}: the server sends another range than it was asked for")
        length = _stated_length(url, response)
        _copy(response, partial, there, there + length if length else 0, progress)


def _stated_length(url: str, response: http.client.HTTPResponse) -> int:
    """Return the bytes that a response will have, 0 for no statement; KwsError for nonsense."""
    stated = response.headers["Content-Length"] or "0"
    try:
        if (length := int(stated)) >= 0:
            return length
    except ValueError:
        pass
    raise KwsError(f"{url}: the server states a length that is none: {shortened(stated)}")


def _open(url: str, start: int) -> http.client.HTTPResponse:
    """Return the response to a request for all bytes from `start` on; HTTPError for a refusal."""
    headers = {"Range": f"bytes={start}-"} if start else {}
    try:
        request = urllib.request.Request(url, headers=headers)
        return cast("http.client.HTTPResponse", urllib.request.urlopen(request, timeout=TIMEOUT))
    except urllib.error.HTTPError:
        raise
    except (OSError, http.client.HTTPException) as error:  # an OSError of the network, not ours
        raise BrokenOffError(f"no connection: {_reason(error)}") from error
    except ValueError as error:
        raise KwsError(f"{url}: no URL that can be fetched") from error


def _copy(
    response: http.client.HTTPResponse, partial: Path, there: int, total: int, progress: Progress
) -> None:
    """Append a response to the partial file; BrokenOffError where it ends early."""
    with partial.open("ab" if there else "wb") as file:
        progress(there, total)
        while block := _read(response):
            file.write(block)
            there += len(block)
            progress(there, total)
    if there < total:
        raise BrokenOffError("the connection broke off")


def _read(response: http.client.HTTPResponse) -> bytes:
    """Return the next block, b"" at the end; BrokenOffError where the connection breaks."""
    try:
        return response.read(BLOCK)
    except (OSError, http.client.HTTPException) as error:
        raise BrokenOffError(f"the connection broke off: {_reason(error)}") from error


def _reason(error: Exception) -> str:
    """Return an error's reason in words."""
    reason = getattr(error, "reason", error)
    return getattr(reason, "strerror", None) or str(reason) or type(reason).__name__


def _length(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def digest(path: Path, progress: Progress = no_progress) -> str:
    """Return the SHA-256 of a file, in hexadecimal digits."""
    total = _length(path)
    hashed = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            hashed.update(block)
            progress(file.tell(), total)
    return hashed.hexdigest()


class _Archive(gzip.GzipFile):
    """Refuse to read a header that claims to fill the memory; tarfile reads it at once."""

    def read(self, size: int | None = -1) -> bytes:
        if size is None or not 0 <= size <= BLOCK:
            raise tarfile.ReadError("a header that is too large")
        return super().read(size)


def unpack(
    archive: Path, folder: Path, progress: Progress = no_progress, size: int = MAX_BYTES
) -> None:
    """Unpack a .tar.gz into a folder that is new or empty; progress counts bytes of the archive.

    Only files and folders are unpacked, of `size` bytes together at most, and the folder is there
    only when all of it is. Raises KwsError for an archive that is damaged, holds more than it may
    or has a path that leads out of the folder, and when the disk is full.
    """
    partial = folder.with_name(f".{folder.name}.part")
    try:
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        total = archive.stat().st_size
        with archive.open("rb") as file, _Archive(fileobj=file) as tar:
            with tarfile.open(fileobj=tar, mode="r:") as members:
                for number, member in enumerate(members):
                    size -= member.size
                    if size < 0 or number >= MAX_MEMBERS:
                        raise KwsError(
                            f"{archive}: holds more than it may, at {member.name[:99]!r}"
                        )
                    _extract(archive, members, member, partial)
                    progress(file.tell(), total)
            while tar.read(BLOCK):  # to its end, where the checksum is compared
                pass
        if folder.exists():
            folder.rmdir()
        partial.rename(folder)
    except (tarfile.TarError, EOFError, zlib.error, ValueError, OverflowError) as error:
        raise KwsError(f"{archive}: damaged: {error}") from error
    except OSError as error:
        where = error.filename or archive  # gzip complains without a name
        raise KwsError(f"{where}: {error.strerror or error}") from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _extract(
    archive: Path, members: tarfile.TarFile, member: tarfile.TarInfo, folder: Path
) -> None:
    """Extract one file or folder; KwsError for a path that leads elsewhere, and for links."""
    name = PureWindowsPath(member.name)  # its rules for leaving a folder include those of POSIX
    if name.anchor or ".." in name.parts:
        raise KwsError(f"{archive}: has a path that leads elsewhere: {member.name[:99]!r}")
    if len(name.parts) > MAX_DEPTH or len(member.name) > MAX_PATH:
        raise KwsError(f"{archive}: has a path that is too long: {member.name[:99]!r}...")
    path = folder / member.name
    if member.isdir():
        path.mkdir(parents=True, exist_ok=True)
    elif (source := members.extractfile(member) if member.isfile() else None) is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        with source, path.open("wb") as file:
            shutil.copyfileobj(source, file, BLOCK)
    else:
        raise KwsError(f"{archive}: has more than files and folders: {member.name[:99]!r}")
