"""Test that files and folders may have names of any bytes, in whatever is written of them."""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
from command_line import ROOT, SAMPLES, kws

from kws.config import SAMPLE_RATE
from kws.data.dataset import from_folder

if sys.platform != "linux":
    pytest.skip("file systems elsewhere refuse such names", allow_module_level=True)

NAME = os.fsdecode(b"caf\xe9")


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return Path(shutil.copy(ROOT / "models" / "home.tflite", tmp_path / f"{NAME}.tflite"))


def test_a_model_is_exported(model: Path, tmp_path: Path) -> None:
    for _ in range(2):  # the second one recognises the files of the first
        done = kws("export", model, "--output", tmp_path / NAME)
        assert (done.returncode, "error" in done.stderr) == (0, False), done.stderr
    (sketch,) = (tmp_path / NAME).iterdir()
    assert sketch.name.isascii()
    for path in sketch.rglob("*.*"):
        path.read_text("utf-8")


def test_a_model_detects(model: Path, tmp_path: Path) -> None:
    options = ("--wav", SAMPLES / "all_keywords.flac", "--keep", tmp_path / NAME)
    done = kws("listen", "--model", model, *options)
    assert (done.returncode, done.stderr) == (0, "")
    assert len(done.stdout.splitlines()) == 4
    assert len((tmp_path / NAME / "kept.jsonl").read_bytes().splitlines()) >= 4


def test_a_model_is_described_without_control_of_the_terminal(tmp_path: Path) -> None:
    path = shutil.copy(ROOT / "models" / "home.tflite", tmp_path / "a\x1b]0;b\x07.tflite")
    done = kws("info", path)
    assert done.stdout.startswith("model      a?]0;b?\n")
    assert "\x1b" not in done.stdout


def test_a_model_is_evaluated(model: Path, tmp_path: Path) -> None:
    words, others = tmp_path / "words" / "alexa", tmp_path / f"others{NAME}"
    for folder, sample in ((words, "alexa_timer"), (others, "alexa_rain")):
        folder.mkdir(parents=True)
        shutil.copy(SAMPLES / f"{sample}.flac", folder / f"{NAME}.flac")
    report = tmp_path / f"report{NAME}"
    options = ("--positives", words.parent, "--negatives", others, "--report", report)
    model = model.rename(model.with_stem(f"{NAME}\x1b[2J"))
    done = kws("evaluate", model, *options)
    assert done.returncode == 0, done.stderr
    assert "caf??[2J" in done.stdout
    assert "\x1b" not in done.stdout
    values = json.loads((report / "report.json").read_text("utf-8"))
    assert values["worst_false_alarms"][0]["file"] == str(others / f"{NAME}.flac")
    assert "caf\\udce9.flac" in (report / "report.html").read_text("utf-8")


def test_a_dataset_is_read(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    random = np.random.default_rng(1)
    for folder in ("word", "_negative_", NAME, "e\x1b[2J"):
        (tmp_path / folder).mkdir()
        for number in range(2):
            path = tmp_path / folder / f"{NAME}{number}.flac"
            samples = random.integers(-999, 999, 8000).astype(np.int16)
            soundfile.write(os.fsencode(path), samples, SAMPLE_RATE)
    dataset = from_folder(tmp_path)
    names = [clip.path.name for clip in (*dataset.positives["word"], *dataset.negatives)]
    assert names == [f"{NAME}0.flac", f"{NAME}1.flac"] * 2
    assert list(dataset.positives) == ["word"]
    assert sum("the name cannot be printed" in line for line in caplog.messages) == 2
