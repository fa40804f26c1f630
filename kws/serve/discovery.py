"""Announce a server in the local network, so that Home Assistant finds it (zeroconf, mDNS)."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from ipaddress import ip_address

from kws.errors import KwsError
from kws.foreign_text import is_printable
from kws.serve.address import Address
from kws.serve.probe import WILDCARDS

SERVICE = "_wyoming._tcp.local."
MULTICAST = ("224.0.0.251", 5353)  # mDNS
MAX_LABEL = 63  # bytes of a name in DNS

log = logging.getLogger(__name__)


def default_name() -> str:
    """Return a name for the server of this machine."""
    return f"kws-{socket.gethostname().partition('.')[0]}"[:MAX_LABEL]


@asynccontextmanager
async def advertised(name: str, address: Address) -> AsyncIterator[None]:
    """Announce a TCP server by a name while the block runs.

    Raises:
        KwsError: the name is no label of DNS or taken, or there is no network.
    """
    from zeroconf import Error
    from zeroconf.asyncio import AsyncServiceInfo, AsyncZeroconf

    if not name or "." in name or not is_printable(name) or len(name.encode()) > MAX_LABEL:
        raise KwsError(f"--zeroconf: {name!r} is not a name of 1 to {MAX_LABEL} bytes without dots")
    try:
        loop = asyncio.get_running_loop()
        host = await loop.run_in_executor(None, _reachable, address.host)
        if ip_address(host).is_loopback:
            log.warning("%s: other machines find it but do not reach it", address)
        service = AsyncServiceInfo(
            SERVICE, f"{name}.{SERVICE}", port=address.port, parsed_addresses=[host]
        )
        network = AsyncZeroconf()
    except OSError as error:
        raise KwsError(f"--zeroconf: {error.strerror or error}") from error
    try:
        await network.async_register_service(service)
        yield
    except Error as error:
        raise KwsError(f"--zeroconf {name}: {type(error).__name__} {error}".rstrip()) from error
    finally:
        await network.async_unregister_all_services()
        await network.async_close()


def _reachable(host: str) -> str:
    """Return the address at which others reach this machine."""
    if host not in WILDCARDS:
        return socket.gethostbyname(host) if ":" not in host else host
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect(MULTICAST)  # sends nothing, and chooses the interface
        address: str = probe.getsockname()[0]
    return address
