"""Test models on synthetic voices that no training has."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from conftest import skip_without

from kws.audio.audio_file import read_audio
from kws.calibration_card import RECORDED_HOURS
from kws.config import SAMPLE_RATE
from kws.data.dataset import Dataset, Synthesis
from kws.model_file import ModelFile
from kws.training import held_out_speech
from kws.training.calibration import calibrate
from kws.training.held_out_speech import HeldOutResult, HeldOutTest, is_synthetic, run_held_out_test
from kws.training.synthetic_speech import confusable_phrases
from kws.training.workers import Status
from kws.tts.held_out_voices import VARIANTS, held_out_voices
from kws.tts.synthesisers import ESPEAK_MORE_VARIANTS, ESPEAK_VARIANTS
from kws.tts.voices import accented_voices, installed_voices

WANTED = Synthesis(generated_confusables=20)


@pytest.fixture(autouse=True)
def _voices() -> None:
    skip_without("espeak-ng", shutil.which("espeak-ng"))


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, count in (("UTTERANCES", 6), ("PHRASES", 4), ("LEAST_SENTENCES", 5)):
        monkeypatch.setattr(held_out_speech, name, count)


def job_of(folder: Path, untested: tuple[str, ...], calibrates: bool) -> HeldOutTest:
    model = ModelFile.load("home")
    dataset = Dataset({keyword: [] for keyword in model.config.keywords}, synthesis=WANTED)
    status = Status("it", folder / "it.progress")
    return HeldOutTest(model, dataset, untested, calibrates, folder, status)


def test_no_training_has_these_voices() -> None:
    assert not {*VARIANTS} & {*ESPEAK_VARIANTS, *ESPEAK_MORE_VARIANTS}
    held_out = held_out_voices()
    assert len(held_out) > 20
    assert not {*held_out} & {*accented_voices(installed_voices())}
    assert all(voice.name.startswith("de+") for voice in held_out_voices("de"))
    assert held_out_voices("no such language") == held_out_voices(None) == []


@pytest.mark.slow
@pytest.mark.usefixtures("few")
def test_keywords_without_recordings_and_thresholds_are_measured_on_them(tmp_path: Path) -> None:
    job = job_of(tmp_path, ("computer",), True)
    found = run_held_out_test(job)
    assert found
    assert list(found.scores) == ["synthetic voices, clean", "synthetic voices, 10 dB"]
    assert all(map(is_synthetic, found.scores))
    clean = found.scores["synthetic voices, clean"].positives
    assert {keyword: len(peaks) for keyword, peaks in clean.items()} == {
        "computer": 6, "jarvis": 0, "alexa": 0, "smart mirror": 0
    }  # fmt: skip
    assert clean["computer"].max() > 30_000  # home knows the word, whoever says it
    running = found.peaks["running"]
    assert running.kinds == ("synthetic sentences", "short texts")
    spoken = [p for kind in running.kinds for p in (tmp_path / kind.replace(" ", "_")).iterdir()]
    seconds = sum(len(read_audio(path)) for path in spoken) / SAMPLE_RATE
    assert running.hours == pytest.approx(RECORDED_HOURS * seconds / 3600)
    taken = confusable_phrases(WANTED, job.model.config.keywords, WANTED.generated_confusables)
    texts = [text for text, _ in found.phrases]
    assert len(texts) == 4
    assert not {*texts} & {*taken}
    again = run_held_out_test(job)
    assert again
    assert np.array_equal(
        again.scores["synthetic voices, clean"].positives["computer"], clean["computer"]
    )


@pytest.mark.slow
@pytest.mark.usefixtures("few")
def test_where_recordings_serve_only_phrases_are_said(tmp_path: Path) -> None:
    found = run_held_out_test(job_of(tmp_path, (), False))
    assert found
    assert (found.scores, found.peaks) == ({}, {})
    assert len(found.phrases) == 4
    assert [path.name for path in tmp_path.iterdir() if path.is_dir()] == ["phrases"]


def test_phrases_wake_a_model_up_at_its_thresholds() -> None:
    config = ModelFile.load("home").config
    peaks = [np.array([9000, 0, 0, 0]), np.array([0, 0, 32_000, 0])]
    found = HeldOutResult({}, {}, tuple(zip(("commuter", "a lecture"), peaks, strict=True)))
    assert found.woken_by(replace(config, thresholds=(0.5,) * 4)) == ["a lecture"]
    assert len(found.woken_by(replace(config, thresholds=(0.1,) * 4))) == 2


def test_a_model_is_calibrated_without_any_recorded_speech() -> None:
    """Speech of no kind at all sets no thresholds, and nothing fails."""
    from kws.evaluation.speech_peaks import no_peaks

    config = ModelFile.load("home").config
    peaks = {name: no_peaks(config.keywords) for name in ("running", "alone")}
    assert min(calibrate(config, peaks, {}, 0.2, "nothing").thresholds) >= 0.98
