"""kws calibrate: thresholds of a finished model by recordings that it was not trained on."""

from __future__ import annotations

import shutil
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import soundfile
from command_line import SAMPLES, kws, refused
from conftest import skip_without
from waiting import PATIENCE

from kws.audio.audio_file import read_audio
from kws.calibration_card import HELD_OUT, calibration_of
from kws.config import SAMPLE_RATE
from kws.model_file import ModelFile
from kws.sensitivity import SENSITIVITIES, operating_points


@pytest.fixture
def speech(tmp_path: Path) -> Path:
    """Six minutes of two kinds, in one of which a keyword is heard now and then."""
    random = np.random.default_rng(1)
    word = read_audio(SAMPLES / "jarvis_door.flac")
    for kind in ("kitchen", "radio"):
        (tmp_path / "speech" / kind).mkdir(parents=True)
        for number in range(6):
            quiet = random.normal(0, 100, 30 * SAMPLE_RATE).astype(np.int16)
            samples = np.concatenate([word, quiet]) if (kind, number) == ("radio", 3) else quiet
            soundfile.write(tmp_path / "speech" / kind / f"{number}.flac", samples, SAMPLE_RATE)
    return tmp_path / "speech"


@pytest.mark.slow
def test_a_finished_model_gets_thresholds_by_kinds_of_speech(speech: Path, tmp_path: Path) -> None:
    skip_without("TensorFlow", find_spec("tensorflow"))
    (tmp_path / "words" / "jarvis").mkdir(parents=True)
    shutil.copy(SAMPLES / "jarvis_door.flac", tmp_path / "words" / "jarvis")
    output = tmp_path / "mine.tflite"
    kinds = ("--negatives", speech / "kitchen", "--negatives", speech / "radio")
    words = ("--positives", tmp_path / "words")
    done = kws(
        "calibrate",
        "home",
        *kinds,
        *words,
        "--alarms-per-hour",
        2,
        "--arithmetic",
        "fixed",
        "--first-stage",
        "home-small",
        "--output",
        output,
        timeout=PATIENCE,
    )
    assert (done.returncode, done.stderr) == (0, "")
    home, mine = ModelFile.load("home"), ModelFile.load(output)
    assert list(operating_points(mine.config)) == list(SENSITIVITIES)
    card = calibration_of(mine.config)
    assert card.measured_on == HELD_OUT
    assert card.hours == pytest.approx(0.1, abs=0.01)
    normal = card.points["normal"]
    assert (normal.target, normal.extrapolated) == (2.0, True)
    assert normal.hardest_kind() == "radio"
    assert normal.misses["clean"].utterances == 1
    assert mine.config.keywords == home.config.keywords
    assert mine.config.committee.first_stage
    assert mine.config.committee.bounds == (0.3,) * 4
    assert len(mine.each_network()) == 1 + len(home.deciding_networks())
    fixed = home.with_arithmetic("fixed").config.front_end
    assert mine.config.front_end == fixed, "which it has wherever it runs"
    assert mine.config.card["data"] == home.config.card["data"]
    shown = kws("info", output).stdout
    assert "a first stage, always runs and wakes the others, which decide," in shown
    assert f"of {HELD_OUT}" in shown
    assert "normal, hardest kind: radio" in shown
    assert kws("listen", "--model", output, "--wav", SAMPLES / "story.flac").returncode == 0


def test_what_cannot_be_calibrated_by_is_one_line(speech: Path, tmp_path: Path) -> None:
    skip_without("TensorFlow", find_spec("tensorflow"))
    output = ("--output", tmp_path / "mine.tflite")
    line = refused(kws("calibrate", "home", "--negatives", speech / "kitchen", *output))
    assert line.startswith("3.0 minutes of speech without the keywords are too few")
    empty = tmp_path / "empty"
    empty.mkdir()
    assert str(empty) in refused(kws("calibrate", "home", "--negatives", empty, *output))
    assert not output[1].exists()


@pytest.mark.parametrize(
    "options",
    [
        [],
        ["--negatives", "a", "--recipe", "b"],
        ["--recipe", "a"],
        ["--recipe", "a", "--data", "b"],
        ["--recipe", "a", "--data", "b", "--held-out", "5"],
        ["--recipe", "a", "--data", "b", "--held-out", "1", "--positives", "c"],
        ["--negatives", "a", "--alarms-per-hour", "0"],
        ["--negatives", "a", "--first-stage-bound", "0.5"],
    ],
)
def test_options_that_contradict_each_other(options: list[str]) -> None:
    assert kws("calibrate", "home", *options, "--output", "x.tflite").returncode == 2
