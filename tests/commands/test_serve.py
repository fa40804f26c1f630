"""Test `kws serve` as its clients see it: over the standard streams, TCP and a Unix socket."""

from __future__ import annotations

import errno
import io
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from secrets import token_hex

import numpy as np
import pytest
from command_line import KEYWORDS, KWS, ROOT, SAMPLES, all_keywords, kws, refused, started
from conftest import skip_without
from waiting import PATIENCE

skip_without("the package wyoming", find_spec("wyoming"))

from wyoming.audio import AudioChunk, AudioStart, AudioStop  # noqa: E402
from wyoming.event import Event, write_event  # noqa: E402
from wyoming.info import Info, WakeModel, WakeProgram  # noqa: E402
from wyoming.wake import Detect  # noqa: E402
from wyoming_client import EXPECTED, Client, connected, sample, server  # noqa: E402

from kws import __version__  # noqa: E402
from kws.errors import KwsError  # noqa: E402
from kws.serve import probe  # noqa: E402
from kws.serve.address import Address  # noqa: E402
from kws.serve.connection import ATTRIBUTION  # noqa: E402
from kws.serve.probe import wake_word_names  # noqa: E402

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals and Unix sockets")


@contextmanager
def on_standard_streams(*options):
    """A server on its standard streams, and the client."""
    command = [*KWS, "serve", "--uri", "stdio://", *map(str, options)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=ROOT, stdin=pipe, stdout=pipe, stderr=pipe) as process:
        too_long = threading.Timer(PATIENCE, process.kill)
        too_long.start()
        try:
            yield process, Client(process.stdout, process.stdin)
        finally:
            process.kill()
            too_long.cancel()


@pytest.mark.slow
def test_every_sample_over_the_standard_streams():
    """The test of wyoming-openwakeword and its peers, with our own recordings."""
    with on_standard_streams() as (process, client):
        assert client.names() == KEYWORDS
        for name, expected in EXPECTED.items():
            client.start()
            client.stream(sample(name), chunk=1024)
            client.stop()
            found = [client.read() for _ in expected or [None]]
            if expected:
                assert [event.data["name"] for event in found] == [word for word, *_ in expected]
                assert {event.type for event in found} == {"detection"}
            else:
                assert found[0].type == "not-detected"
        process.stdin.close()
        assert process.wait(PATIENCE) == 0
        assert process.stdout.read() == b""
        assert process.stderr.read() == b""


@pytest.mark.slow
@pytest.mark.parametrize("unix", [False, True], ids=["tcp", "unix"])
def test_every_sample_over_sockets(unix, tmp_path):
    """Each keyword by its own name, in 10 ms chunks, while another client asks what there is."""
    with server(unix=tmp_path / "kws.sock" if unix else None) as running:
        with running.connect() as other:
            for name, expected in EXPECTED.items():
                wanted = expected[0][0] if expected else "jarvis"
                with running.connect() as client:
                    client.start([wanted])
                    client.stream(sample(name), first=1000)
                    assert other.names() == KEYWORDS
                    client.stop()
                    events = [client.read() for _ in [e for e in expected if e[0] == wanted] or [0]]
                if not expected:
                    assert [event.type for event in events] == ["not-detected"]
                    continue
                assert [event.data["name"] for event in events] == [wanted] * len(events)
                times = [(event.data["timestamp"] - 1000) / 1000 for event in events]
                ends = [end for word, _, end in expected if word == wanted]
                assert times == pytest.approx(ends, abs=0.5)
        assert running.end() == (0, [])
        assert not (tmp_path / "kws.sock").exists()


def test_what_is_found_is_what_kws_listen_finds():
    lines = kws("listen", "--wav", SAMPLES / "all_keywords.flac", "--json").stdout.splitlines()
    with on_standard_streams() as (_, client):
        events = client.answers(all_keywords(), None)
    expected = [json.loads(line) for line in lines]
    assert [event.data["name"] for event in events] == [line["keyword"] for line in expected]


def test_a_keyword_at_once_after_the_connection():
    """The word begins 0.3 s after the first sample."""
    (_, start, end), *_ = EXPECTED["computer_lights.flac"]
    samples = sample("computer_lights.flac")
    with server() as running, running.connect() as client:
        client.start(["computer"])
        client.stream(samples[round((start - 0.3) * 16_000) : round((end + 0.6) * 16_000)])
        assert client.read().data["name"] == "computer"


def test_a_description_is_as_home_assistant_wants_it():
    with on_standard_streams() as (_, client):
        info = client.describe()
        client.send(Event("ping", {"text": "here?"}))
        assert client.read().data == {"text": "here?"}
    (program,) = info.wake
    assert info.satellite is None
    assert (program.name, program.installed, program.version) == ("kws", True, __version__)
    for model, keyword in zip(program.models, KEYWORDS, strict=True):
        assert (model.name, model.description, model.phrase) == (keyword,) * 3
        assert model.installed


def test_names_in_another_spelling_are_answered_in_it():
    with on_standard_streams() as (_, client):
        (event,) = client.answers(sample("smart_mirror_news.flac"), ["Smart_Mirror"])
    assert event.data["name"] == "Smart_Mirror"


def test_only_what_is_asked_for_is_detected():
    with on_standard_streams() as (_, client):
        events = client.answers(all_keywords(), ["alexa", "jarvis"])
        assert [event.data["name"] for event in events] == ["jarvis", "alexa"]
        unknown, nothing = client.answers(all_keywords(), ["okay nabu"])
    assert (unknown.type, unknown.data["code"]) == ("error", "unknown-wake-word")
    assert nothing.type == "not-detected"


@pytest.mark.parametrize(
    ("rate", "width", "channels"), [(48_000, 4, 2), (8_000, 1, 1), (44_100, 3, 1)]
)
def test_audio_of_other_formats_is_converted(rate, width, channels):
    skip_without("the package soxr", find_spec("soxr"))
    import soxr

    audio = soxr.resample(sample("computer_lights.flac").astype(np.float64) / 32768, 16_000, rate)
    integers = np.rint(np.clip(audio, -1, 1) * (2 ** (8 * width - 1) - 1)).astype(np.int32)
    integers = np.repeat(integers, channels)
    encoded = {
        1: lambda: (integers + 128).astype(np.uint8).tobytes(),
        3: lambda: integers.view(np.uint8).reshape(-1, 4)[:, :3].tobytes(),
        4: lambda: integers.tobytes(),
    }[width]()
    pcm = {"rate": rate, "width": width, "channels": channels}
    with on_standard_streams() as (_, client):
        client.send(Detect(names=["computer"]), AudioStart(**pcm))
        for start in range(0, len(encoded), 1001):  # chunks end within samples, too
            client.send(AudioChunk(**pcm, audio=encoded[start : start + 1001]))
        client.send(AudioStop())
        assert client.read().data["name"] == "computer"


def test_audio_of_an_impossible_format_is_refused_in_one_line():
    with server() as running:
        with running.connect() as client:
            client.send(Event("audio-start", {"rate": 16_000, "width": 9, "channels": 1}))
            assert client.at_end()
        status, lines = running.end()
    assert (status, len(lines)) == (0, 1)
    assert lines[0].endswith("audio: width is 9, not 1 to 4")


def test_models_come_and_go_while_clients_listen(tmp_path):
    model = (ROOT / "models" / "home.tflite").read_bytes()
    with server("--custom-model-dir", tmp_path) as running, running.connect() as client:
        assert client.names() == KEYWORDS
        client.start()
        (tmp_path / "copied.tflite").write_bytes(model[:3000])
        assert client.names() == KEYWORDS
        (tmp_path / "copied.tflite").write_bytes(model)
        named = [f"{keyword} (home)" for keyword in KEYWORDS]
        assert client.names() == client.names() == KEYWORDS + named
        client.stream(all_keywords()[:48_000])  # by the model that was there when it began
        assert client.read().data["name"] == "computer"
        found = client.answers(all_keywords(), ["computer", "computer (home)"])
        assert [e.data["name"] for e in found] == ["computer", "computer (home)"]
        (tmp_path / "copied.tflite").unlink()
        assert client.names() == KEYWORDS
        status, lines = running.end()
    assert status == 0
    assert sum("left out" in line for line in lines) == 1
    assert any("copied.tflite" in line and "left out" in line for line in lines)


def test_the_sensitivity_of_a_keyword():
    options = ["--threshold", "computer=1", "--threshold", "alexa=0.5"]
    with on_standard_streams(*options) as (_, client):
        events = client.answers(all_keywords(), None)
    assert [event.data["name"] for event in events] == ["jarvis", "alexa", "smart mirror"]


def test_a_refractory_time():
    with on_standard_streams("--refractory-seconds", 5) as (_, client):
        assert len(client.answers(sample("jarvis_music.flac"), ["jarvis"])) == 1
        events = client.answers(all_keywords(), None)  # the other words are another matter
        assert [event.data["name"] for event in events] == KEYWORDS


@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT", "SIGHUP"])
def test_signals_are_the_normal_end(hangups, name, tmp_path):
    number = signal.Signals[name]
    with server(unix=tmp_path / "kws.sock") as running, running.connect() as client:
        client.start()
        running.process.send_signal(number)
        assert client.at_end()
        assert running.process.wait(PATIENCE) == 0
        assert not (tmp_path / "kws.sock").exists()
    with on_standard_streams() as (process, client):
        client.names()
        process.send_signal(number)
        assert process.wait(PATIENCE) == 0


def test_a_check_asks_a_running_server(tmp_path):
    with server(unix=tmp_path / "kws.sock") as running:
        uri = f"unix://{running.address}"
        assert kws("serve", "--check", "--uri", uri).stdout.splitlines() == KEYWORDS
        assert "another server" in refused(kws("serve", "--uri", uri))
    assert "unix://" in refused(kws("serve", "--check", "--uri", uri))


@contextmanager
def impostor(*pieces, pause=0.0):
    """Something that listens as a server does, and sends these pieces to whoever comes."""

    def answer():
        connection, _ = listening.accept()
        with connection, suppress(OSError):
            connection.recv(1000)
            for piece in pieces:
                connection.sendall(piece)
                time.sleep(pause)

    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=answer, daemon=True)
        thread.start()
        yield Address("tcp", "127.0.0.1", listening.getsockname()[1])


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"garbage\n",
        b"[]\n",
        b'{"type": "info", "data_length": "x"}\n',
        b'{"type": "info", "data": {"wake": 5}}\n',
        b'{"type": "info", "data": {"wake": [{"name": 5}]}}\n',
        b'{"type": "info", "data": {"wake": []}, "data_length": 100}\n{}',
        b'{"type": "pong"}\n',
    ],
)
def test_a_check_of_what_is_no_server_is_one_line(answer):
    with impostor(answer) as address:
        message = refused(kws("serve", "--check", "--uri", address))
    assert message == f"{address}: no description came"


def test_a_check_waits_no_longer_than_it_says(monkeypatch):
    monkeypatch.setattr(probe, "TIMEOUT", 2.0)
    late, began = pytest.raises(KwsError, match=r"no description came|timed out"), time.monotonic()
    with impostor(*[b" "] * 600, pause=0.05) as address, late:
        wake_word_names(address)
    assert time.monotonic() - began < 20  # s; they are sent for 30


def test_a_check_prints_nothing_that_controls_a_terminal():
    every = WakeModel("a\x1b]0;b\x07", ATTRIBUTION, True, "", "", [], "")
    program = WakeProgram("kws", ATTRIBUTION, True, "", "", [every] * 1000)
    stream = io.BytesIO()
    write_event(Info(wake=[program]).event(), stream)
    with impostor(stream.getvalue()) as address:  # of more bytes than a client may send
        assert wake_word_names(address) == ["a?]0;b?"] * 1000


def test_an_address_that_is_taken_is_one_line():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        uri = f"tcp://127.0.0.1:{taken.getsockname()[1]}"
        message = refused(kws("serve", "--uri", uri))
    assert message == f"--uri {uri}: {os.strerror(errno.EADDRINUSE)}"


@pytest.mark.parametrize(
    ("options", "line"),
    [
        (["--uri", "http://x"], "--uri 'http://x': not tcp://HOST:PORT, unix://PATH or stdio://"),
        (["--uri", "tcp://127.0.0.1:99999"], "Port out of range"),
        (["--uri", "tcp://127.0.0.1:0"], "not tcp://HOST:PORT"),
        (["--uri", "tcp://me@127.0.0.1:10400"], "not tcp://HOST:PORT"),
        (["--uri", "unix:///nowhere/a#b"], "an address has no '?', '#' or line break"),
        (["--uri", "unix:///nowhere/a?"], "an address has no '?', '#' or line break"),
        (["--uri", "unix:///nowhere/a\nb"], "an address has no '?', '#' or line break"),
        (["--uri", "unix:///nowhere/kws.sock"], "No such file or directory"),
        (["--model", "nothing"], "no model named 'nothing'"),
        (["--custom-model-dir", "nowhere"], "nowhere: no such folder"),
        (["--threshold", "2"], "--threshold 2: not above 0 up to 1"),
        (["--threshold", "jarvis=x"], "--threshold x: not a number"),
        (["--sensitivity", "jarvis=loud"], "--sensitivity loud: not one of: low, normal, high"),
        (["--refractory-seconds", "61"], "--refractory-seconds: not 0 to 60"),
    ],
)
def test_mistakes_are_one_line(options, line):
    process = kws("serve", *options)
    assert (process.returncode, process.stdout) == (1, "")
    error = process.stderr.splitlines()[-1]
    assert error.startswith("kws: error: ")
    assert line in error


def test_what_is_no_protocol_on_standard_input():
    assert "not JSON" in kws("serve", "--uri", "stdio://", input="hello\n", stdin=None).stderr
    half = kws("serve", "--uri", "stdio://", input='{"type": "audio-ch', stdin=None)
    assert half.returncode == 1
    assert half.stderr.endswith("kws: error: standard input ended within an event\n")


def test_a_port_that_is_taken_is_named():
    with server() as running:
        uri = f"tcp://127.0.0.1:{running.address[1]}"
        with started("serve", "--uri", uri) as second:
            _, errors = second.communicate(timeout=PATIENCE)
    assert second.returncode == 1
    assert errors.splitlines()[-1].startswith(f"kws: error: --uri {uri}: ")


def test_the_version():
    assert kws("serve", "--version").stdout == f"{__version__}\n"


def test_home_assistant_finds_the_server():
    skip_without("the package zeroconf", find_spec("zeroconf"))
    from zeroconf import ServiceBrowser, ServiceListener, Zeroconf

    label = f"kws-{token_hex(4)}"  # the same test may run elsewhere in this network
    own = f"{label}._wyoming._tcp.local."
    found, gone = threading.Event(), threading.Event()
    services = []

    class Browser(ServiceListener):
        def add_service(self, network, kind, name):
            if name == own:
                services.append(network.get_service_info(kind, name, 1000 * PATIENCE))
                found.set()

        def remove_service(self, network, kind, name):
            if name == own:
                gone.set()

        def update_service(self, network, kind, name):
            pass

    with server("--zeroconf", label) as running:
        network = Zeroconf()
        try:
            ServiceBrowser(network, "_wyoming._tcp.local.", Browser())
            assert found.wait(PATIENCE)
            (service,) = services
            with connected((service.parsed_addresses()[0], service.port)) as client:
                assert client.names() == KEYWORDS
            assert running.end()[0] == 0
            assert gone.wait(PATIENCE)
        finally:
            network.close()
