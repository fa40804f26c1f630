"""Test what Resampler adds to soxr; the tests of the sources check the converted audio."""

from __future__ import annotations

import numpy as np
import pytest

from kws.audio.resampler import Resampler

NOISE = np.random.default_rng(0).integers(-32768, 32768, 30_000, np.int16)


@pytest.mark.parametrize("rate", [8_000, 16_000, 22_050, 44_100, 48_000])
def test_the_division_into_pushes_changes_nothing(rate):
    whole = Resampler(rate).push(NOISE, last=True)
    assert len(whole) == round(len(NOISE) * 16_000 / rate)
    resampler = Resampler(rate)
    cuts = np.random.default_rng(1).integers(0, len(NOISE), 99)
    pieces = [resampler.push(piece) for piece in np.split(NOISE, np.sort(cuts))]
    pieces.append(resampler.push(NOISE[:0], last=True))
    np.testing.assert_array_equal(np.concatenate(pieces), whole)


def test_overshoot_is_clipped_and_does_not_wrap():
    square = np.where(np.arange(8_000) // 40 % 2, 32767, -32768).astype(np.int16)
    resampled = Resampler(8_000).push(square, last=True)
    middle = resampled.reshape(-1, 80)[1:-1, 20:60].astype(int)  # between the edges
    assert (np.abs(middle) > 28_000).all()
    assert (resampled == 32767).any()
    assert (resampled == -32768).any()


def test_silence_stays_silent():
    assert not Resampler(48_000).push(np.zeros(48_000, np.int16), last=True).any()
