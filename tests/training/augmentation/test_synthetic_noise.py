"""Test synthetic noise."""

from __future__ import annotations

import numpy as np
import pytest
from training_signals import LAYOUT, rms

from kws.config import SAMPLE_RATE
from kws.training.augmentation.synthetic_noise import synthesise_noise


def test_synthetic_noise_varies(random: np.random.Generator) -> None:
    spectra = []
    for seed in range(40):
        count = (SAMPLE_RATE, LAYOUT.samples, 1601)[seed % 3]
        noise, again = (synthesise_noise(count, np.random.default_rng(seed)) for _ in range(2))
        assert (len(noise), noise.dtype) == (count, np.float32)
        assert np.isfinite(noise).all()
        assert rms(noise) == pytest.approx(1, rel=1e-3)
        assert np.array_equal(noise, again)
        power = np.abs(np.fft.rfft(noise, SAMPLE_RATE)) ** 2
        spectra.append(power[:8000].reshape(16, 500).sum(axis=1) / power.sum())
    assert np.corrcoef(spectra).mean() < 0.9  # no two seeds are the same noise
    assert np.ptp(np.argmax(spectra, axis=1)) >= 5  # bands of 500 Hz
