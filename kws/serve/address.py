"""Parse the URI that a Wyoming server listens at: tcp://HOST:PORT, unix://PATH or stdio://."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

from kws.errors import KwsError
from kws.foreign_text import shortened

DEFAULT_PORT = 10400  # of wake word servers, by Home Assistant's convention
LOST = {*"?#\0\t\r\n"}  # what urlsplit() ends a path at, or drops without a word


@dataclass(frozen=True)
class Address:
    """Hold where a server listens."""

    scheme: str  # "tcp", "unix" or "stdio"
    host: str = ""  # of TCP
    port: int = 0
    path: str = ""  # of a Unix socket

    @classmethod
    def parse(cls, uri: str) -> Address:
        """Return the address that a URI names; raise KwsError for any other text."""
        try:
            parts = urlsplit(uri)
            port = DEFAULT_PORT if parts.port is None else parts.port
        except ValueError as error:
            raise KwsError(f"--uri {shortened(uri)}: {error}") from error
        place = parts.netloc + parts.path
        if LOST & {*uri}:
            raise KwsError(f"--uri {shortened(uri)}: an address has no '?', '#' or line break")
        is_host = parts.hostname and "@" not in place and parts.path in ("", "/")
        if parts.scheme == "tcp" and is_host and port:  # 0 is any, which no client would know
            return cls("tcp", parts.hostname or "", port)
        if parts.scheme == "unix" and place:
            return cls("unix", path=place)
        if parts.scheme == "stdio" and not place:
            return cls("stdio")
        raise KwsError(f"--uri {shortened(uri)}: not tcp://HOST:PORT, unix://PATH or stdio://")

    def __str__(self) -> str:
        """Return the URI."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        place = {"tcp": f"{host}:{self.port}", "unix": self.path, "stdio": ""}
        return f"{self.scheme}://{place[self.scheme]}"
