"""Test that another tempo changes lengths and keeps pitch and level."""

from __future__ import annotations

import numpy as np
import pytest

from kws.config import SAMPLE_RATE
from kws.evaluation.time_stretching import change_tempo


@pytest.mark.parametrize("tempo", [0.85, 1.2])
def test_pitch_and_level_stay(tempo: float) -> None:
    time = np.arange(SAMPLE_RATE) / SAMPLE_RATE
    tone = np.rint(8000 * np.sin(2 * np.pi * 440 * time)).astype(np.int16)
    changed = change_tempo(tone, tempo)
    assert len(changed) == int(SAMPLE_RATE / tempo)
    middle = changed[2000:10_000].astype(np.float64)
    spectrum = np.abs(np.fft.rfft(middle * np.hanning(8000)))
    assert np.argmax(spectrum) * 2 == pytest.approx(440, abs=2)
    assert np.sqrt((middle**2).mean()) == pytest.approx(8000 / np.sqrt(2), rel=0.02)


def test_what_happens_when_comes_earlier_or_later() -> None:
    noise = np.random.default_rng(1).normal(0, 3000, SAMPLE_RATE)
    envelope = (np.arange(SAMPLE_RATE) // 2000 % 2).astype(np.float64)
    samples = (noise * envelope).astype(np.int16)
    changed = change_tempo(samples, 1.25).astype(np.float64)
    expected = np.interp(np.arange(len(changed)) * 1.25, np.arange(SAMPLE_RATE), envelope)
    assert np.corrcoef(np.abs(changed), expected)[0, 1] > 0.5


def test_any_length() -> None:
    for count in (0, 1, 200, 401, 3000):
        assert len(change_tempo(np.ones(count, np.int16), 0.8)) == int(count / 0.8)
    same = np.random.default_rng(2).integers(-999, 999, 4000).astype(np.int16)
    assert np.array_equal(change_tempo(same, 1.0)[:3800], same[:3800])
