"""Test the Record page's routes: plans, takes that are kept or not, and wrong names and uploads."""

from __future__ import annotations

import asyncio
import errno
import io
import json
import socket
import sys
import time
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urlencode

import numpy as np
import pytest
import soundfile
from command_line import all_keywords
from conftest import skip_without
from studio_client import StudioClient

from kws.recorder.prompts import TEXTS
from kws.recorder.take import TakeKind, check
from kws.studio.workspace import Workspace


def computer() -> np.ndarray:
    """Return a good take of "computer", int16 [n]: the word between stretches of noise."""
    noise = np.random.default_rng(0).integers(-8, 9, 40_000).astype(np.int16)
    noise[16_000:29_600] += all_keywords()[14_400:28_000]
    return noise


def add(studio: StudioClient, audio: bytes, kind: str = "audio/l16", **query: object):
    """Send a take; return status and answer."""
    query = {"dataset": "mine", "word": "computer", "speaker": "anna"} | query
    path = f"/api/takes?{urlencode(query)}"
    status, _, body = studio.ask("POST", path, audio, {"Content-Type": kind})
    return status, json.loads(body)


def test_a_good_take_is_kept_as_the_recorder_keeps_it(studio, workspace: Path) -> None:
    take = computer()
    status, answer = add(studio, take.tobytes(), dataset="good")
    expected = check(take, TakeKind.WORD)
    assert (status, answer["problem"], answer["remark"]) == (200, False, expected.remark)
    assert (answer["start"], answer["end"]) == (expected.start / 40_000, expected.end / 40_000)
    path = workspace / "recordings" / "good" / "computer" / answer["file"]
    assert path.name.startswith("anna-")
    samples, _ = soundfile.read(path, dtype="int16")
    assert np.array_equal(samples, take[expected.start : expected.end])
    # The session of the speaker goes on, and each speaker has one.
    second = add(studio, take.tobytes(), dataset="good")[1]
    other = add(studio, take.tobytes(), dataset="good", speaker="ben")[1]
    assert (second["kept"], other["kept"]) == (2, 1)
    assert second["file"].rpartition("-")[0] == answer["file"].rpartition("-")[0]
    listed = studio.get("/api/takes?dataset=good&word=Computer")
    assert listed == {
        "folder": "computer",
        "takes": [other["file"], second["file"], answer["file"]],
    }
    place = f"/api/datasets/good/computer/{answer['file']}"
    heard, _ = soundfile.read(io.BytesIO(studio.ask("GET", place)[2]), dtype="int16")
    assert np.array_equal(heard, samples)
    assert studio.ask("DELETE", place)[0] == 200
    assert studio.ask("GET", place)[0] == 404
    folders = {each["name"]: each["folders"] for each in studio.get("/api/datasets")["datasets"]}
    assert folders["good"] == [{"word": "computer", "files": 2}]


def test_a_bad_take_is_kept_only_if_asked_for(studio, workspace: Path) -> None:
    silent = np.zeros(30_000, np.int16).tobytes()
    status, answer = add(studio, silent, dataset="bad")
    assert (status, answer["problem"], answer["file"]) == (200, True, None)
    assert answer["remark"].startswith("silent: ")
    assert not (workspace / "recordings" / "bad" / "computer").exists()
    answer = add(studio, silent, dataset="bad", keep="always")[1]
    assert answer["problem"]
    assert (workspace / "recordings" / "bad" / "computer" / answer["file"]).is_file()
    clipped = (computer().astype(int) * 40).clip(-32768, 32767).astype(np.int16)
    assert add(studio, clipped.tobytes())[1]["remark"].startswith("clipped: ")
    assert add(studio, b"\x01\x00")[1]["problem"]


def test_a_plan_is_that_of_the_command_line(studio: StudioClient) -> None:
    plan = studio.get("/api/plan?dataset=new&word=Smart%20Mirror")
    assert plan == {
        "folder": "smart_mirror",
        "takes": 50,
        "kind": "word",
        "prompts": [{"text": "Say: smart mirror", "seconds": 2.5}],
    }
    reading = studio.get("/api/plan?dataset=new&word=_negative_")
    assert (reading["takes"], reading["kind"]) == (len(TEXTS), "speech")
    assert studio.get("/api/plan?dataset=new&word=_noise_")["kind"] == "noise"


@pytest.mark.parametrize(
    "query",
    [
        {"dataset": ".."},
        {"dataset": ""},
        {"dataset": "../../etc"},
        {"dataset": ".hidden"},
        {"dataset": "a/b"},
        {"dataset": "linked"},
        {"dataset": "x" * 200},
        {"dataset": "\u3042" * 100},
        {"speaker": "x" * 300},
        {"speaker": "\u3042" * 40},
        {"word": ""},
        {"word": "../up"},
        {"word": "_rooms_"},
        {"word": "<img src=x>"},
        {"speaker": ""},
        {"speaker": "../anna"},
        {"speaker": "an na"},
        {"rate": "1"},
    ],
)
def test_names_that_lead_elsewhere_are_refused(studio, workspace: Path, tmp_path, query) -> None:
    link = workspace / "recordings" / "linked"
    if sys.platform == "win32" and query == {"dataset": link.name}:
        pytest.skip("links take a privilege")
    if sys.platform != "win32" and not link.is_symlink():
        link.symlink_to(tmp_path, target_is_directory=True)
    before = sorted(workspace.rglob("*"))
    status, answer = add(studio, computer().tobytes(), **query)
    assert status == 400
    assert len(answer["error"].splitlines()) == 1
    assert sorted(workspace.rglob("*")) == before
    assert not list(tmp_path.iterdir())


def test_no_path_leads_to_a_file_that_is_no_take(studio, workspace: Path) -> None:
    (workspace / "recordings" / "good").mkdir(exist_ok=True)
    (workspace / "secret.wav").write_text("secret")
    (workspace / "recordings" / "good" / "notes.txt").write_text("secret")
    for path in ("good/../secret.wav", "..%2f/x/secret.wav", "good/..%5c/secret.wav"):
        assert b"secret" not in studio.ask("GET", f"/api/datasets/{path}")[2]
    assert studio.ask("DELETE", "/api/datasets/../good/notes.txt")[0] >= 400
    assert (workspace / "secret.wav").exists()


def test_uploads_are_bounded_in_size_and_kind(studio: StudioClient) -> None:
    assert add(studio, bytes(2 * 16_000 * 30 + 2))[0] == 413
    assert add(studio, computer().tobytes(), "application/octet-stream")[0] == 415
    for odd in (b"", b"\x00", bytes(3201)):
        assert add(studio, odd)[0] == 400


def test_a_broken_upload_keeps_nothing_and_harms_nobody(studio, workspace: Path) -> None:
    head = "POST /api/takes?dataset=broken&word=computer&speaker=anna HTTP/1.1\r\n"
    head += f"Host: {studio.address}\r\nContent-Type: audio/l16\r\nContent-Length: 80000\r\n\r\n"
    host, _, port = studio.address.partition(":")
    with socket.create_connection((host, int(port)), 30) as connection:
        connection.sendall(head.encode() + bytes(1000))
        time.sleep(0.2)
    assert not (workspace / "recordings" / "broken").exists()
    assert add(studio, computer().tobytes())[1]["file"]


def test_a_full_disk_is_one_line(tmp_path: Path, monkeypatch) -> None:
    def full(workspace: Workspace) -> list[str]:
        raise OSError(errno.ENOSPC, "No space left on device", "there")

    skip_without("kws[studio]", find_spec("starlette") and find_spec("uvicorn"))
    from kws.studio.access import Access
    from kws.studio.application import Studio

    monkeypatch.setattr(Workspace, "dataset_names", full)
    sent = []

    async def send(message) -> None:
        sent.append(message)

    studio = Studio(Workspace(tmp_path), Access(None, False, 1), "localhost")
    scope = {"type": "http", "method": "GET", "path": "/api/datasets", "query_string": b""}
    asyncio.run(studio.app(scope | {"headers": [(b"host", b"localhost:1")]}, None, send))
    start, body = sent
    assert (start["status"], json.loads(body["body"])) == (
        400,
        {"error": "there: No space left on device"},
    )


def test_a_dataset_that_leads_elsewhere_is_left_out(
    studio, workspace: Path, tmp_path: Path
) -> None:
    (workspace / "recordings" / "own" / "computer").mkdir(parents=True)
    link = workspace / "recordings" / "link"
    if sys.platform == "win32":
        pytest.skip("links take a privilege")
    link.symlink_to(tmp_path)
    names = [dataset["name"] for dataset in studio.get("/api/datasets")["datasets"]]
    link.unlink()
    assert "own" in names
    assert "link" not in names
