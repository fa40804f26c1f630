"""kws info: the description of a model as text and as JSON."""

from __future__ import annotations

import json

import pytest
from command_line import KEYWORDS, kws

from kws.model_file import find

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
