"""Test a program that calls a wake word plugin as the listeners of OpenVoiceOS do."""

from __future__ import annotations

import configparser
import importlib
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from types import ModuleType
from typing import Any

import pytest
from command_line import ROOT, SAMPLES

import kws
from kws.audio.audio_file import read_audio

CHUNK = 2048  # bytes


class HotWordEngine:
    """Stand in for the base class of ovos-plugin-manager."""

    def __init__(self, key_phrase: str, config: dict[str, Any] | None = None) -> None:
        self.key_phrase = str(key_phrase).lower()
        self.config = config or {}

    def stop(self) -> None: ...

    def shutdown(self) -> None:
        self.stop()


@pytest.fixture
def plugin(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Load the class that setup.cfg names, over a stand-in where its base is not installed."""
    name = "ovos_plugin_manager"
    if not find_spec(name):
        for module in (name, f"{name}.templates", f"{name}.templates.hotwords"):
            monkeypatch.setitem(sys.modules, module, ModuleType(module))
        sys.modules[f"{name}.templates.hotwords"].HotWordEngine = HotWordEngine  # type: ignore[attr-defined]
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg")
    entry, _, target = setup["options.entry_points"]["opm.wake_word"].strip().partition(" = ")
    assert entry == "ovos-ww-plugin-kws"
    module, _, attribute = target.partition(":")
    yield getattr(importlib.import_module(module), attribute)
    sys.modules.pop(module, None)


def listen(engine: Any, recording: str, chunk: int = CHUNK) -> list[float]:
    """Return the times, s, at which a usual loop over chunks of bytes finds the wake word."""
    data, found = read_audio(SAMPLES / recording).astype("<i2").tobytes(), []
    for start in range(0, len(data), chunk):
        engine.update(data[start : start + chunk])
        if engine.found_wake_word():
            found.append((start + chunk) / 32_000)
    return found


@pytest.mark.parametrize(
    ("recording", "word", "count"),
    [
        ("jarvis_music.flac", "jarvis", 2),
        ("jarvis_music.flac", "computer", 0),
        ("smart_mirror_coat.flac", "smart_mirror", 1),
        ("story.flac", "alexa", 0),
    ],
)
@pytest.mark.parametrize("chunk", [CHUNK, 333])
def test_a_listener_finds_what_kws_listen_finds(
    plugin: Any, recording: str, word: str, count: int, chunk: int
) -> None:
    engine = plugin(word, {"module": "ovos-ww-plugin-kws", "listen": True})
    found = listen(engine, recording, chunk)
    expected = [d for d in kws.listen(SAMPLES / recording) if d.keyword == word.replace("_", " ")]
    assert len(found) == len(expected) == count
    for time, detection in zip(found, expected, strict=True):
        assert 0 <= time - detection.time < 0.2
    engine.shutdown()


def test_a_detection_is_reported_once_and_a_reset_forgets_it(plugin: Any) -> None:
    engine = plugin("jarvis", {"keyword": "Jarvis", "model": "home", "sensitivity": "normal"})
    data = read_audio(SAMPLES / "jarvis_door.flac").tobytes()
    engine.update(data)
    assert engine.found_wake_word(None)  # as one of the listeners calls it
    assert not engine.found_wake_word(None)
    engine.reset()
    engine.update(data[:-1])
    engine.reset()
    assert not engine.found_wake_word()
    engine.update(data)
    assert engine.found_wake_word()


def test_settings(plugin: Any, caplog: pytest.LogCaptureFixture) -> None:
    assert not listen(plugin("jarvis", {"threshold": 1.0}), "jarvis_door.flac")
    assert listen(plugin("jarvis", {"sensitivity": 0.9}), "jarvis_door.flac")
    assert not caplog.messages
    plugin("jarvis", {"trigger_level": 3, "models": []})
    assert caplog.messages == ["wake word jarvis: kws does not use: models, trigger_level"]


@pytest.mark.parametrize(
    ("word", "config", "message"),
    [
        ("hey mycroft", {}, "no shipped model has the keyword 'hey mycroft'"),
        ("hey mycroft", {"model": "home"}, "home has no keyword 'hey mycroft'; it has: computer"),
        ("jarvis", {"model": "/nowhere.tflite"}, "No such file"),
        ("jarvis", {"sensitivity": 2}, "2 is not 0 to 1"),
        ("jarvis", {"sensitivity": "loud"}, "sensitivity"),
        ("jarvis", {"threshold": "0.9"}, "threshold of 'jarvis': '0.9' is not above 0"),
        ("jarvis", {"threshold": 7}, "threshold of 'jarvis': 7 is not above 0"),
    ],
)
def test_what_cannot_work_is_refused(
    plugin: Any, word: str, config: dict[str, Any], message: str
) -> None:
    with pytest.raises(kws.KwsError, match=message):
        plugin(word, config)
