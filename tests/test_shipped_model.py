"""The shipped model on the shipped samples, its figures in the README, and an hour in pieces."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import replace

import numpy as np
import pytest
from command_line import ROOT, SAMPLES

from kws.audio.audio_file import AudioFile, read_audio
from kws.config import SAMPLE_RATE
from kws.engine.lowering import read
from kws.export import footprint
from kws.export.c_kinds import kinds_of
from kws.export.cost import stored_costs, stored_flash
from kws.listener import listen
from kws.model_file import ModelFile, shipped
from kws.posterior import Detection, Posterior
from kws.spotter import NumpySpotter
from kws.training.architecture import convolutions
from kws.training.dataset_scores import CLEAN, NOISY

EXPECTED = json.loads((SAMPLES / "expected.json").read_text())
MAX_WEIGHTS = 40 * 1024  # bytes of kernels and biases of a network
MAX_FLASH, MAX_RAM = 256 * 1024, 40 * 1024  # bytes, of the detector without the sketch
PARTS = re.compile(r"(?m)^(\S.*?)  +([\d,]+) .*%")  # of the report's tables
LATE = 0.6  # s after the keyword's end until which a detection belongs to it
HOUR = 3600 * SAMPLE_RATE


@pytest.fixture(scope="module")
def spotter() -> NumpySpotter:
    return NumpySpotter(ModelFile.load())


def test_every_shipped_model_is_small():
    assert "home" in shipped()
    for name in shipped():
        model = ModelFile.load(name)
        for content in (model.content, *model.networks):
            layers = convolutions(replace(model, content=content))
            weights = [layer.constant(tensor, name) for layer in layers for tensor in (1, 2)]
            assert 10_000 < sum(values.nbytes for values in weights) <= MAX_WEIGHTS


def test_the_ready_sketch_has_it_and_leaves_the_board_room():
    report = (ROOT / "firmware_export" / "report.txt").read_text("utf-8")
    assert ModelFile.load().sha256 in report, "run make firmware"
    flash, ram = (
        {part: int(size.replace(",", "")) for part, size in PARTS.findall(section)}
        for section in re.split(r"\n(?:Flash|RAM|Instructions)\n", report)[1:3]
    )
    assert flash["total"] <= MAX_FLASH
    of_sketch = sum(size for part, size in ram.items() if part.startswith("sketch"))
    assert ram["total"] - of_sketch <= MAX_RAM


def test_the_small_one_fits_a_small_board():
    """All of it: 32 KB of flash and 16 KB of RAM, besides the sketch's own buffers."""
    small = ModelFile.load("home-small")
    flash, ram, _ = sizes_and_instructions(small)
    assert flash <= 32 * 1024
    assert ram <= 16 * 1024
    assert "32 KB of flash and 16 KB of RAM" in (ROOT / "models" / "README.md").read_text("utf-8")
    assert small.config.keywords == ModelFile.load().config.keywords


def sizes_and_instructions(model: ModelFile) -> tuple[int, int, float]:
    """Return flash and RAM of a model of one network, and instructions per second."""
    network, arithmetic = read(model.content, model.name), model.config.front_end.arithmetic
    code = stored_flash(kinds_of([network]), arithmetic, committee=False)
    flash = sum(footprint.flash(code, model, network).values())
    ram = sum(footprint.ram({}, model.config, network).values())
    return flash, ram, stored_costs(network, model.config).per_second(model.config, 1.0)


def test_the_card_of_the_small_one_is_that_of_the_file():
    """And what the page on boards says of it; the exports' reports have these figures."""
    small = ModelFile.load("home-small")
    card = " ".join((ROOT / "models" / "home-small.md").read_text("utf-8").split())
    assert re.findall(r"SHA-256 `(\w+)`", card) == [small.sha256]
    flash, ram, instructions = sizes_and_instructions(small)
    fixed_flash, fixed_ram, fixed_instructions = sizes_and_instructions(
        small.with_arithmetic("fixed")
    )
    assert re.findall(r"([\d,]+) bytes of flash", card) == [f"{flash:,}", f"{fixed_flash:,}"]
    assert re.findall(r"([\d,]+) bytes of RAM", card) == [f"{ram:,}"]
    assert re.findall(r"([\d.]+) million instructions", card) == [
        f"{instructions / 1e6:.1f}",
        f"{fixed_instructions / 1e6:.1f}",
    ]
    assert f"pre-roll is {small.config.gate.pre_roll_ms} ms" in card
    page = (ROOT / "docs" / "boards.md").read_text("utf-8")
    rows = re.findall(
        r"\| `home-small` \| (\w+) \| ([\d,]+) bytes \| ([\d,]+) bytes \|.*\| (\S+) \|", page
    )
    assert rows == [
        ("float", f"{flash:,}", f"{ram:,}", f"{instructions / 1e6:.2f}"),
        ("fixed", f"{fixed_flash:,}", f"{fixed_ram:,}", f"{fixed_instructions / 1e6:.2f}"),
    ]


@pytest.mark.parametrize(("condition", "row"), [(CLEAN, "clean"), (NOISY, "10 dB SNR")])
def test_readme_states_the_figures_of_the_card(condition, row):
    config = ModelFile.load().config
    figures = config.card["figures"][condition]["keywords"]
    assert tuple(figures) == config.keywords
    rates = []
    for figure in figures.values():
        count = figure["utterances"]
        rates.append(round(figure["own"]["miss_rate"] * count) / count)  # the card's are rounded
    shown = [f"{100 * rate:.1f} %" for rate in (*rates, sum(rates) / len(rates))]
    assert f"\n| {row} | {' | '.join(shown)} |\n" in (ROOT / "README.md").read_text()


def test_it_has_four_keywords():
    assert ModelFile.load().config.keywords == ("computer", "jarvis", "alexa", "smart mirror")


@pytest.mark.parametrize("file", EXPECTED)
def test_it_detects_every_keyword_in_time_and_nothing_else(spotter, file):
    spotter.reset()
    found: list[Detection] = []
    found += listen(AudioFile(SAMPLES / file), spotter)
    assert [d.keyword for d in found] == [keyword for keyword, _, _ in EXPECTED[file]]
    for detection, (_, start, end) in zip(found, EXPECTED[file], strict=True):
        assert start < detection.time <= end + LATE


def an_hour() -> np.ndarray:
    """The samples again and again, in any order, at levels over 40 dB, in noise of any level."""
    random = np.random.default_rng(20)
    clips = [read_audio(SAMPLES / file) for file in EXPECTED]
    hour, length = np.empty(HOUR, np.int16), 0
    while length < HOUR:
        clip = clips[random.integers(len(clips))][: HOUR - length]
        clip = clip * 10 ** random.uniform(-1.75, 0.25)
        clip += random.normal(0, 10 ** random.uniform(0, 3), len(clip))
        hour[length : length + len(clip)] = np.clip(clip.round(), -32768, 32767)
        length += len(clip)
    return hour


def confidences_of(
    spotter: NumpySpotter, pieces: Iterable[np.ndarray]
) -> tuple[np.ndarray, list[Detection]]:
    """Return averages of the committee and of its first member, and the detections, ungated.

    The averages are [steps, 2 * keywords].
    """
    spotter.reset()
    assert spotter.committee
    stage = spotter.posterior
    decide = Posterior(stage.config, spotter.ds_cnn.score_scale, stage.window_frames)
    confidences, detections = [], []
    for piece in pieces:
        averages = spotter.committee.push(spotter.mfcc.push(piece))
        confidences.append(np.concatenate(averages, axis=1))
        detections += decide.decide(*averages)
    return np.concatenate(confidences), detections


@pytest.mark.slow
def test_an_hour_in_a_stream_and_at_once_gives_the_same_bits(spotter):
    hour = an_hour()
    confidences, detections = confidences_of(spotter, [hour])
    assert len(detections) > 200
    # From part of a hop to seconds, as a busy machine hands them out.
    lengths = np.random.default_rng(21).geometric(1 / 4000, HOUR // 2000)
    streamed, found = confidences_of(
        spotter, np.split(hour, np.cumsum(lengths[np.cumsum(lengths) < HOUR]))
    )
    assert streamed.tobytes() == confidences.tobytes()
    assert found == detections


@pytest.mark.slow
def test_hop_by_hop_gives_the_same_detections(spotter):
    hour = an_hour()[: HOUR // 20]
    spotter.reset()
    at_once = spotter.push(hour)
    assert len(at_once) > 10
    spotter.reset()
    hops = np.split(hour, range(320, len(hour), 320))
    assert [d for hop in hops for d in spotter.push(hop)] == at_once
