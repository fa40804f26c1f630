"""Test that no client of `kws serve` harms another one, or the server."""

from __future__ import annotations

import json
import random
import socket
import sys
import threading
from contextlib import suppress
from importlib.util import find_spec

import numpy as np
import pytest
from command_line import KEYWORDS, all_keywords
from conftest import skip_without
from waiting import PATIENCE, wait_until

skip_without("the package wyoming", find_spec("wyoming"))

from wyoming.audio import AudioChunk  # noqa: E402
from wyoming_client import sample, server  # noqa: E402

from kws.serve.socket_server import LINES, SocketServer  # noqa: E402

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="/proc")
AUDIO = {"rate": 16_000, "width": 2, "channels": 1}
SILENCE = np.zeros(160, np.int16)


@pytest.fixture(scope="module")
def running():
    with server() as running:
        yield running


def raw(running):
    connection = socket.create_connection(running.address)
    connection.settimeout(PATIENCE)
    return connection


def answers(running):
    """Whether the server has room for one more, whom it answers in full."""
    try:
        with running.connect() as client:
            return client.names() == KEYWORDS
    except (AssertionError, ConnectionError):
        return False


GARBAGE = [
    b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00" + bytes(200) + b"\n",
    b"\n",
    b"[]\n",
    b"[" * 60_000 + b"\n",
    b'{"type": 5}\n',
    b'{"type": "x", "data": 7}\n',
    b'{"type": "x", "data_length": -1}\n',
    b'{"type": "x", "data_length": 1e9}\n',
    b'{"type": "x", "data_length": 1000000000}\n',
    b'{"type": "audio-chunk", "payload_length": 99999999999}\n',
    b'{"type": "detect", "data": {"names": "jarvis"}}\n',
    b'{"type": "detect", "data_length": 3}\n\xff\xff\xff',
    b'{"type": "audio-chunk", "payload_length": 4}\n1234',
    b'{"type": "audio-start", "data": {"rate": true, "width": 2, "channels": 1}}\n',
    b"x" * 200_000,
    b'{"type": "ping", "data": {"text": "\\ud800"}}\n',
]


@pytest.mark.parametrize("garbage", GARBAGE, ids=lambda text: ascii(text[:40]))
def test_garbage_closes_its_own_connection(running, garbage):
    with running.connect() as listening, raw(running) as hostile:
        listening.start(["jarvis"])
        with suppress(ConnectionError):  # it may be closed before all is sent
            hostile.sendall(garbage)
            assert hostile.recv(1) == b""
        listening.stream(sample("jarvis_door.flac"))
        assert listening.read().data["name"] == "jarvis"


def test_unknown_events_are_passed_over(running):
    with running.connect() as client:
        client.writer.write(b'{"type": "synthesize", "data": {"text": "%s"}}\n' % (b"x" * 5000))
        client.writer.write(b'{"type": "audio-chunks", "payload_length": 3000000}\n')
        client.writer.write(bytes(3_000_000))
        assert client.names() == KEYWORDS


@pytest.mark.slow
def test_noise_of_any_bytes(running):
    generator = random.Random(0)
    event = (
        b'{"type": "audio-chunk", "data": %s, "payload_length": 64}\n' % json.dumps(AUDIO).encode()
    )
    for _ in range(300):
        with raw(running) as hostile:
            text = bytearray(event + bytes(64)) * generator.randrange(1, 5)
            for _ in range(generator.randrange(8)):
                text[generator.randrange(len(text))] = generator.randrange(256)
            hostile.sendall(text[: generator.randrange(len(text))])
    assert answers(running)


def test_half_events_that_stay_open_harm_nobody(running):
    halves = [b'{"type": "audio-ch', b'{"type": "x", "data_length": 50000}\n{', b""]
    held = [raw(running) for _ in range(90)]
    try:
        for index, connection in enumerate(held):
            connection.sendall(halves[index % 3])
        with running.connect() as client:
            client.start(["jarvis"])
            client.stream(sample("jarvis_door.flac"))
            assert client.read().data["name"] == "jarvis"
        assert answers(running)
    finally:
        for connection in held:
            connection.close()


@pytest.mark.slow
def test_more_connections_than_there_is_room_for(running):
    """Half a thousand come at once and stay silent: streams go on, and the others are refused."""
    with running.connect() as listening:
        listening.start(["jarvis"])
        held = []
        try:
            for _ in range(500):
                held.append(raw(running))
                listening.stream(SILENCE)  # who is silent for long may be closed for another
            listening.stream(sample("jarvis_door.flac"))
            assert listening.read().data["name"] == "jarvis"
        finally:
            for connection in held:
                connection.close()
    wait_until(lambda: answers(running))
    assert answers(running)


def test_a_client_that_reads_nothing_is_not_read_either(running):
    """It asks a million times what there is; the server keeps neither questions nor answers."""
    with raw(running) as hostile:
        hostile.settimeout(2)
        before = running.memory()
        with pytest.raises(TimeoutError):
            hostile.sendall(b'{"type": "describe"}\n' * 1_000_000)
        assert running.memory() - before < 4 << 20
        assert answers(running)


@pytest.mark.slow
def test_clients_that_flood_do_not_keep_the_others_waiting(running):
    """Four send audio as fast as they can; another one is heard and answered in time."""
    noise = np.random.default_rng(0).normal(0, 3000, 16_000 * 20).astype(np.int16).tobytes()
    ended = threading.Event()

    def flood():
        with running.connect() as client:
            client.start()
            try:
                while not ended.is_set():
                    client.send(AudioChunk(**AUDIO, audio=noise))
            except TimeoutError:
                pass

    threads = [threading.Thread(target=flood, daemon=True) for _ in range(4)]
    for thread in threads:
        thread.start()
    try:
        assert answers(running)
        with running.connect() as client:
            client.start(["jarvis"])
            client.stream(sample("jarvis_door.flac"), chunk=1024)
            assert client.read().data["name"] == "jarvis"
        assert answers(running)
    finally:
        ended.set()
        for thread in threads:
            thread.join()


@pytest.mark.slow
def test_eight_clients_find_what_one_finds(running):
    names = []

    def listen():
        with running.connect() as client:
            events = client.answers(np.tile(all_keywords(), 2), None)
            names.append([event.data["name"] for event in events])

    threads = [threading.Thread(target=listen) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert names == [KEYWORDS * 2] * 8


def test_what_nobody_foresaw_fills_no_disk_either(caplog):
    server = SocketServer(None)
    for _ in range(50):
        server._log_error(None, {"message": "", "exception": ValueError("unforeseen")})
    assert len(caplog.messages) == LINES
    assert all("internal error: ValueError: unforeseen" in line for line in caplog.messages)


def test_the_log_stays_small(running):
    """What clients do wrong fills no disk; the server ends normally after all of the above."""
    for _ in range(50):
        with raw(running) as hostile:
            hostile.sendall(b"garbage\n")
            hostile.recv(1)
    status, lines = running.end()
    assert status == 0
    assert len(lines) < 100
    assert not [line for line in lines if "Traceback" in line or "internal error" in line]
    assert all(line.startswith("kws: ") for line in lines)
