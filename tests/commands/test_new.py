"""Test kws new up to its training."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import pytest
from command_line import kws
from conftest import skip_without


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
    assert not list(tmp_path.iterdir())
