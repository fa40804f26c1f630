"""Serve Wyoming clients over TCP or a Unix socket, in one thread, each in bounded memory and time.

A client whose answers are not read is not read either; one that sends faster than it can be served
takes turns with the others; where there are too many, the one that was silent for longest goes.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
import stat
import sys
import time
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from typing import Any

from kws.console.error_lines import describe
from kws.console.interrupts import ending_signals
from kws.errors import KwsError
from kws.serve.address import Address
from kws.serve.connection import Connection
from kws.serve.discovery import advertised
from kws.serve.event_reader import EventReader, ProtocolError
from kws.serve.wake_words import WakeWords

MAX_CONNECTIONS = 256
IDLE = 10.0  # s of silence after which a client may be closed for another
TURN = 0.002  # s that a client is served before the others have their turn
RECEIVE_BUFFER = 1 << 16  # bytes of a socket, so that one read is a few seconds of audio
SEND_BUFFER = 1 << 16  # bytes of answers that wait for a client
LINES, PERIOD = 10, 60.0  # lines about clients in the log, in so many seconds
GRACE = 1.0  # s for answers to leave at the end

log = logging.getLogger(__name__)


class SocketServer:
    """Hold the clients of a server."""

    def __init__(self, wake_words: WakeWords) -> None:
        self.wake_words = wake_words
        self.complaints = _Complaints()
        self._clients: set[_Client] = set()

    async def run(self, address: Address, zeroconf: str | None) -> None:
        """Serve until SIGINT, SIGTERM or SIGHUP; zeroconf: the name to be found by, if any.

        Raises:
            KwsError: nothing can listen at this address, or be announced.
        """
        loop, end = asyncio.get_running_loop(), asyncio.Event()
        loop.set_exception_handler(self._log_error)
        _on_signals(loop, end)
        server = await self._listen(address)
        async with AsyncExitStack() as stack:
            stack.callback(_remove_socket, address)
            stack.callback(server.close)
            if zeroconf is not None:
                await stack.enter_async_context(advertised(zeroconf, address))
            log.info("serving at %s: %s", address, self.wake_words)
            await end.wait()
        await self._close()

    def admit(self, client: _Client) -> bool:
        """Add a client; return False where there is no room for it."""
        if len(self._clients) >= MAX_CONNECTIONS:
            idle = min(self._clients, key=lambda other: other.active)
            if time.monotonic() - idle.active < IDLE:
                self.complaints.log(f"more than {MAX_CONNECTIONS} connections: one refused")
                return False
            idle.abort()
            self._clients.discard(idle)
        self._clients.add(client)
        return True

    def dismiss(self, client: _Client) -> None:
        """Forget a client that has gone."""
        self._clients.discard(client)

    def _log_error(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """Log what nobody foresaw as one line, and close the connection that it happened on."""
        error = context.get("exception")
        self.complaints.log(describe(error) if error else context["message"])
        if transport := context.get("transport"):
            transport.abort()

    async def _listen(self, address: Address) -> asyncio.AbstractServer:
        loop = asyncio.get_running_loop()
        try:
            if address.scheme == "tcp":
                server = await loop.create_server(
                    lambda: _Client(self), address.host, address.port, start_serving=False
                )
            else:
                _refuse_live_socket(address.path)
                server = await loop.create_unix_server(
                    lambda: _Client(self), address.path, start_serving=False
                )
            for listening in server.sockets:
                listening.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
            await server.start_serving()
        except (OSError, NotImplementedError, AttributeError) as error:
            number = getattr(error, "errno", None) or 0  # asyncio's own text repeats the address
            text = os.strerror(number) if number > 0 else getattr(error, "strerror", None)
            raise KwsError(f"--uri {address}: {text or 'not possible on this system'}") from error
        return server

    async def _close(self) -> None:
        """Close all connections; those that do not take their answers in time, at once."""
        for client in tuple(self._clients):
            client.close()
        until = time.monotonic() + GRACE
        while self._clients and time.monotonic() < until:
            await asyncio.sleep(0.01)
        for client in tuple(self._clients):
            client.abort()


class _Client(asyncio.Protocol):
    """Pass the bytes of a client to its connection and the answers back.

    Attributes:
        active: when it last sent anything, by time.monotonic().
    """

    def __init__(self, server: SocketServer) -> None:
        self._server = server
        self._reader = EventReader()
        self._blocked = False  # the client does not read its answers
        self._waiting = False  # for its turn
        self.active = time.monotonic()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take a new connection, or close it where there is no room."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        transport.set_write_buffer_limits(SEND_BUFFER)
        connection = transport.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        self._connection = Connection(self._server.wake_words, transport.write, self._complain)
        if not self._server.admit(self):
            transport.abort()

    def connection_lost(self, error: Exception | None) -> None:
        """Forget the client."""
        self._server.dismiss(self)

    def data_received(self, data: bytes) -> None:
        """Take bytes and answer the events in them."""
        self.active = time.monotonic()
        self._reader.feed(data)
        self._serve()

    def pause_writing(self) -> None:
        """Stop reading from a client that does not read."""
        self._blocked = True

    def resume_writing(self) -> None:
        """Go on."""
        self._blocked = False
        self._serve()

    def close(self) -> None:
        """Close the connection when the answers have left."""
        self._transport.close()

    def abort(self) -> None:
        """Close the connection at once."""
        self._transport.abort()

    def _serve(self) -> None:
        """Answer what there is, for one turn; read no more until it is done."""
        until = time.monotonic() + TURN
        try:
            while not self._transport.is_closing() and not self._waiting:
                if self._blocked:
                    return self._transport.pause_reading()
                event = self._reader.next()
                if event is None:
                    return self._transport.resume_reading()
                self._connection.handle(event)
                if time.monotonic() > until:
                    self._waiting = True
                    self._transport.pause_reading()
                    asyncio.get_running_loop().call_soon(self._turn)
        except ProtocolError as error:
            self._complain(str(error))
            self.close()

    def _turn(self) -> None:
        self._waiting = False
        self._serve()

    def _complain(self, problem: str) -> None:
        peer = self._transport.get_extra_info("peername")
        self._server.complaints.log(f"client {peer[0] if peer else ''}: {problem}")


class _Complaints:
    """Log lines about clients, so many in a period that no client can fill a disk."""

    def __init__(self) -> None:
        self._until = 0.0
        self._lines = self._omitted = 0

    def log(self, line: str) -> None:
        """Log a line, or count it."""
        if time.monotonic() > self._until:
            if self._omitted:
                log.warning("%d more lines about clients were left out", self._omitted)
            self._until, self._lines, self._omitted = time.monotonic() + PERIOD, 0, 0
        if self._lines < LINES:
            self._lines += 1
            log.warning("%s", line)
        else:
            self._omitted += 1


def _on_signals(loop: asyncio.AbstractEventLoop, end: asyncio.Event) -> None:
    """Set the event at SIGINT, SIGTERM and SIGHUP."""
    for number in (signal.SIGINT, *ending_signals()):
        try:
            loop.add_signal_handler(number, end.set)
        except NotImplementedError:  # Windows
            signal.signal(number, lambda *_: loop.call_soon_threadsafe(end.set))


def _refuse_live_socket(path: str) -> None:
    """Raise KwsError where another server listens at a Unix socket; a stale one is replaced."""
    if sys.platform == "win32":
        raise KwsError(f"--uri unix://{path}: there are no Unix sockets for Python on Windows")
    with socket.socket(socket.AF_UNIX) as client:
        try:
            client.connect(path)
        except OSError:
            return
    raise KwsError(f"--uri unix://{path}: another server listens there")


def _remove_socket(address: Address) -> None:
    with suppress(OSError):
        if address.scheme == "unix" and stat.S_ISSOCK(Path(address.path).stat().st_mode):
            Path(address.path).unlink()
