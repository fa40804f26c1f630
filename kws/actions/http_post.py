"""Send a body by HTTP POST, over redirects too, within a time that no server can stretch."""

from __future__ import annotations

import http.client
import socket
from contextlib import suppress
from functools import partial
from http import HTTPStatus
from typing import IO, Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import (
    HTTPHandler,
    HTTPRedirectHandler,
    HTTPSHandler,
    Request,
    build_opener,
)

from kws.errors import KwsError

# 303 means that what the POST led to is elsewhere, to be read by a GET: the body goes nowhere.
RESENT = {
    HTTPStatus.MOVED_PERMANENTLY,
    HTTPStatus.FOUND,
    HTTPStatus.TEMPORARY_REDIRECT,
    HTTPStatus.PERMANENT_REDIRECT,
}


class HttpPost:
    """Send one POST; another thread may cut it off."""

    def __init__(self, url: str, body: bytes, content_type: str) -> None:
        self._request = Request(url, body, {"Content-Type": content_type})
        self._sockets: list[socket.socket] = []
        self._cut = False

    def send(self, timeout: float) -> None:
        """Return when a server has accepted the body.

        timeout: s without a byte. Raises KwsError, with the reason.
        """
        opener = build_opener(_Redirects, _Http(self._opened), _Https(self._opened))
        try:
            opener.open(self._request, timeout=timeout).close()
        except HTTPError as error:
            raise KwsError(f"the server answered {error.code} {error.reason}") from error
        except URLError as error:
            raise KwsError(str(error.reason)) from error

    def cut(self) -> None:
        """End the connections, whatever the server sends; send() then raises."""
        self._cut = True
        for connection in self._sockets:
            with suppress(OSError):  # it has just ended by itself
                connection.shutdown(socket.SHUT_RDWR)

    def _opened(self, connection: socket.socket) -> None:
        self._sockets.append(connection)
        if self._cut:
            raise KwsError("cut off")


class _Redirects(HTTPRedirectHandler):
    """Send the body to where a redirect leads; urllib would drop it and report success."""

    def redirect_request(
        self,
        req: Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: http.client.HTTPMessage,
        newurl: str,
    ) -> Request:
        """Return a POST to the new URL; KwsError where the body cannot go there."""
        old, new = urlsplit(req.full_url).scheme, urlsplit(newurl).scheme
        if code not in RESENT or new not in (old, "https"):
            raise KwsError(f"the server answered {code} {msg}, so nothing was sent to {newurl}")
        return Request(newurl, req.data, dict(req.headers), method="POST")

    http_error_308 = HTTPRedirectHandler.http_error_302  # which Python 3.10 does not know


class _Connection(http.client.HTTPConnection):
    """Tell of the socket as soon as it is connected."""

    def __init__(self, *args: Any, opened: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._opened = opened

    def connect(self) -> None:
        super().connect()
        self._opened(self.sock)


class _TlsConnection(_Connection, http.client.HTTPSConnection):
    """Do the same for TLS; super() in _Connection is HTTPSConnection here."""


class _Http(HTTPHandler):
    def __init__(self, opened: Any) -> None:
        super().__init__()
        self._opened = opened

    def http_open(self, req: Request) -> http.client.HTTPResponse:
        return self.do_open(partial(_Connection, opened=self._opened), req)


class _Https(HTTPSHandler):
    def __init__(self, opened: Any) -> None:
        super().__init__()
        self._opened = opened

    def https_open(self, req: Request) -> http.client.HTTPResponse:
        return self.do_open(partial(_TlsConnection, opened=self._opened), req)
