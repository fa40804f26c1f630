"""Ask a running server for its description, as a health check does."""

from __future__ import annotations

import socket

from wyoming.event import read_event, write_event
from wyoming.info import Describe, Info

from kws.errors import KwsError
from kws.serve.address import Address

TIMEOUT = 5.0  # s, Home Assistant's

WILDCARDS = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # where a server listens, and how to reach it


def wake_word_names(address: Address) -> list[str]:
    """Return the names of the wake words that a server offers.

    Raises:
        KwsError: it does not answer in time, or with something else.
    """
    try:
        with _connected(address) as connection:
            with connection.makefile("wb") as writer:
                write_event(Describe().event(), writer)
            with connection.makefile("rb") as reader:
                event = read_event(reader)
    except OSError as error:
        raise KwsError(f"{address}: {error.strerror or error}") from error
    if event is None or not Info.is_type(event.type):
        raise KwsError(f"{address}: no description came")
    return [model.name for program in Info.from_event(event).wake for model in program.models]


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
