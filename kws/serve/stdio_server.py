"""Serve one Wyoming client over the standard streams."""

from __future__ import annotations

import logging
import sys

from kws.audio.raw_stream import Pipe
from kws.errors import KwsError
from kws.serve.connection import Connection
from kws.serve.event_reader import EventReader, ProtocolError
from kws.serve.wake_words import WakeWords

READ = 1 << 16  # bytes at once

log = logging.getLogger(__name__)


def serve_stdio(wake_words: WakeWords) -> None:
    """Answer the client until standard input ends.

    Raises:
        KwsError: what came is not Wyoming's protocol, or ended within an event.
    """
    if sys.stdin is None:
        raise KwsError("standard input is closed")
    pipe = Pipe(sys.stdin.buffer, "standard input", "Wyoming events")
    reader, connection = EventReader(), Connection(wake_words, _send, _complain)
    while received := pipe.receive(READ):
        reader.feed(received)
        try:
            while event := reader.next():
                connection.handle(event)
        except ProtocolError as error:
            raise KwsError(f"standard input: {error}") from error
    if reader.within_event:
        raise KwsError("standard input ended within an event")


def _send(answer: bytes) -> None:
    sys.stdout.buffer.write(answer)
    sys.stdout.flush()


def _complain(line: str) -> None:
    log.warning("%s", line)
