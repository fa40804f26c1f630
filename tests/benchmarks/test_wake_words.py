"""Test the wake word benchmark, and the comparison of two models by it, on the shipped samples."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
from command_line import ROOT
from evaluation_samples import NEGATIVES, POSITIVES, write_samples
from waiting import PATIENCE

from kws.config import SAMPLE_RATE

pytestmark = pytest.mark.slow

RECIPE = """\
[keywords]
computer = ["positives/computer"]
jarvis = ["positives/jarvis"]
alexa = ["positives/alexa"]
"smart mirror" = ["positives/smart_mirror"]
[negatives]
read = ["negatives"]
music = ["noise"]
[noise]
household = ["noise"]
"""
EVERYTHING = ("--partitions", *range(8))


def benchmark(name: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, f"benchmarks/{name}.py", *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = write_samples(tmp_path_factory.mktemp("data"))
    for folder in ("positives/smart_mirror", "noise"):
        (root / folder).mkdir()
        noise = np.random.default_rng(1).normal(0, 900, 3 * SAMPLE_RATE).astype(np.int16)
        soundfile.write(root / folder / "noise.wav", noise, SAMPLE_RATE)
    (root / "recipe.toml").write_text(RECIPE)
    return root


def measured(data: Path, output: Path, *options: object) -> dict:
    common = (data, "--recipe", data / "recipe.toml", "--model", "home", "--output", output)
    done = benchmark("wake_words", *common, *EVERYTHING, "--alarms", 1, *options)
    assert done.returncode == 0, done.stderr
    assert "running speech" in done.stdout
    return json.loads((output / "results.json").read_text())


def test_a_model_is_measured_and_compared(data: Path, tmp_path: Path) -> None:
    result = measured(data, tmp_path / "one")
    assert set(result) == {"its thresholds", "1 alarms"}
    own = result["its thresholds"]
    assert {of["recordings"] for of in own["conditions"].values()} == {
        sum(map(len, POSITIVES.values())) + 2  # one of each of jarvis and smart mirror is silence
    }
    assert own["conditions"]["clean"]["count"] == 2
    assert own["kinds"]["read"]["running"]["false_alarms"] == 1
    assert own["folders"]["negatives/jarring.flac"] == [1, 1]
    assert set(own["kinds"]) == {"read", "music", "household", "all speech"}
    assert (tmp_path / "one" / "det.svg").stat().st_size > 1000

    more = measured(data, tmp_path / "two", "--levels", "--sensitivity", "normal")
    assert more["its thresholds"]["conditions"].items() >= own["conditions"].items()
    assert "-50 dBFS" in more["its thresholds"]["conditions"]
    done = benchmark("compare_wake_words", tmp_path / "one", tmp_path / "two", "--alarms", 1)
    assert done.returncode == 1
    assert "two: not the recordings or the conditions of" in done.stderr
    done = benchmark("compare_wake_words", tmp_path / "one", tmp_path / "one", "--alarms", 1)
    assert done.returncode == 0, done.stderr
    (clean,) = (line for line in done.stdout.splitlines() if " clean " in line)
    assert "(p 1)" in clean
    assert "all speech" in done.stdout


def test_folds_are_tested_each_on_its_own_partitions(data: Path, tmp_path: Path) -> None:
    options = ("--recipe", data / "recipe.toml", "--thresholds", "home", "--output", tmp_path)
    done = benchmark("wake_words", ROOT / "models" / "home.folds", data, *options)
    assert done.returncode == 0, done.stderr
    own = json.loads((tmp_path / "results.json").read_text())["its thresholds"]
    assert own["conditions"]["clean"]["recordings"] == sum(map(len, POSITIVES.values())) + 2
    read = own["kinds"]["read"]["recordings_that_fire"]
    assert read["recordings"] == len(NEGATIVES) + 1


def test_mistakes_are_one_line(data: Path, tmp_path: Path) -> None:
    done = benchmark("compare_wake_words", tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("compare_wake_words.py: ")
    options = ("--recipe", data / "recipe.toml", "--output", tmp_path)
    done = benchmark("wake_words", data, "--model", "home", *options)
    assert done.returncode == 1
    assert "home: its card has no held_out_partitions; name --held-out or" in done.stderr
    done = benchmark("wake_words", data, "--output", tmp_path)
    assert done.returncode == 2
    assert "either WORK or --model" in done.stderr
