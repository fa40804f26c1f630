"""Files from the network: broken downloads go on where they stopped, a checksum is the judge."""

from __future__ import annotations

import errno
import hashlib
import http.client
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from http import HTTPStatus
from pathlib import Path

from kws.errors import KwsError

BLOCK = 1 << 18  # bytes read at a time
TIMEOUT = 30.0  # s without a byte
ATTEMPTS = 3  # in a row that brought nothing
PAUSE = 2.0  # s before the second attempt, twice as long before each further one

Progress = Callable[[int, int], None]  # bytes there, bytes in all (0 where nobody says)


class BrokenOffError(Exception):
    """A connection that ended early; what came is kept."""


def nothing(done: int, total: int) -> None:
    """No progress is shown."""


def download(
    url: str, path: Path, sha256: str, progress: Progress = nothing, pause: float = PAUSE
) -> None:
    """Fetch a URL into a file; KwsError, and no file of that name, where that cannot be done.

    What has come lies in <path>.part, and another call asks for the rest of it alone (RFC 9110,
    Range). A connection that breaks is taken up again, after pause s, 2 * pause ...
    """
    part = unfinished(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _fetch(url, part, progress, pause)
        if _sha256(part, progress) != sha256:
            part.unlink()
            raise KwsError(
                f"{url}: wrong checksum, so this is not the file that is wanted; what came is"
                " removed, the same command begins anew"
            )
        part.rename(path)
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
        kept = "; free some space, the same command goes on" if full else ""
        raise KwsError(f"{part}: {error.strerror or error}{kept}") from error


def unfinished(path: Path) -> Path:
    """Where a file lies as long as it is not all there."""
    return path.with_name(f"{path.name}.part")


def _fetch(url: str, part: Path, progress: Progress, pause: float) -> None:
    """Bring the part to its full length."""
    failures = 0
    while True:
        before = _length(part)
        try:
            _append(url, part, progress)
            return
        except BrokenOffError as error:
            failures = 0 if _length(part) > before else failures + 1
            if failures >= ATTEMPTS:
                there = f", {_length(part) / 1e6:.1f} MB are there" if _length(part) else ""
                raise KwsError(
                    f"{url}: {error}{there}; is there a network? The same command goes on"
                ) from error
        time.sleep(pause * 2 ** max(0, failures - 1))


def _append(url: str, part: Path, progress: Progress) -> None:
    """One request for what is missing; BrokenOffError where not all of it came."""
    there = _length(part)
    try:
        response = _open(url, there)
    except urllib.error.HTTPError as error:
        if there and error.code == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
            if error.headers["Content-Range"] == f"bytes */{there}":
                return  # all of it is there
            part.unlink()
            raise BrokenOffError("what was there is of another file") from error
        answer = f"the server answers {error.code} {error.reason}"
        if error.code >= HTTPStatus.INTERNAL_SERVER_ERROR:
            raise BrokenOffError(answer) from error
        raise KwsError(f"{url}: {answer}") from error
    with response:
        if response.status != HTTPStatus.PARTIAL_CONTENT:
            there = 0  # a server that knows no ranges sends all of it
        elif not str(response.headers["Content-Range"]).startswith(f"bytes {there}-"):
            raise KwsError(f"{url}: the server sends another range than it was asked for")
        length = int(response.headers["Content-Length"] or 0)
        _copy(response, part, there, there + length if length else 0, progress)


def _open(url: str, start: int) -> http.client.HTTPResponse:
    """The answer to a request for all bytes from `start` on; HTTPError for a refusal."""
    headers = {"Range": f"bytes={start}-"} if start else {}
    try:
        request = urllib.request.Request(url, headers=headers)
        response: http.client.HTTPResponse = urllib.request.urlopen(request, timeout=TIMEOUT)
        return response
    except urllib.error.HTTPError:
        raise
    except (OSError, http.client.HTTPException) as error:  # an OSError of the network, not ours
        raise BrokenOffError(f"no connection: {_reason(error)}") from error
    except ValueError as error:
        raise KwsError(f"{url}: no URL that can be fetched") from error


def _copy(
    response: http.client.HTTPResponse, part: Path, there: int, total: int, progress: Progress
) -> None:
    with part.open("ab" if there else "wb") as file:
        progress(there, total)
        while block := _read(response):
            file.write(block)
            there += len(block)
            progress(there, total)
    if there < total:
        raise BrokenOffError("the connection broke off")


def _read(response: http.client.HTTPResponse) -> bytes:
    try:
        return response.read(BLOCK)
    except (OSError, http.client.HTTPException) as error:
        raise BrokenOffError(f"the connection broke off: {_reason(error)}") from error


def _reason(error: Exception) -> str:
    reason = getattr(error, "reason", error)
    return getattr(reason, "strerror", None) or str(reason) or type(reason).__name__


def _length(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _sha256(path: Path, progress: Progress) -> str:
    total = _length(path)
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            digest.update(block)
            progress(file.tell(), total)
    return digest.hexdigest()
