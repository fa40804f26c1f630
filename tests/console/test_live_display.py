"""The live display: level, scores, detections, in any width."""

from __future__ import annotations

import io
import re

import numpy as np
import pytest
from block_source import BlockSource
from rich.console import Console

from kws.console.live_display import LiveDisplay, bar, dbfs
from kws.model_file import ModelFile
from kws.posterior import ONE, Detection
from kws.spotter import NumpySpotter


@pytest.fixture(scope="module")
def spotter():
    return NumpySpotter(ModelFile.load())


def drawn(display, **options):
    console = Console(file=io.StringIO(), force_terminal=True, color_system=None, **options)
    console.print(display)
    return console.file.getvalue().splitlines()


def test_the_display_shows_level_scores_and_the_latest_detections_first(spotter):
    source = BlockSource([], overflows=[])
    spotter.reset()
    spotter.posterior.peaks = np.array([0, ONE // 2, 0, 0])
    display = LiveDisplay(source, spotter, "home")
    for number in range(7):
        display.show(Detection(16_000 * number, "computer", 0.9))
    lines = drawn(display, width=80)
    assert lines[0] == "home on blocks  audio lost in 0 blocks"
    assert re.fullmatch(r"level        ·+ -60 dBFS", lines[1])
    assert [row.split()[0] for row in lines[2:6]] == ["computer", "jarvis", "alexa", "smart"]
    assert re.fullmatch(r"jarvis       █{29}·+│?·* 0\.50", lines[3])
    assert lines[6:] == [f"{number}.00 s  computer  0.90" for number in (6, 5, 4, 3, 2)]


def test_names_do_not_control_the_terminal(spotter):
    source = BlockSource([])
    source.name = "card\x1b[2J"
    lines = drawn(LiveDisplay(source, spotter, "home\x1b]0;x\x07"), width=80)
    assert lines[0].startswith("home?]0;x? on card?[2J  audio lost")


@pytest.mark.parametrize("width", [1, 20, 40, 79, 300])
def test_the_display_fits_its_terminal(spotter, width):
    lines = drawn(LiveDisplay(BlockSource([]), spotter, "home"), width=width)
    assert all(len(row) <= width for row in lines)


def test_a_bar_has_its_length_and_its_mark_where_the_threshold_is():
    for fraction in np.linspace(-0.1, 1.1, 25):
        for threshold in (0.001, 0.3, 0.5, 0.97, 1.0):
            for width in (1, 2, 10, 60):
                text = "".join(s.text for s in bar(fraction, threshold, width, ("#", ".", "|")))
                assert len(text) == width
                assert text.count("|") == 1
                assert text.index("|") == int(np.ceil(threshold * width)) - 1
                if "#" in text.partition("|")[2]:
                    assert fraction >= threshold
    assert "".join(s.text for s in bar(0.5, float("inf"), 10, ("#", ".", "|"))) == "#####....."


@pytest.mark.parametrize(
    ("mean_square", "level"), [(32768.0**2, 0.0), (3276.8**2, -20.0), (0.0, -60.0)]
)
def test_level(mean_square, level):
    assert dbfs(mean_square) == pytest.approx(level)
