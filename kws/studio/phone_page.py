"""Answer how a phone opens the Record page: a QR code of its address, or what is missing."""

from __future__ import annotations

import shlex
import socket
import struct
import sys
from collections.abc import Callable
from contextlib import suppress
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
NEIGHBOURS = ("224.0.0.251", 5353)  # a group of the network at hand (RFC 6762)
SCALE = 5  # pixels of a module


def interface_address(index: int) -> str:
    """Return the address from which an interface reaches its neighbours, 0.0.0.0 for none."""
    if sys.platform == "win32":
        chosen = struct.pack("!I", index)
    else:
        chosen = struct.pack("=4s4si", b"", b"", index)  # ip_mreqn
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, chosen)
        probe.connect(NEIGHBOURS)  # sends nothing, and needs no route
        address: str = probe.getsockname()[0]
    return address


def own_address(
    outside: tuple[str, int] = OUTSIDE, of_interface: Callable[[int], str] = interface_address
) -> str:
    """Return the address of this machine in its network; KwsError where there is none.

    It is that of the way to an address outside, or, in a network without one, of the first
    interface that has any.
    """
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.connect(outside)  # sends nothing, and chooses the interface
            routed: str = probe.getsockname()[0]
            return routed
    except OSError as error:
        problem = error
    for index, _ in socket.if_nameindex():
        with suppress(OSError):  # it is not up
            found = of_interface(index)
            if found not in EVERY_NETWORK and not is_loopback(found):
                return found
    raise KwsError(f"this machine has no network: {problem.strerror or problem}") from problem


class PhonePage:
    """Hold the route of the code."""

    def __init__(
        self,
        workspace: Workspace,
        access: Access,
        host: str,
        own: Callable[[], str] = own_address,
    ) -> None:
        """Show the address of a studio that listens at a host.

        own: returns the address of this machine.
        """
        self._workspace, self._access, self._host, self._own = workspace, access, host, own

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
            known = self._own()
        return f"[{known}]:{self._access.port}" if ":" in known else f"{known}:{self._access.port}"


def _picture(text: str) -> str:
    """Return a QR code as the address of a picture, dark on light in any theme."""
    if not find_spec("segno"):
        raise KwsError("a QR code needs segno: pip install 'kws[studio]'")
    import segno

    uri: str = segno.make_qr(text).svg_data_uri(scale=SCALE, dark="#000", light="#fff")
    return uri
