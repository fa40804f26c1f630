"""Run kws studio at an address: on this machine alone, or with a token and, better, TLS."""

from __future__ import annotations

import secrets
import socket
import ssl
import threading
from dataclasses import dataclass
from pathlib import Path

import uvicorn

from kws.certificate import load_certificate
from kws.errors import KwsError
from kws.studio.access import Access, is_loopback
from kws.studio.application import Studio
from kws.studio.phone_page import EVERY_NETWORK
from kws.studio.workspace import Workspace

MAX_AUDIO_MESSAGE = 64 * 1024  # bytes of a WebSocket's message
MAX_CONNECTIONS = 64
TOKEN_BYTES = 24
POLL_SECONDS = 0.5  # a wait without an end cannot be interrupted on Windows
CLOSE_SECONDS = 3  # for answers under way at the end


@dataclass(frozen=True)
class Tls:
    """Hold the files of a certificate and its key, in PEM format."""

    certificate: Path
    key: Path

    def check(self) -> None:
        """Raise KwsError for files that cannot be used."""
        load_certificate(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), self.certificate, self.key)


class StudioServer:
    """Hold a listening socket, and serve a workspace on it."""

    def __init__(
        self, workspace: Workspace, host: str, port: int, token: str | None, tls: Tls | None
    ) -> None:
        """Bind the address; raise KwsError where that fails.

        token: for addresses of more than this machine; None makes one.
        """
        if tls:
            tls.check()
        self._socket = _bound(host, port)
        port = self._socket.getsockname()[1]
        if token is None and not is_loopback(host):
            token = secrets.token_urlsafe(TOKEN_BYTES)
        access = Access(token, tls is not None, port)
        self._studio = Studio(workspace, access, host)
        self._config = uvicorn.Config(
            self._studio.app,
            log_level="warning",
            ws_max_size=MAX_AUDIO_MESSAGE,
            limit_concurrency=MAX_CONNECTIONS,
            timeout_graceful_shutdown=CLOSE_SECONDS,
            server_header=False,
            ssl_certfile=tls.certificate if tls else None,
            ssl_keyfile=tls.key if tls else None,
        )
        named = socket.gethostname() if host in EVERY_NETWORK else host
        shown = f"[{named}]" if ":" in named else named
        scheme = "https" if tls else "http"
        query = f"?token={token}" if token else ""
        self.url = f"{scheme}://{shown}:{port}/{query}"

    def run(self) -> None:
        """Serve until Ctrl-C or SIGTERM raises KeyboardInterrupt."""
        server = uvicorn.Server(self._config)
        # In a thread of its own it leaves signals to this one.
        thread = threading.Thread(target=server.run, kwargs={"sockets": [self._socket]})
        thread.start()
        try:
            while thread.is_alive():
                thread.join(POLL_SECONDS)
        finally:
            self._studio.close()  # or the server would wait for pages that follow something
            server.should_exit = True
            thread.join()


def _bound(host: str, port: int) -> socket.socket:
    """Return a socket that is bound to an address; raise KwsError where that fails."""
    try:
        ((family, kind, protocol, _, address), *_) = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
        bound = socket.socket(family, kind, protocol)
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(address)
        bound.listen()  # from now on a browser may be opened
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise KwsError(f"cannot listen at {host}, port {port}: {reason}") from error
    return bound
