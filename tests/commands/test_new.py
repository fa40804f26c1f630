"""Test kws new up to its training."""

from __future__ import annotations

import os
from importlib.util import find_spec
from pathlib import Path

import pytest
import soundfile
from command_line import kws
from conftest import skip_without
from small_models import synthetic_audio

from kws.config import SAMPLE_RATE


@pytest.mark.slow
def test_phrases_that_are_refused_are_one_line(tmp_path: Path) -> None:
    skip_without("TensorFlow", find_spec("tensorflow"))
    for phrase, problem in (
        ("dog", "has one syllable"),
        ("../x", "no keyword"),
        ("", "no keyword"),
    ):
        done = kws("new", phrase, "--output", tmp_path / "x.tflite")
        assert done.returncode == 1
        assert done.stderr.startswith("kws: error: ")
        assert problem in done.stderr
        assert done.stderr.count("\n") == 1
    done = kws("new", "lumen", "--output", tmp_path / "no" / "x.tflite")
    assert done.returncode == 1
    first, *_, last = done.stderr.splitlines()
    assert "has two syllables" in first
    assert "'hey lumen'" in first
    assert "no: not a folder that can be written to" in last
    done = kws("new", "hey lumen", "--init", "nothing", "--output", tmp_path / "x.tflite")
    assert done.returncode == 1
    assert "no model named 'nothing'; shipped are: base, esphome, home" in done.stderr
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_somebody_has_to_say_the_phrase(tmp_path: Path) -> None:
    """Without a synthesiser, which PATH leads to, other speech alone says nothing of it."""
    skip_without("TensorFlow", find_spec("tensorflow"))
    speech = tmp_path / "data" / "_negative_" / "a.wav"
    speech.parent.mkdir(parents=True)
    soundfile.write(speech, synthetic_audio(1.0, 1), SAMPLE_RATE)
    for options in ((), ("--recordings", tmp_path / "data")):
        done = kws(
            *("new", "hey lumen", "--output", tmp_path / "x.tflite", *options),
            env={**os.environ, "PATH": str(tmp_path)},
        )
        assert done.returncode == 1
        assert done.stderr.splitlines()[-1].startswith("kws: error: there is nobody to say the phr")
        assert not (tmp_path / "x.tflite").exists()
