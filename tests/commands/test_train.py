"""Mistakes on the command line of kws train."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import soundfile
from command_line import ROOT, kws
from conftest import skip_without
from full_disk import full_disk

from kws.config import SAMPLE_RATE
from kws.model_file import ModelFile


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    """A folder of a keyword, and speech."""
    folder = tmp_path / "dataset"
    random = np.random.default_rng(1)
    for name in ("computer", "_negative_"):
        (folder / name).mkdir(parents=True)
        for number in range(4):
            noise = random.integers(-999, 999, SAMPLE_RATE // 4)
            path = folder / name / f"p{number}-20260131T154500-001.flac"
            soundfile.write(path, noise.astype(np.int16), SAMPLE_RATE)
    return folder


@pytest.mark.slow
def test_mistakes_are_one_line(dataset: Path, tmp_path: Path) -> None:
    (tmp_path / "no.toml").write_text("keyword = 1\n")
    for arguments, problem in (
        ((tmp_path / "nothing", "--output", tmp_path / "x.tflite"), "No such file or directory"),
        ((dataset, "--output", tmp_path / "no" / "x.tflite"), "no: not a folder that can be"),
        ((dataset, "--output", tmp_path), "a folder, not a model file"),
        ((dataset, "--output", tmp_path / "x", "--recipe", tmp_path / "no.toml"), "no.toml:1: "),
        (
            (dataset, "--output", tmp_path / "x", "--work", tmp_path / "no.toml"),
            "File exists",
        ),
    ):
        done = kws("train", *arguments)
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr.startswith("kws: error: ")
        assert problem in done.stderr
        assert done.stderr.count("\n") == 1
    assert not list(tmp_path.glob("x*"))


def test_without_tensorflow_it_says_what_to_install(dataset: Path, tmp_path: Path) -> None:
    program = "import sys; sys.modules['tensorflow'] = None; from kws.cli import main; main()"
    arguments = ["train", str(dataset), "--output", str(tmp_path / "x.tflite")]
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 1
    assert done.stderr == "kws: error: kws train needs TensorFlow: pip install 'kws[train]'\n"


SMALL = """
[schedule]
epochs = 1
steps_per_epoch = 2
warm_up_steps = 1
[examples]
per_keyword = 100
background = 200
"""


@pytest.mark.slow
def test_it_trains_without_a_synthesiser(dataset: Path, tmp_path: Path) -> None:
    skip_without("TensorFlow", find_spec("tensorflow"))
    (tmp_path / "small.toml").write_text(SMALL)
    (tmp_path / "programs").mkdir()
    output = tmp_path / "привет.tflite"
    (dataset / "computer").rename(dataset / "привет")
    options = ("--output", output, "--recipe", tmp_path / "small.toml", "--folds", "1")
    environment = os.environ | {"PATH": str(tmp_path / "programs")}
    done = kws("train", dataset, *options, env=environment)
    assert done.returncode == 0, done.stderr
    assert "no synthetic speech is added: no speech synthesiser is installed" in done.stderr
    assert "Traceback" not in done.stderr
    assert ModelFile.load(output).config.keywords == ("привет",)
    assert not list(tmp_path.rglob("*.lock"))


LAST = b"\0\0\0\0TFL3: the last good model"


@pytest.mark.slow
@pytest.mark.parametrize("kilobytes", [4, 8, 64, 20_000])
def test_a_full_disk_is_one_line(dataset: Path, tmp_path: Path, kilobytes: int) -> None:
    """It is full before the work folder has a stamp, later, and when there are examples."""
    output = tmp_path / "x.tflite"
    output.write_bytes(LAST)
    with full_disk(tmp_path, kilobytes) as disk:
        environment = os.environ | {"PATH": "", "TF_CPP_MIN_LOG_LEVEL": "2"}  # no synthesiser
        work = disk / "work"
        done = kws("train", dataset, "--output", output, "--work", work, env=environment)
    assert done.returncode == 1, done.stderr
    assert "Traceback" not in done.stderr
    errors = [line for line in done.stderr.splitlines() if line.startswith("kws: error: ")]
    assert errors == done.stderr.splitlines()[-1:]
    assert errors[0].endswith("No space left on device")
    assert str(work) in errors[0]
    assert output.read_bytes() == LAST
