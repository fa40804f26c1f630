"""Test the pace of the simulated sound cards."""

from __future__ import annotations

import pytest
from alsa import BLOCK_SECONDS, CATCH_UP, SMALL_BUFFER, next_due

from kws.audio.capture import LAG_SECONDS
from kws.audio.capture_clock import LATE, CaptureClock
from kws.config import SAMPLE_RATE


@pytest.mark.parametrize(("every", "much", "little"), [(25, 0.18, 0.02), (100, 0.9, 0.005)])
def test_late_blocks_catch_up_and_none_counts_as_lost(
    every: int, much: float, little: float
) -> None:
    """A thousand seconds of a busy machine: always a little late, and now and then much."""
    clock, frames = CaptureClock(SAMPLE_RATE), round(BLOCK_SECONDS * SAMPLE_RATE)
    now = due = 0.0
    for block in range(25_000):
        due = next_due(due, now, CATCH_UP)
        now = max(due, now) + (little if block % every else much)
        assert clock.arrived(now, frames, overflow=False) == 0
    assert now < 25_000 * BLOCK_SECONDS + CATCH_UP


def test_a_reader_that_was_away_finds_little() -> None:
    """What a card sampled while nobody recorded is gone."""
    assert next_due(1000.0, 1060.0, SMALL_BUFFER) == 1060.0 - SMALL_BUFFER
    assert SMALL_BUFFER < LATE
    assert CATCH_UP < LAG_SECONDS  # or what comes at once would not fit
