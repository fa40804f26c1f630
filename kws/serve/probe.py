"""Ask a running server for its description, as a health check does."""

from __future__ import annotations

import io
import socket
import time
from contextlib import suppress

from wyoming.event import Event, write_event
from wyoming.info import Describe, Info

from kws.errors import KwsError
from kws.foreign_text import printable
from kws.serve.address import Address
from kws.serve.event_reader import EventReader, ProtocolError

TIMEOUT = 5.0  # s, Home Assistant's, for the whole answer
MAX_DESCRIPTION = 1 << 22  # bytes; a wake word takes some 300
READ = 1 << 16  # bytes at once

WILDCARDS = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # where a server listens, and how to reach it


def wake_word_names(address: Address) -> list[str]:
    """Return the names of the wake words that a server offers, printable.

    Raises:
        KwsError: it does not answer in time, or with something else.
    """
    deadline = time.monotonic() + TIMEOUT
    try:
        with _connected(address) as connection:
            request = io.BytesIO()
            write_event(Describe().event(), request)
            connection.sendall(request.getvalue())
            event = _answer(connection, deadline)
    except OSError as error:
        raise KwsError(f"{address}: {error.strerror or error}") from error
    if event is not None and Info.is_type(event.type):
        with suppress(Exception):  # the package checks nothing of what it is given
            programs = Info.from_event(event).wake
            return [printable(model.name) for program in programs for model in program.models]
    raise KwsError(f"{address}: no description came")


def _answer(connection: socket.socket, deadline: float) -> Event | None:
    """Return the first event that comes before a time, None where no event can come any more."""
    reader = EventReader(MAX_DESCRIPTION)
    with suppress(ProtocolError):
        while (event := reader.next()) is None:
            connection.settimeout(max(0.001, deadline - time.monotonic()))
            if time.monotonic() > deadline or not (received := connection.recv(READ)):
                break
            reader.feed(received)
        return event
    return None


def _connected(address: Address) -> socket.socket:
    if address.scheme == "tcp":
        place = (WILDCARDS.get(address.host, address.host), address.port)
        return socket.create_connection(place, TIMEOUT)
    if address.scheme != "unix" or not hasattr(socket, "AF_UNIX"):
        raise KwsError(f"{address}: no server can be reached there")
    connection = socket.socket(socket.AF_UNIX)
    connection.settimeout(TIMEOUT)
    connection.connect(address.path)
    return connection
