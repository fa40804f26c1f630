"""Test a program that was written for openWakeWord, with another import."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from command_line import ROOT, SAMPLES

import kws
import kws.compat.openwakeword as openwakeword
from kws.audio.audio_file import read_audio
from kws.compat import openwakeword_models
from kws.compat.keyword_paths import keywords_named
from kws.compat.openwakeword import Model
from kws.compat.spotter_group import SpotterGroup
from kws.posterior import ONE, quantise_threshold

EXPECTED = json.loads((SAMPLES / "expected.json").read_text())
KEYWORDS = ["computer", "jarvis", "alexa", "smart mirror"]
CHUNK = 1280
LEVEL = 0.2  # that a program may choose; the scores of a word are above it in several frames


def fired(model: Model, samples: Any, chunk: int = CHUNK, threshold: float = 0.5) -> list[str]:
    """Return the names whose scores rise above a threshold, as a usual loop finds them."""
    found, high = [], dict.fromkeys(model.models, False)
    for start in range(0, len(samples), chunk):
        for name, score in model.predict(samples[start : start + chunk]).items():
            if score > threshold and not high[name]:
                found.append(name)
            high[name] = score > threshold
    return found


@pytest.mark.parametrize("recording", EXPECTED)
def test_a_program_finds_what_kws_listen_finds(recording: str) -> None:
    samples = read_audio(SAMPLES / recording)
    expected = [detection.keyword for detection in kws.listen(SAMPLES / recording)]
    model = Model()
    for chunk in (400, 5000):
        model.reset()
        assert fired(model, samples, chunk) == expected


@pytest.mark.parametrize("posterior", [0, 1, 25_000, 26_214, 26_215, 26_216, ONE])
def test_a_score_is_above_a_half_where_the_keyword_is_detected(posterior: int) -> None:
    (keyword,) = keywords_named("computer")
    group = SpotterGroup([keyword], [0.8])
    score = group._score(keyword, posterior / ONE)
    assert (score > 0.5) == (posterior >= quantise_threshold(0.8))
    assert 0 <= score <= 1
    assert score == pytest.approx({0: 0, ONE: 1}.get(posterior, score))


def test_names_of_models(tmp_path: Path) -> None:
    assert list(Model().models) == KEYWORDS
    assert list(Model(["hey jarvis"[4:], "smart_mirror"]).models) == ["jarvis", "smart_mirror"]
    assert list(Model(["home"]).models) == KEYWORDS
    (path,) = [p for p in openwakeword.get_pretrained_model_paths() if "alexa" in p]
    assert list(Model(wakeword_models=[path]).models) == ["alexa"]
    assert openwakeword.MODELS["alexa"]["model_path"] == path
    shutil.copy(ROOT / "models" / "home.tflite", tmp_path / "mine.tflite")
    assert list(Model([str(tmp_path / "mine.tflite")]).models) == KEYWORDS
    both = Model(wakeword_model_paths=[str(tmp_path / "mine.tflite" / "Smart_Mirror"), "computer"])
    assert list(both.models) == ["Smart_Mirror", "computer"]
    (path,) = [p for p in openwakeword.get_pretrained_model_paths() if "smart_mirror" in p]
    assert [k.keyword for k in Model([path]).models.values()] == ["smart mirror"]
    assert both.get_parent_model_from_label("computer") == "computer"
    assert both.get_parent_model_from_label("timer") == ""


def test_a_model_with_one_keyword_has_the_name_of_its_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (keyword,) = keywords_named("alexa")
    monkeypatch.setattr(openwakeword_models, "keywords_at", lambda path: [keyword])
    (tmp_path / "hey_v0.1.tflite").touch()
    assert list(Model([str(tmp_path / "hey_v0.1.tflite")]).models) == ["hey_v0.1"]
    assert list(Model([str(tmp_path / "hey_v0.1.tflite" / "alexa")]).models) == ["alexa"]


def test_a_clip_of_any_format(tmp_path: Path) -> None:
    samples = read_audio(SAMPLES / "jarvis_door.flac")
    soundfile.write(tmp_path / "clip.wav", samples, 16_000)
    model = Model(["jarvis"])
    predictions = model.predict_clip(str(tmp_path / "clip.wav"))
    assert len(predictions) == -(-(len(samples) + 32_000) // CHUNK)
    assert max(prediction["jarvis"] for prediction in predictions) > 0.5
    model.reset()
    assert model.predict_clip(samples) == predictions
    model.reset()
    assert model.predict_clip(SAMPLES / "jarvis_door.flac") == predictions
    assert not any(p["jarvis"] > 0.5 for p in model.predict_clip(SAMPLES / "story.flac"))


def test_the_buffer_of_predictions() -> None:
    model = Model()
    assert len(model.prediction_buffer["computer"]) == 0
    samples = read_audio(SAMPLES / "computer_lights.flac")
    last = [model.predict(samples[i : i + CHUNK]) for i in range(0, 40 * CHUNK, CHUNK)]
    for name in KEYWORDS:
        assert list(model.prediction_buffer[name]) == [scores[name] for scores in last[-30:]]
    model.reset()
    assert not model.prediction_buffer
    assert fired(model, samples) == ["computer"]


def scores_with(**arguments: Any) -> list[float]:
    model, samples = Model(["computer"]), read_audio(SAMPLES / "computer_lights.flac")
    blocks = [samples[i : i + CHUNK] for i in range(0, len(samples), CHUNK)]
    return [model.predict(block, **arguments)["computer"] for block in blocks]


def test_patience_waits_for_frames_above_the_threshold() -> None:
    plain = np.array(scores_with())
    (high,) = np.nonzero(plain >= LEVEL)
    assert len(high) >= 3
    for frames in (1, 2, 3):
        patient = np.array(
            scores_with(patience={"computer": frames}, threshold={"computer": LEVEL})
        )
        (passed,) = np.nonzero(patient >= LEVEL)
        assert list(passed) == list(high[frames - 1 :])
        assert np.array_equal(patient[plain < LEVEL], plain[plain < LEVEL])
    assert max(scores_with(patience={"computer": 30}, threshold={"computer": LEVEL})) < LEVEL


def test_debounce_time_passes_one_score() -> None:
    plain = np.array(scores_with())
    debounced = np.array(scores_with(debounce_time=2.0, threshold={"computer": LEVEL}))
    assert (plain >= LEVEL).sum() >= 3
    assert (debounced >= LEVEL).sum() == 1
    assert np.argmax(debounced >= LEVEL) == np.argmax(plain >= LEVEL)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"patience": {"computer": 3}}, "need a threshold"),
        ({"debounce_time": 1.0}, "need a threshold"),
        (
            {"patience": {"computer": 3}, "debounce_time": 1.0, "threshold": {"computer": 0.5}},
            "cannot be used together",
        ),
        ({"debounce_time": 1.0, "threshold": {"hey_jarvis": 0.5}}, "models are: computer"),
        ({"patience": {"jarvis": 1}, "threshold": {"computer": 0.5}}, "no threshold of: jarvis"),
    ],
)
def test_arguments_that_do_not_fit_are_refused(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Model().predict(np.zeros(CHUNK, np.int16), **arguments)


@pytest.mark.parametrize("samples", [[0] * CHUNK, np.zeros(CHUNK), np.zeros((CHUNK, 2), np.int16)])
def test_wrong_samples_are_refused(samples: Any) -> None:
    with pytest.raises(ValueError, match="samples"):
        Model().predict(samples)


def test_whole_numbers_of_another_type_are_taken() -> None:
    samples = read_audio(SAMPLES / "alexa_rain.flac")
    assert fired(Model(), samples.astype(np.int64)) == ["alexa"]
    scores, timing = Model().predict(samples, timing=True)
    assert scores["alexa"] > 0.5
    assert set(timing["models"]) == set(KEYWORDS)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"wakeword_models": ["hey_mycroft"]}, "kws train makes models"),
        ({"wakeword_models": ["hey_jarvis_v0.1.onnx"]}, "no such file"),
        ({"wakeword_models": [str(SAMPLES / "README.md")]}, "not a .tflite model"),
        ({"wakeword_models": ["alexa", "home"]}, "a model named 'alexa' already"),
        ({"wakeword_models": ["alexa", "Alexa"]}, "listed twice"),
        ({"custom_verifier_models": {"alexa": "alexa.pkl"}}, "no verifiers"),
        ({"inference_framework": "torch"}, "not tflite or onnx"),
    ],
)
def test_what_cannot_work_is_refused(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message) as caught:
        Model(**arguments)
    assert isinstance(caught.value, kws.KwsError)
    assert "\n" not in str(caught.value)


def test_what_has_no_meaning_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    Model(["alexa"], vad_threshold=0.5, inference_framework="onnx", ncpu=4)
    (line,) = caplog.messages
    assert line.endswith("kws does not use: vad_threshold, inference_framework, ncpu")
    caplog.clear()
    Model(["alexa"])
    assert not caplog.messages
    with pytest.raises(TypeError, match="no argument sponge"):
        Model(sponge=1)


def test_nothing_is_downloaded() -> None:
    openwakeword.utils.download_models()
    openwakeword.download_models(["alexa"])
    with pytest.raises(ValueError, match="'hey_mycroft'"):
        openwakeword.download_models(["hey_mycroft"])
