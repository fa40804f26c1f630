"""Test the Listen page's routes: a stream of audio, its events and clips, and wrong requests."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pytest
import soundfile
from command_line import KEYWORDS, SAMPLES, all_keywords, kws
from studio_client import StudioClient
from waiting import PATIENCE

pytest.importorskip("websockets", reason="kws[studio] is not here")

from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

BLOCK = 1280  # samples that a browser sends at a time


def stream(studio: StudioClient, samples: np.ndarray, rate: int = 16_000) -> None:
    """Send samples as a browser does, as fast as they are taken."""
    with connect(f"ws://{studio.address}/api/listen/audio?rate={rate}") as socket:
        for first in range(0, len(samples), BLOCK):
            socket.send(samples[first : first + BLOCK].tobytes())


def answer(socket: ClientConnection, message: str | bytes) -> str | bytes:
    """Send a message and return the answer."""
    socket.send(message)
    return socket.recv(timeout=PATIENCE)


@pytest.fixture(scope="module")
def heard(studio: StudioClient):
    """Return the events of a session that heard all keywords, and its last state."""
    status, state = studio.send("POST", "/api/listen", model="home", source="browser", keep=True)
    assert (status, state["active"], state["error"]) == (200, True, "")
    # Less than the 4 s that wait for the detector at a time, so that none is lost.
    audio = all_keywords()
    piece = audio[: 16_000 * 3]
    stream(studio, piece)
    return list(studio.events("/api/listen/events?after=0")), studio.get("/api/listen")


def test_a_file_is_heard_to_its_end_however_fast_it_comes(studio: StudioClient) -> None:
    status, state = studio.send("POST", "/api/listen", model="home", source="file")
    assert (status, state["source"]) == (200, "the audio file")
    with connect(f"ws://{studio.address}/api/listen/audio?rate=16000") as socket:
        for first in range(0, len(all_keywords()), 8000):
            socket.send(all_keywords()[first : first + 8000].tobytes())
        socket.send(b"")
        with pytest.raises(ConnectionClosed):
            socket.recv(timeout=PATIENCE)
    events = list(studio.events("/api/listen/events?after=0"))
    assert not [values for kind, values in events if kind == "gap"]
    found = [(e["keyword"], e["time"]) for kind, e in events if kind == "detection"]
    path = SAMPLES / "all_keywords.flac"
    lines = kws("listen", "--wav", path, "--json").stdout.splitlines()
    assert found == [(each["keyword"], round(each["time"], 3)) for each in map(json.loads, lines)]


def test_a_stream_gives_what_the_command_line_finds(heard, tmp_path: Path) -> None:
    events, _ = heard
    soundfile.write(tmp_path / "a.wav", all_keywords()[: 16_000 * 3], 16_000)
    lines = kws("listen", "--wav", tmp_path / "a.wav", "--json").stdout.splitlines()
    expected = [(found["keyword"], round(found["time"], 3)) for found in map(json.loads, lines)]
    assert expected
    assert expected == [(e["keyword"], e["time"]) for kind, e in events if kind == "detection"]


def test_the_curves_are_points_of_all_keywords(heard) -> None:
    events, state = heard
    points = [values for kind, values in events if kind == "scores"]
    assert [keyword["name"] for keyword in state["keywords"]] == KEYWORDS
    assert all(len(point["scores"]) == len(KEYWORDS) for point in points)
    assert np.allclose(np.diff([point["time"] for point in points[:-1]]), 0.08, atol=1e-3)
    assert points[-1]["time"] == 3.0
    assert max(max(point["scores"]) for point in points) > 0.9
    assert -60 <= min(point["level"] for point in points) < -20 <= max(p["level"] for p in points)
    assert events[-1] == ("ended", {"error": ""})


def test_each_trigger_can_be_heard_again_and_is_kept(heard, studio, workspace: Path) -> None:
    _, state = heard
    (clip,) = state["clips"]
    status, headers, body = studio.ask("GET", f"/api/listen/clips/{clip['clip']}.flac")
    assert (status, headers["content-type"]) == (200, "audio/flac")
    samples, rate = soundfile.read(io.BytesIO(body), dtype="int16")
    assert rate == 16_000
    first = round(clip["time"] * 16_000) - 32_000
    assert np.array_equal(samples, all_keywords()[max(0, first) : first + 40_000][: len(samples)])
    assert len(samples) > 16_000
    kept = [json.loads(line) for line in (workspace / "kept/kept.jsonl").read_text().splitlines()]
    assert (kept[0]["keyword"], kept[0]["kind"]) == (clip["keyword"], "detection")
    assert studio.ask("GET", "/api/listen/clips/999999.flac")[0] == 404


def test_sensitivity_changes_while_it_listens(studio: StudioClient) -> None:
    studio.send("POST", "/api/listen", model="home", source="browser")
    before = {k["name"]: k["threshold"] for k in studio.get("/api/listen")["keywords"]}
    put = "PUT", "/api/listen/sensitivity"
    status, state = studio.send(*put, keyword="computer", sensitivity=0.9)
    after = {k["name"]: k["threshold"] for k in state["keywords"]}
    assert status == 200
    assert after["computer"] < before["computer"]
    assert after | {"computer": 0} == before | {"computer": 0}
    for wrong in ({"keyword": "sponge", "sensitivity": 0.5}, {"keyword": "computer"}):
        assert studio.send(*put, **wrong)[0] == 400
    for level in (-0.1, 1.1, "0.5", True, None, 10**400):
        assert studio.send(*put, keyword="computer", sensitivity=level)[0] == 400
    assert studio.send("DELETE", "/api/listen")[1]["active"] is False


def test_a_microphone_of_another_rate_is_converted(studio: StudioClient) -> None:
    soxr = pytest.importorskip("soxr")
    studio.send("POST", "/api/listen", model="home", source="browser")
    stream(studio, soxr.resample(all_keywords()[: 16_000 * 3], 16_000, 44_100), 44_100)
    events = list(studio.events("/api/listen/events?after=0"))
    assert [e["keyword"] for kind, e in events if kind == "detection"] == ["computer"]


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"model": "home"},
        {"model": "home", "source": "cloud"},
        {"model": 7, "source": "browser"},
        {"model": "sponge", "source": "browser"},
        {"model": "../home", "source": "browser"},
        {"model": "/etc/passwd", "source": "browser"},
        {"model": "a\\b", "source": "browser"},
        {"model": "C:home", "source": "browser"},
        {"model": "x\x00", "source": "browser"},
        {"model": "<script>alert(1)</script>", "source": "browser"},
        {"model": "h" * 300, "source": "browser"},
        {"model": "home", "source": "server", "device": "no such microphone"},
    ],
)
def test_wrong_requests_are_one_line(studio: StudioClient, values) -> None:
    status, answer = studio.send("POST", "/api/listen", **values)
    assert status == 400
    assert len(answer["error"].splitlines()) == 1


def test_bodies_are_bounded_in_size_and_kind(studio: StudioClient) -> None:
    as_json = {"Content-Type": "application/json"}
    assert studio.ask("POST", "/api/listen", b'"' + b"a" * 70_000 + b'"', as_json)[0] == 413
    assert studio.ask("POST", "/api/listen", b"[" * 60_000, as_json)[0] == 400
    for body in (b"", b"{", b"[]", b"7", b"\xff"):
        assert studio.ask("POST", "/api/listen", body, as_json)[0] == 400
    assert studio.ask("POST", "/api/listen", b"{}", {"Content-Type": "text/plain"})[0] == 415


def test_audio_that_is_none_ends_the_connection_alone(studio: StudioClient) -> None:
    for message in ("text", b"odd", bytes(70_000)):
        studio.send("POST", "/api/listen", model="home", source="browser")
        url = f"ws://{studio.address}/api/listen/audio?rate=16000"
        with pytest.raises(ConnectionClosed), connect(url) as socket:
            answer(socket, message)  # it may be closed before all is sent
    for rate in ("", "0", "16000.5", "9" * 40, "-16000"):
        with pytest.raises(InvalidStatus):
            connect(f"ws://{studio.address}/api/listen/audio?rate={rate}")
    with pytest.raises(InvalidStatus):
        connect(f"ws://{studio.address}/api/listen/audio?rate=16000", origin="http://evil.example")
    assert studio.get("/api/models")["models"]


@pytest.mark.parametrize(
    "path", ["/static/../server.py", "/static/%2e%2e/server.py", "/static//etc/passwd"]
)
def test_no_path_leads_out_of_the_pages(studio: StudioClient, path: str) -> None:
    assert studio.ask("GET", path)[0] == 404
