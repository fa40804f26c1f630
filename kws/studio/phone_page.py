"""Answer how a phone opens the Record page: a QR code of its address, or what is missing."""

from __future__ import annotations

import shlex
import socket
from importlib.util import find_spec

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from kws.errors import KwsError
from kws.studio.access import Access, is_loopback
from kws.studio.workspace import Workspace

PAGE = "#record"
LOOPBACK, NO_TLS = "loopback", "tls"  # what is missing
EVERY_NETWORK = ("0.0.0.0", "::")
OUTSIDE = ("192.0.2.1", 9)  # an address that nobody has (RFC 5737)
SCALE = 5  # pixels of a module


class PhonePage:
    """Hold the route of the code."""

    def __init__(self, workspace: Workspace, access: Access, host: str) -> None:
        """Show the address of a studio that listens at a host."""
        self._workspace, self._access, self._host = workspace, access, host

    def routes(self) -> list[BaseRoute]:
        """Return the routes."""
        return [Route("/api/phone", self.phone)]

    async def phone(self, request: Request) -> Response:
        """Return the code as a picture; or what is missing, and the command that has it.

        The code holds the token, which whoever asks has already.
        """
        if missing := self._missing():
            command = f"kws studio {shlex.quote(str(self._workspace.root))} --host 0.0.0.0"
            command += " --certificate cert.pem --key key.pem"
            return JSONResponse({"missing": missing, "command": command})
        address = await run_in_threadpool(self._address, request.url.hostname or "")
        code = _picture(f"https://{address}/?token={self._access.token}{PAGE}")
        return JSONResponse({"missing": "", "code": code})

    def _missing(self) -> str:
        if self._access.token is None or is_loopback(self._host):
            return LOOPBACK
        return "" if self._access.secure else NO_TLS

    def _address(self, asked: str) -> str:
        """Return host and port by which a phone reaches the studio.

        asked: the host of a request. Others may not know a name without a domain.
        """
        known = self._host if self._host not in EVERY_NETWORK else asked
        if is_loopback(known) or not {*known} & {*".:"}:
            known = own_address()
        return f"[{known}]:{self._access.port}" if ":" in known else f"{known}:{self._access.port}"


def _picture(text: str) -> str:
    """Return a QR code as the address of a picture, dark on light in any theme."""
    if not find_spec("segno"):
        raise KwsError("a QR code needs segno: pip install 'kws[studio]'")
    import segno

    uri: str = segno.make_qr(text).svg_data_uri(scale=SCALE, dark="#000", light="#fff")
    return uri


def own_address() -> str:
    """Return the address of this machine in its network; KwsError where there is none."""
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.connect(OUTSIDE)  # sends nothing, and chooses the interface
            address: str = probe.getsockname()[0]
    except OSError as error:
        raise KwsError(f"this machine has no network: {error.strerror or error}") from error
    return address
