"""Test what the Train page asks of synthetic speech: voices, phrases, and a choice that stays."""

from __future__ import annotations

import io
import json
import shutil
from pathlib import Path
from urllib.parse import quote

import pytest
import soundfile
from conftest import skip_without
from studio_client import StudioClient

from kws.tts import pronunciation

PUT = "PUT", "/api/synthesis"


@pytest.fixture(autouse=True)
def _flite() -> None:
    skip_without("flite", shutil.which("flite"))


def speaking(studio: StudioClient) -> set[str]:
    """Return the synthesisers of the voices that speak."""
    return {v["synthesiser"] for v in studio.get("/api/voices")["voices"] if v["speaks"]}


def test_voices_are_chosen_and_the_choice_stays(studio: StudioClient, workspace: Path) -> None:
    everyone = speaking(studio)
    assert "flite" in everyone
    assert studio.send(*PUT, voices=["flite slt"])[0] == 200
    voices = studio.get("/api/voices")["voices"]
    assert [voice["name"] for voice in voices if voice["speaks"]] == ["flite slt"]
    choice = json.loads((workspace / "synthesis.json").read_text())
    assert choice == {"voices": ["flite slt"], "excluded_phrases": []}
    assert studio.send(*PUT, voices=["flite"])[0] == 200
    assert speaking(studio) == {"flite"}
    assert studio.send(*PUT, voices=[])[0] == 200
    assert speaking(studio) == everyone


def test_phrases_are_struck_out_and_in_again(studio: StudioClient, workspace: Path) -> None:
    skip_without("festival's pronouncing dictionary", pronunciation.DICTIONARY.exists())
    (workspace / "recordings" / "mine" / "computer").mkdir(parents=True)

    def struck() -> dict[str, bool]:
        phrases = studio.get("/api/phrases?dataset=mine&keywords=Computer")["phrases"]
        return {phrase["text"]: phrase["excluded"] for phrase in phrases}

    before = struck()
    first, second, *_ = before
    assert not any(before.values())
    for phrase, excluded in ((first, True), (second, True), (second, False)):
        assert studio.send(*PUT, phrase=phrase, excluded=excluded)[0] == 200
    assert studio.send(*PUT, voices=["flite"])[0] == 200  # each choice leaves the other
    assert [text for text, excluded in struck().items() if excluded] == [first]
    assert studio.ask("GET", "/api/phrases?dataset=none")[0] == 400


def test_voices_and_phrases_can_be_heard(studio: StudioClient) -> None:
    for query in ("text=slow%20boy", "text=slow%20boy&voice=flite%20awb"):
        status, headers, body = studio.ask("GET", f"/api/said.flac?{query}")
        assert (status, headers["content-type"]) == (200, "audio/flac")
        assert soundfile.info(io.BytesIO(body)).duration > 0.3


@pytest.mark.parametrize("text", ["", " ", "a" * 101, "\x1b[2J", "a\nb"])
def test_what_is_no_phrase_is_neither_said_nor_kept(studio, workspace: Path, text: str) -> None:
    path = workspace / "synthesis.json"
    before = path.read_bytes() if path.exists() else None
    assert studio.ask("GET", f"/api/said.flac?text={quote(text)}")[0] == 400
    assert studio.send(*PUT, phrase=text, excluded=True)[0] == 400
    assert studio.send(*PUT, voices=[text])[0] == 400
    assert studio.ask("GET", f"/api/said.flac?text=a&voice={quote(text or 'x')}")[0] == 400
    assert before == (path.read_bytes() if path.exists() else None)


@pytest.mark.parametrize("values", [{}, {"voices": "flite"}, {"voices": [1]}, {"phrase": ["a"]}])
def test_wrong_requests_change_nothing(studio, workspace: Path, values) -> None:
    path = workspace / "synthesis.json"
    before = path.read_bytes() if path.exists() else None
    assert studio.send(*PUT, **values)[0] == 400
    assert before == (path.read_bytes() if path.exists() else None)


@pytest.mark.parametrize("content", ["", "[]", "[" * 50_000, '{"voices": 3}', "\udcff"])
def test_a_damaged_choice_is_one_line(studio, workspace: Path, content: str) -> None:
    path = workspace / "synthesis.json"
    path.write_bytes(content.encode("utf-8", "surrogateescape"))
    try:
        status, _, body = studio.ask("GET", "/api/voices")
        assert status == 400
        assert json.loads(body)["error"].startswith("synthesis.json: ")
    finally:
        path.unlink()
