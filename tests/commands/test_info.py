"""kws info: the description of a model as text and as JSON."""

from __future__ import annotations

import json

import pytest
from command_line import KEYWORDS, kws, refused

from kws.model_file import DEFAULT_MODEL, find

pytestmark = pytest.mark.slow


def test_the_shipped_model():
    shown = kws("info", "home").stdout
    assert all(keyword in shown for keyword in KEYWORDS)
    assert "million multiply-accumulates per second" in shown
    described = json.loads(kws("info", "home", "--json").stdout)
    assert described["keywords"] == KEYWORDS
    assert described["bytes"] == find("home").stat().st_size
    assert len(described["sha256"]) == 64
    assert described["multiply_accumulates_per_second"] > 0
    assert described["card"]


def test_without_a_model_it_is_the_default():
    assert kws("info", "--json").stdout == kws("info", DEFAULT_MODEL, "--json").stdout


def test_a_model_of_others_is_one_line(tmp_path):
    path = tmp_path / "other.tflite"
    path.write_bytes(b"\x1c\0\0\0TFL3" + bytes(100))
    assert refused(kws("info", path)).startswith(f"{path}: ")
