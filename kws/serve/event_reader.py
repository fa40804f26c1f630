"""Cut the bytes of a client into Wyoming events, in bounded memory, whatever the client sends.

An event is a line of JSON {"type", "data", "data_length", "payload_length"}, data_length bytes of
JSON that are merged over "data", and payload_length bytes. The package wyoming, whose reader waits
for as many bytes as a client promises, names the events.
"""

from __future__ import annotations

import json
from typing import Any

from wyoming.event import Event

from kws.foreign_text import is_printable, shortened

MAX_JSON = 1 << 16  # bytes
MAX_PAYLOAD = 1 << 26  # bytes, half an hour of audio; no payload is kept
PIECE = 1 << 15  # bytes of audio given at once, a second
AUDIO = "audio-chunk"


class ProtocolError(Exception):
    """Say in one line what a client did wrong; its connection cannot go on."""


class EventReader:
    """Give the events in a stream of bytes, one by one.

    The payload of audio comes in pieces, each an event with the same data; that of any other event
    is dropped. So a reader keeps one event without its payload, and what was fed to it last.

    most: bytes of the JSON of a line, and of the data after it.
    """

    def __init__(self, most: int = MAX_JSON) -> None:
        self._most = most
        self._buffer = bytearray()
        self._searched = 0  # bytes of it without a line feed
        self._event: Event | None = None  # whose data or payload is still to come
        self._data = self._payload = self._dropped = 0  # bytes that are still to come

    def feed(self, received: bytes) -> None:
        """Take the next bytes of the stream."""
        self._buffer += received

    @property
    def within_event(self) -> bool:
        """Return whether a stream that ends here ends in the middle of an event."""
        return bool(self._buffer or self._event or self._dropped)

    def next(self) -> Event | None:
        """Return the next event; None until more bytes have come.

        Raises:
            ProtocolError: this is no event, or larger than any event of use.
        """
        while True:
            if self._dropped:
                self._dropped -= len(self._take(self._dropped))
                if self._dropped:
                    return None
            if self._event is None and not self._read_line():
                return None
            if self._data and not self._read_data():
                return None
            assert self._event is not None
            if self._event.type == AUDIO and self._payload:
                return self._piece(self._event)
            event, self._event = self._event, None
            self._dropped, self._payload = self._payload, 0
            return event

    def _take(self, count: int) -> bytes:
        """Return and remove the first bytes, up to `count`."""
        taken = bytes(self._buffer[:count])
        del self._buffer[:count]
        return taken

    def _read_line(self) -> bool:
        """Read the line of an event; return False until it is there."""
        end = self._buffer.find(b"\n", self._searched)
        if max(end, len(self._buffer) if end < 0 else 0) > self._most:
            raise ProtocolError(f"a line of more than {self._most} bytes")
        if end < 0:
            self._searched = len(self._buffer)
            return False
        self._searched = 0
        line = _parsed(self._take(end + 1), "a line")
        kind = line.get("type")
        if not isinstance(kind, str) or not is_printable(kind):
            raise ProtocolError(f"the type of an event is {shortened(kind)}")
        self._data = _length(line, "data_length", self._most)
        self._payload = _length(line, "payload_length", MAX_PAYLOAD)
        data = line.get("data") or {}
        if not isinstance(data, dict):
            raise ProtocolError(f"the data of {kind} are {shortened(data)}")
        self._event = Event(kind, data)
        return True

    def _read_data(self) -> bool:
        """Merge the data after the line of an event; return False until they are there."""
        if len(self._buffer) < self._data:
            return False
        assert self._event is not None
        self._event.data.update(_parsed(self._take(self._data), f"the data of {self._event.type}"))
        self._data = 0
        return True

    def _piece(self, event: Event) -> Event | None:
        """Return the next piece of audio; None until it is there."""
        piece = self._take(min(self._payload, PIECE))
        if not piece:
            return None
        self._payload -= len(piece)
        if not self._payload:
            self._event = None
        return Event(AUDIO, event.data, piece)


def _parsed(text: bytes, what: str) -> dict[str, Any]:
    try:
        value = json.loads(text.decode())
        json.dumps(value, ensure_ascii=False).encode()  # no half of a surrogate pair
    except (ValueError, RecursionError):  # ValueError: neither JSON nor UTF-8
        raise ProtocolError(f"{what} is not JSON: {shortened(text[:40])}") from None
    if not isinstance(value, dict):
        raise ProtocolError(f"{what} is {shortened(value)}, not a table")
    return value


def _length(line: dict[str, Any], key: str, most: int) -> int:
    """Return a length from the line of an event; 0 where there is none."""
    value = line.get(key) or 0
    if not isinstance(value, int) or not 0 <= value <= most:
        raise ProtocolError(f"{key} is {shortened(value)}, not 0 to {most}")
    return value
