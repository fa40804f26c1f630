"""Test that lost audio and late audio are distinguished, with blocks at made-up times."""

from __future__ import annotations

import numpy as np
import pytest

from kws.audio.capture_clock import CaptureClock

RATE, FRAMES = 16_000, 640
BLOCK = FRAMES / RATE


def lost_in(arrivals: np.ndarray, overflows: frozenset[int] = frozenset()) -> list[int]:
    """Return the frames that count as lost, of blocks that arrive at these times."""
    clock = CaptureClock(RATE)
    found = [clock.arrived(t, FRAMES, i in overflows) for i, t in enumerate(arrivals)]
    return [lost for lost in found if lost]


def steady(count: int, start: float = 0.0, drift: float = 0.0) -> np.ndarray:
    return start + np.arange(count) * BLOCK * (1 + drift)


@pytest.mark.parametrize("seed", range(8))
def test_a_pause_without_audio_is_a_gap_of_its_length(seed):
    random = np.random.default_rng(seed)
    pause = random.uniform(0.5, 3600)
    before, after = random.integers(1, 500), random.integers(20, 500)
    arrivals = steady(before + after)
    arrivals[before:] += pause
    arrivals += random.uniform(0, 0.05, len(arrivals))
    [lost] = lost_in(arrivals)
    assert lost / RATE == pytest.approx(pause, abs=0.06)


@pytest.mark.parametrize("seed", range(8))
def test_a_pause_after_which_all_blocks_come_at_once_is_no_gap(seed):
    random = np.random.default_rng(seed)
    arrivals = steady(600)
    pause = random.uniform(0.5, 15)
    late = (arrivals > 5) & (arrivals < 5 + pause)
    arrivals[late] = 5 + pause + np.arange(late.sum()) * 1e-4
    assert not lost_in(np.maximum.accumulate(arrivals + random.uniform(0, 0.05, 600)))


def test_a_pause_of_which_the_card_kept_a_part_is_a_gap_of_the_rest():
    arrivals = steady(300)
    arrivals[100:] += 6.0
    arrivals[100:110] = arrivals[100] + np.arange(10) * 1e-4
    arrivals[110:] -= 9 * BLOCK
    [lost] = lost_in(arrivals)
    assert lost / RATE == pytest.approx(6.0 - 9 * BLOCK, abs=0.05)


@pytest.mark.parametrize("drift", [-5e-4, 5e-4])
def test_a_card_whose_clock_is_not_exact_loses_nothing(drift):
    assert not lost_in(steady(200_000, drift=drift))


def test_a_short_gap_counts_where_the_card_says_so():
    arrivals = steady(100)
    arrivals[50:] += 0.1
    assert not lost_in(arrivals)
    [lost] = lost_in(arrivals, frozenset({50}))
    assert lost / RATE == pytest.approx(0.1, abs=0.01)
    assert not lost_in(steady(100), frozenset({50}))
