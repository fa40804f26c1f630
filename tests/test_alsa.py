"""Test the pace of the simulated sound cards."""

from __future__ import annotations

from alsa import BLOCK_SECONDS, CATCH_UP, next_due

from kws.audio.capture_clock import LATE, CaptureClock
from kws.config import SAMPLE_RATE


def test_late_blocks_catch_up_and_none_counts_as_lost() -> None:
    """A thousand seconds of a busy machine: always a little late, and now and then much."""
    clock, frames = CaptureClock(SAMPLE_RATE), round(BLOCK_SECONDS * SAMPLE_RATE)
    now = due = 0.0
    for block in range(25_000):
        due = next_due(due, now)
        now = max(due, now) + (0.18 if block % 25 == 24 else 0.02)
        assert clock.arrived(now, frames, overflow=False) == 0
    assert now < 25_000 * BLOCK_SECONDS + CATCH_UP


def test_a_reader_that_was_away_finds_little() -> None:
    """What a card sampled while nobody recorded is gone."""
    assert next_due(1000.0, 1060.0) == 1060.0 - CATCH_UP
    assert CATCH_UP < LATE
