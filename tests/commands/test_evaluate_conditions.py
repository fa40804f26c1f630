"""Test kws evaluate with --conditions, --sensitivity and --threshold on the shipped samples."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile
from command_line import kws
from evaluation_samples import NEGATIVES, write_samples

from kws.config import SAMPLE_RATE

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write positives, noise, and negatives of two kinds and of none."""
    root = write_samples(tmp_path_factory.mktemp("samples"))
    for kind, name in (("read", "story"), ("orders", "election")):
        (root / "negatives" / kind).mkdir()
        shutil.move(root / "negatives" / f"{name}.flac", root / "negatives" / kind)
    (root / "noise").mkdir()
    noise = np.random.default_rng(1).normal(0, 900, 3 * SAMPLE_RATE).astype(np.int16)
    soundfile.write(root / "noise" / "noise.wav", noise, SAMPLE_RATE)
    return root


def evaluated(folders: Path, *options: object) -> dict:
    done = kws(*command(folders), "--json", *options)
    complaints = [line for line in done.stderr.splitlines() if not line.startswith("kws: wrote ")]
    assert (done.returncode, complaints) == (0, [])
    return json.loads(done.stdout)


def command(folders: Path) -> list[object]:
    options = ("--positives", folders / "positives", "--negatives", folders / "negatives")
    return ["evaluate", "home", *options]


def test_conditions_and_kinds_come_with_the_usual_figures(folders: Path, tmp_path: Path) -> None:
    report = tmp_path / "report"
    options = ("--conditions", "--noise", folders / "noise", "--report", report)
    result = evaluated(folders, *options)
    usual = evaluated(folders)
    assert {key: result[key] for key in usual} == usual
    conditions, kinds = result["conditions"], result["kinds"]
    assert set(usual).isdisjoint({"conditions", "kinds"})
    assert {"clean", "order follows", "running speech", "noise, 10 dB", "rooms"} <= set(conditions)
    for of in conditions.values():
        assert of["recordings"] == 7
        assert 1 <= of["count"] <= 7  # in one of jarvis nothing is said
        assert of["interval"][0] <= of["rate"] <= of["interval"][1]
    assert conditions["clean"]["count"] == 1
    assert set(kinds) == {"read", "orders", "speech", "all speech"}
    # One of the others has a keyword in it.
    assert kinds["speech"]["running"]["false_alarms"] == 1
    assert kinds["speech"]["recordings_that_fire"]["recordings"] == len(NEGATIVES) - 2 + 1
    assert kinds["all speech"]["alone"]["hours"] == pytest.approx(usual["hours"], abs=2e-3)
    written = json.loads((report / "report.json").read_text("utf-8"))
    assert (written["conditions"], written["kinds"]) == (conditions, kinds)
    page = (report / "report.html").read_text("utf-8")
    for text in ("By condition", "telephone band", "By kind of speech", "orders", "fire alone"):
        assert text in page
    assert evaluated(folders, *options) == result


def test_without_noise_there_is_no_condition_with_noise(folders: Path) -> None:
    done = kws(*command(folders), "--conditions")
    assert (done.returncode, done.stderr) == (0, "")
    assert "by condition" in done.stdout
    assert "order follows" in done.stdout
    assert "dB" in done.stdout  # babble
    assert "noise, 10 dB" not in done.stdout


def test_thresholds_are_chosen_as_for_kws_listen(folders: Path) -> None:
    strict = evaluated(folders, "--threshold", "alexa=1", "--threshold", "Computer=0.25")
    assert strict["keywords"]["alexa"]["own"]["threshold"] == 1
    assert strict["keywords"]["computer"]["own"]["threshold"] == 0.25
    assert evaluated(folders, "--sensitivity", "normal") == evaluated(folders)
    wrong = kws(*command(folders), "--threshold", "alexa")
    assert wrong.returncode != 0
    assert "not KEYWORD=NUMBER" in wrong.stderr


def test_a_recording_with_more_than_the_word_is_left_out_and_named(
    folders: Path, tmp_path: Path
) -> None:
    positives = tmp_path / "positives" / "alexa"
    positives.mkdir(parents=True)
    for path in (folders / "positives" / "alexa").iterdir():
        shutil.copy(path, positives)
    long = np.random.default_rng(1).integers(-99, 99, 11 * SAMPLE_RATE).astype(np.int16)
    soundfile.write(positives / "long.wav", long, SAMPLE_RATE)
    options = ("--positives", positives.parent, "--negatives", folders / "negatives")
    done = kws("evaluate", "home", *options, "--conditions", "--json")
    assert done.returncode == 0
    assert "long.wav: longer than the 10 s of a keyword" in done.stderr
    result = json.loads(done.stdout)
    assert result["conditions"]["clean"]["recordings"] == 2
    assert result["keywords"]["alexa"]["utterances"] == 3
