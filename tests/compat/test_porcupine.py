"""Test a program that was written for Porcupine, with another import."""

from __future__ import annotations

import array
import json
import logging
import shutil
from pathlib import Path

import numpy as np
import pytest
from command_line import ROOT, SAMPLES

import kws
import kws.compat.porcupine as pvporcupine
from kws.audio.audio_file import read_audio
from kws.config import ModelConfig
from kws.model_file import ModelFile
from kws.sensitivity import Sensitivity, store, threshold_at

KEYWORDS = ["computer", "jarvis", "alexa", "smart mirror"]
EXPECTED = json.loads((SAMPLES / "expected.json").read_text())


def listen(porcupine: pvporcupine.Porcupine, recording: str) -> list[tuple[int, float]]:
    """Return what a usual loop over the frames of a file finds: index and time."""
    pcm, found = read_audio(SAMPLES / recording), []
    for start in range(0, len(pcm) - porcupine.frame_length + 1, porcupine.frame_length):
        index = porcupine.process(pcm[start : start + porcupine.frame_length])
        if index >= 0:
            found.append((index, (start + porcupine.frame_length) / porcupine.sample_rate))
    return found


@pytest.mark.parametrize("recording", EXPECTED)
def test_a_program_finds_what_kws_listen_finds(recording: str) -> None:
    porcupine = pvporcupine.create("no key", keywords=KEYWORDS)
    found = listen(porcupine, recording)
    porcupine.delete()
    expected = list(kws.listen(SAMPLES / recording))
    assert [KEYWORDS[index] for index, _ in found] == [d.keyword for d in expected]
    assert [d.keyword for d in expected] == [keyword for keyword, *_ in EXPECTED[recording]]
    for (_, time), detection in zip(found, expected, strict=True):
        assert -0.032 <= time - detection.time <= 0.2


def test_indexes_are_those_of_the_arguments() -> None:
    porcupine = pvporcupine.create(access_key="", keywords=["Smart_Mirror", "jarvis"])
    assert [index for index, _ in listen(porcupine, "all_keywords.flac")] == [1, 0]
    assert (porcupine.frame_length, porcupine.sample_rate) == (512, 16_000)
    assert porcupine.version == kws.__version__


def test_paths_name_keywords_of_models() -> None:
    assert set(KEYWORDS) <= pvporcupine.KEYWORDS == set(pvporcupine.KEYWORD_PATHS)
    paths = [pvporcupine.KEYWORD_PATHS[name] for name in ("alexa", "computer")]
    assert [Path(path).name for path in paths] == ["alexa", "computer"]
    porcupine = pvporcupine.create(
        library_path=pvporcupine.LIBRARY_PATH,
        model_path=pvporcupine.MODEL_PATH,
        keyword_paths=paths,
        sensitivities=[0.5, 0.5],
    )
    assert [index for index, _ in listen(porcupine, "all_keywords.flac")] == [1, 0]


def test_a_model_of_the_users_own(tmp_path: Path) -> None:
    path = shutil.copy(ROOT / "models" / "home.tflite", tmp_path / "mine.tflite")
    porcupine = pvporcupine.create(model_path=str(path), keywords=["smart mirror"])
    porcupine.process([0] * 512)
    with pytest.raises(pvporcupine.PorcupineInvalidArgumentError, match="has several keywords"):
        pvporcupine.create(keyword_paths=[str(path)])
    with pytest.raises(pvporcupine.PorcupineIOError, match="no keyword 'sesame'; it has: "):
        pvporcupine.create(keyword_paths=[f"{path}/sesame"])


def test_frames_of_any_sequence_of_whole_numbers() -> None:
    pcm = read_audio(SAMPLES / "jarvis_door.flac")
    kinds = (list, tuple, lambda frame: array.array("h", frame), lambda frame: frame.astype("i8"))
    porcupines = [pvporcupine.create(keywords=["jarvis"]) for _ in kinds]
    found: list[list[int]] = [[] for _ in kinds]
    for start in range(0, len(pcm) - 511, 512):
        frame = pcm[start : start + 512]
        for porcupine, kind, indexes in zip(porcupines, kinds, found, strict=True):
            indexes.append(porcupine.process(kind(frame)))
    assert all(indexes.count(0) == 1 for indexes in found)
    assert len(set(map(tuple, found))) == 1


def test_two_keywords_in_one_frame_are_both_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    porcupine = pvporcupine.create(keywords=["computer", "jarvis"])
    monkeypatch.setattr(porcupine._group, "push", lambda _: [0, 1])
    assert porcupine.process([0] * 512) == 0
    monkeypatch.setattr(porcupine._group, "push", lambda _: [])
    assert [porcupine.process([0] * 512) for _ in range(2)] == [1, -1]


@pytest.mark.parametrize(
    ("pcm", "message"),
    [
        ([0] * 511, "a frame has 512 samples, not 511"),
        (np.zeros(512, np.float32), "samples must be int16"),
        (np.zeros((512, 2), np.int16), "samples must be int16"),
        ([40_000] * 512, "beyond int16"),
    ],
)
def test_wrong_frames_are_refused(pcm: object, message: str) -> None:
    porcupine = pvporcupine.create(keywords=["jarvis"])
    with pytest.raises(ValueError, match=message):
        porcupine.process(pcm)  # type: ignore[arg-type]
    porcupine.delete()
    with pytest.raises(pvporcupine.PorcupineInvalidStateError):
        porcupine.process([0] * 512)


@pytest.mark.parametrize(
    ("arguments", "kind", "message"),
    [
        ({}, ValueError, "neither keywords nor keyword_paths"),
        ({"keywords": ["bumblebee"]}, ValueError, "'bumblebee'; there are: computer, jarvis"),
        ({"keywords": ["jarvis"], "sensitivities": [1.5]}, ValueError, "1.5 is not 0 to 1"),
        ({"keywords": ["jarvis"], "sensitivities": [0.5, 1]}, ValueError, "1 keywords, 2 sens"),
        ({"keywords": ["jarvis", "jarvis"]}, ValueError, "listed twice"),
        ({"keyword_paths": ["hey.ppn"]}, pvporcupine.PorcupineError, "kws train makes a model"),
        ({"keyword_paths": ["nowhere/hey.tflite"]}, OSError, "no such file"),
        ({"keyword_paths": [__file__]}, pvporcupine.PorcupineError, "not a .tflite model"),
        ({"keywords": ["jarvis"], "model_path": "no.tflite"}, ValueError, "model_path: no.tflite"),
    ],
)
def test_what_cannot_work_is_refused(
    arguments: dict[str, object], kind: type[Exception], message: str
) -> None:
    with pytest.raises(kind, match=message) as caught:
        pvporcupine.create("key", **arguments)  # type: ignore[arg-type]
    assert isinstance(caught.value, kws.KwsError)
    assert "\n" not in str(caught.value)


def test_what_has_no_meaning_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    pvporcupine.create(
        "key", keywords=["jarvis"], device="gpu:0", library_path="x.so", model_path="de.pv"
    )
    (line,) = [r.getMessage() for r in caplog.records if r.levelno == logging.WARNING]
    assert all(word in line for word in ("access_key", "gpu:0", "x.so", "de.pv"))
    assert "key," not in line.replace("access_key,", "")
    caplog.clear()
    pvporcupine.create(keywords=["jarvis"], device="cpu")
    assert not caplog.records
    assert pvporcupine.available_devices() == ["cpu"]


def config_with(points: dict[str, float]) -> ModelConfig:
    config = ModelConfig(("computer",), (0.8,), 1)
    return store(config, {name: Sensitivity((t,), 0.1) for name, t in points.items()})


@pytest.mark.parametrize(
    ("points", "ends"),
    [
        ({}, (0.9, 0.4)),
        ({"low": 0.85, "normal": 0.8, "high": 0.6}, (0.85, 0.6)),
        ({"low": 0.7, "high": 0.95}, (0.8, 0.8)),  # wrong order: it must not turn round
    ],
)
def test_sensitivities_are_monotonic(points: dict[str, float], ends: tuple[float, float]) -> None:
    config = config_with(points)
    thresholds = [threshold_at(config, 0, level) for level in np.linspace(0, 1, 21)]
    assert thresholds == sorted(thresholds, reverse=True)
    assert thresholds[10] == pytest.approx(0.8)
    assert (thresholds[0], thresholds[-1]) == pytest.approx(ends)


def test_a_sensitivity_changes_what_is_found() -> None:
    model = ModelFile.load("home")
    noise = np.random.default_rng(3).normal(0, 3000, 16_000 * 20).astype(np.int16)
    speech = np.concatenate([read_audio(SAMPLES / f"{n}.flac") for n in ("service", "election")])
    audio = np.concatenate([speech, noise])[: 512 * 1000]
    assert model.config.keywords[1] == "jarvis"

    def count(sensitivity: float) -> int:
        porcupine = pvporcupine.create(keywords=KEYWORDS, sensitivities=[sensitivity] * 4)
        frames = audio[: len(audio) // 512 * 512].reshape(-1, 512)
        return sum(porcupine.process(frame) >= 0 for frame in frames)

    counts = [count(level) for level in (0, 0.5, 1)]
    assert counts == sorted(counts)
    assert counts[0] == 0


def test_every_name_of_the_original_that_a_caller_catches() -> None:
    for name in ("Activation", "ActivationLimit", "ActivationRefused", "ActivationThrottled"):
        assert issubclass(getattr(pvporcupine, f"Porcupine{name}Error"), pvporcupine.PorcupineError)
    assert pvporcupine.PorcupineError("what").message == "what"
    with pytest.raises(AttributeError, match="train_wake_word_from_phrase"):
        pvporcupine.train_wake_word_from_phrase  # noqa: B018
