"""Test the reader of events against the writer of the package wyoming, and its bounds."""

from __future__ import annotations

import io
import random
from importlib.util import find_spec

import pytest
from conftest import skip_without

skip_without("the package wyoming", find_spec("wyoming"))

from wyoming.audio import AudioChunk  # noqa: E402
from wyoming.event import Event, write_event  # noqa: E402
from wyoming.wake import Detect  # noqa: E402

from kws.serve.event_reader import (  # noqa: E402
    MAX_JSON,
    MAX_PAYLOAD,
    PIECE,
    EventReader,
    ProtocolError,
)


def encoded(*events) -> bytes:
    stream = io.BytesIO()
    for event in events:
        write_event(event if isinstance(event, Event) else event.event(), stream)
    return stream.getvalue()


def read(reader: EventReader, received: bytes) -> list[Event]:
    reader.feed(received)
    return list(iter(reader.next, None))


def test_events_come_as_they_were_sent_however_the_stream_is_cut():
    sent = [
        Event("describe"),
        Detect(names=["jarvis"]).event(),
        AudioChunk(16_000, 2, 1, bytes(range(64)) * 5, timestamp=7).event(),
        Event("ping", {"text": "ü\n"}),
        AudioChunk(16_000, 2, 1, b"").event(),
        Event("transcript", {"a": 1}, b"dropped"),
        Event("audio-stop"),
    ]
    stream = encoded(*sent)
    generator = random.Random(0)
    for _ in range(50):
        cuts = sorted(generator.choices(range(len(stream)), k=generator.randrange(40)))
        reader, events = EventReader(), []
        for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True):
            events += read(reader, stream[start:end])
        assert not reader.within_event
        audio = [e for e in events if e.type == "audio-chunk" and e.payload]
        assert b"".join(e.payload for e in audio) == sent[2].payload
        assert all(e.data == sent[2].data for e in audio)
        others = [(e.type, e.data) for e in events if not e.payload]
        assert others == [(e.type, e.data) for e in sent if e is not sent[2]]


def test_data_in_the_line_and_after_it_are_merged():
    line = b'{"type": "detect", "data": {"names": ["a"], "x": 1}, "data_length": 9}\n{"x":  2}'
    (event,) = read(EventReader(), line)
    assert event.data == {"names": ["a"], "x": 2}


def test_a_payload_is_neither_awaited_nor_kept():
    reader = EventReader()
    reader.feed(b'{"type": "audio-chunk", "payload_length": %d}\n' % MAX_PAYLOAD)
    assert reader.next() is None
    for _ in range(20):
        pieces = read(reader, bytes(3 * PIECE))
        assert [len(piece.payload) for piece in pieces] == [PIECE] * 3
        assert not reader._buffer
    assert reader.within_event
    reader = EventReader()
    assert read(reader, b'{"type": "x", "payload_length": %d}\n' % MAX_PAYLOAD)[0].type == "x"
    for _ in range(20):
        assert read(reader, bytes(100_000)) == []
        assert not reader._buffer
    assert reader.within_event


@pytest.mark.parametrize("end", [b"", b"\n"])
def test_a_line_has_a_greatest_length(end):
    reader = EventReader()
    for _ in range(MAX_JSON // 100):
        assert read(reader, b" " * 100) == []
    with pytest.raises(ProtocolError, match="a line of more than 65536 bytes"):
        read(reader, b" " * 100 + end)


@pytest.mark.parametrize(
    "stream",
    [
        b"\n",
        b"nonsense\n",
        b'"text"\n',
        b"{}\n",
        b'{"type": null}\n',
        b'{"type": "\\u001b[2J"}\n',
        b'{"type": "x", "payload_length": -1}\n',
        b'{"type": "x", "payload_length": 1.5}\n',
        b'{"type": "x", "payload_length": "5"}\n',
        b'{"type": "x", "payload_length": %d}\n' % (MAX_PAYLOAD + 1),
        b'{"type": "x", "data_length": 65537}\n',
        b'{"type": "x", "data": [1]}\n',
        b'{"type": "x", "data_length": 2}\n[]',
        b"[" * 5000 + b"\n",
        b"\xff\n",
        b'{"type": "ping", "data": {"text": "\\ud800"}}\n',
        b'{"type": "ping", "data": {"\\udfff": 1}}\n',
        b'{"type": "ping", "data": {"text": "\xed\xa0\x80"}}\n',
        b'{"type": "ping", "data_length": 13}\n{"a":"\\ud800"}',
    ],
    ids=ascii,
)
def test_what_is_no_event_is_refused_in_one_line(stream):
    with pytest.raises(ProtocolError) as caught:
        read(EventReader(), stream)
    message = str(caught.value)
    assert message.isprintable()
    assert len(message) < 200
