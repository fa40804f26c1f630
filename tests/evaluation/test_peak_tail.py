"""The tail of the peaks: known distributions, what few hours promise, and edge cases."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import genpareto

from kws.evaluation.intervals import CONFIDENCE
from kws.evaluation.peak_tail import (
    MIN_PEAKS,
    PEAKS,
    PeakTail,
    bootstrap_rates,
    rate_interval,
    rates_by_kind,
    whole_rate,
)
from kws.evaluation.speech_peaks import FLOOR, SpeechPeaks, log_odds
from kws.posterior import ONE

BASE, PER_HOUR = -2.0, 300  # of the synthetic peaks: all of them exceed BASE
LOWEST = float(log_odds(FLOOR * ONE))


def draw(
    hours: float, shape: float, random: np.random.Generator, speakers: int = 40
) -> SpeechPeaks:
    """Draw peaks of one keyword from a generalised Pareto distribution of scale 1."""
    count = random.poisson(PER_HOUR * hours)
    heights = BASE + genpareto.rvs(shape, size=count, random_state=random)
    return SpeechPeaks(
        ("speech",),
        np.zeros(speakers, np.int64),
        np.full(speakers, hours / speakers),
        {"computer": np.sort(heights)[::-1]},
        {"computer": random.integers(0, speakers, count)},
    )


def true_rate(height: float, shape: float) -> float:
    return PER_HOUR * float(genpareto.sf(height - BASE, shape))


@pytest.mark.parametrize("shape", [0.0, -0.2, 0.1])
@pytest.mark.parametrize("rate", [0.05, 0.5])
def test_the_rate_that_hours_promise_is_kept(shape: float, rate: float) -> None:
    """Three hours let expect 0.15 or 1.5 peaks of these; single draws may be far off."""
    random = np.random.default_rng(1)
    drawn = [draw(3.0, shape, random).heights["computer"] for _ in range(200)]
    kept = [true_rate(PeakTail.fit(heights, 3.0).height(rate), shape) for heights in drawn]
    # Shapes are drawn towards 0: lighter tails keep more than is promised, heavier ones less.
    least, most = {0.0: (0.8, 1.25), -0.2: (0.05, 0.8), 0.1: (1.1, 2.5)}[shape]
    assert least < np.median(kept) / rate < most
    assert np.mean(kept) < 4 * rate


@pytest.mark.slow
@pytest.mark.parametrize("rate", [0.1, 1.0, 30.0])
def test_the_interval_covers_the_true_rate(rate: float) -> None:
    random = np.random.default_rng(2)
    covered = []
    for _ in range(40):
        peaks = draw(4.0, 0.0, random)
        height = PeakTail.fit(peaks.heights["computer"], peaks.hours).height(rate)
        low, high = rate_interval(peaks, {"computer": height})
        covered.append(low <= true_rate(height, 0.0) <= high)
        assert low <= whole_rate(peaks, {"computer": height}) <= high
    assert np.mean(covered) >= CONFIDENCE - 0.15
    assert high - low > 0


def test_what_the_hours_count_is_counted() -> None:
    heights = draw(10.0, 0.0, np.random.default_rng(3)).heights["computer"]
    tail = PeakTail.fit(heights, 10.0)
    for rate in (3.0, 5.05, 50.0):
        height = tail.height(rate)
        assert (heights > height).sum() == int(rate * 10)
    assert tail.rate(heights[100]) == pytest.approx(10.1)


def test_rate_and_height_are_inverse_and_monotonic() -> None:
    heights = draw(2.0, 0.0, np.random.default_rng(4)).heights["computer"]
    tail = PeakTail.fit(heights, 2.0)
    rates = [0.001, 0.01, 0.1, 1.0, 10.0]
    chosen = [tail.height(rate) for rate in rates]
    assert chosen == sorted(chosen, reverse=True)
    assert [tail.rate(height) for height in chosen] == pytest.approx(rates, rel=1e-6)
    # Where the tail begins, what is counted and what is fitted agree.
    assert tail.rate(np.nextafter(tail.base, np.inf)) == pytest.approx(tail.count / 2)
    assert tail.rate(tail.base) == (tail.count + 1) / 2


@pytest.mark.parametrize("heights", [[], [3.0], [2.0] * 100, [11.0] * 100])
def test_few_and_equal_peaks(heights: list[float]) -> None:
    tail = PeakTail.fit(np.array(heights), 1.0)
    assert np.isfinite([tail.base, tail.shape, tail.scale]).all()
    assert MIN_PEAKS <= tail.count <= PEAKS[1]
    height = tail.height(0.2)
    assert height >= max([*heights, LOWEST])
    assert tail.rate(np.nextafter(height, np.inf)) <= 0.2 + 1e-6
    assert 0 <= tail.rate(20.0) <= 0.2


def test_peaks_that_begin_high_are_not_joined_by_others_that_nobody_saw() -> None:
    """A committee that sleeps most of the time has few peaks, all of them high."""
    heights = np.sort(2.0 + np.random.default_rng(8).exponential(0.5, 20))[::-1]
    tail = PeakTail.fit(heights, 5.0)
    assert tail.count == 19
    assert tail.base == heights[-1]
    assert heights[0] < tail.height(0.02) < heights[0] + 4


def test_hours_without_a_peak_prove_no_more_than_their_length() -> None:
    nothing = SpeechPeaks(
        ("speech",),
        np.zeros(4, np.int64),
        np.full(4, 0.25),
        {"computer": np.zeros(0)},
        {"computer": np.zeros(0, np.int64)},
    )
    low, high = rate_interval(nothing, {"computer": 0.0})
    assert low == pytest.approx(0, abs=1e-3)
    assert high == pytest.approx(3.69, abs=0.01)  # of no event in an hour


def test_more_than_is_there_needs_no_threshold() -> None:
    assert PeakTail.fit(np.array([1.0, 0.5]), 1.0).height(500.0) == -np.inf


def test_more_hours_make_a_narrower_interval() -> None:
    widths = []
    for hours in (1.0, 16.0):
        peaks = draw(hours, 0.0, np.random.default_rng(5))
        low, high = np.log(rate_interval(peaks, {"computer": 1.0}))
        widths.append(high - low)
    assert widths[1] < widths[0] / 2


def test_speakers_are_drawn_together() -> None:
    """One speaker who makes all the peaks makes the rate uncertain."""
    random = np.random.default_rng(6)
    spread = draw(4.0, 0.0, random)
    alone = SpeechPeaks(
        spread.kinds,
        spread.group_kinds,
        spread.group_hours,
        spread.heights,
        {"computer": np.zeros_like(spread.groups["computer"])},
    )
    at = {"computer": 0.0}
    assert np.std(bootstrap_rates(alone, at)) > 2 * np.std(bootstrap_rates(spread, at))


def test_kinds_share_the_tail_and_differ_in_how_often_it_is_reached() -> None:
    random = np.random.default_rng(7)
    easy, hard = draw(4.0, 0.0, random), draw(1.0, 0.0, random)
    heights = np.concatenate([easy.heights["computer"] - 1.0, hard.heights["computer"] + 1.0])
    order = np.argsort(-heights)
    groups = np.concatenate([easy.groups["computer"], hard.groups["computer"] + 40])
    both = SpeechPeaks(
        ("easy", "hard"),
        np.repeat([0, 1], 40),
        np.concatenate([easy.group_hours, hard.group_hours]),
        {"computer": heights[order]},
        {"computer": groups[order]},
    )
    at = {"computer": PeakTail.fit(both.heights["computer"], both.hours).height(0.2)}
    rates = rates_by_kind(both, at)
    assert rates["hard"] > 3 * rates["easy"]
    mean = sum(rates[kind] * both.hours_of(kind) for kind in both.kinds) / both.hours
    assert mean == pytest.approx(whole_rate(both, at), rel=0.1)
    chosen = both.select(both.group_kinds == 1)
    assert chosen.hours == pytest.approx(1.0)
    assert np.array_equal(chosen.heights["computer"], both.of_kind("computer", "hard"))
