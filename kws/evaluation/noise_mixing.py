"""Mix noise into recordings at a signal-to-noise ratio (SNR).

The SNR is that of the greatest frame energies, a word's loudest frame against the noise's, as in
Picovoice's wake word benchmark (mixer.py there).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from kws.types import Samples

FRAME = 512  # samples


def mix_with_noise(
    recordings: Iterable[Samples], noise: Samples, snr: float, seed: int
) -> Iterator[Samples]:
    """Mix each recording with a random cut of the noise at an SNR in dB; the sum is clipped."""
    random = np.random.default_rng(seed)
    for samples in recordings:
        start = int(random.integers(len(noise)))
        cut = cut_noise(noise, start, len(samples))
        gain = noise_gain(greatest_energy(samples), greatest_energy(cut), snr)
        yield add_noise(samples, noise, start, gain)


def cut_noise(noise: Samples, start: int, count: int) -> Samples:
    """Return `count` samples of the noise from a start, wrapped around at its end."""
    return np.take(noise, np.arange(count) + start, mode="wrap")


def noise_gain(energy: float, noise_energy: float, snr: float) -> float:
    """Return the gain of the noise for an SNR in dB; 0 where the noise is silent."""
    if noise_energy == 0:
        return 0.0
    return float(np.sqrt(energy / noise_energy * 10 ** (-snr / 10)))


def add_noise(samples: Samples, noise: Samples, start: int, gain: float) -> Samples:
    """Return samples + gain * noise from a start."""
    added = gain * cut_noise(noise, start, len(samples))
    mixed: npt.NDArray[np.float64] = np.clip(np.rint(samples + added), -32768, 32767)
    return mixed.astype(np.int16)


def greatest_energy(samples: npt.NDArray[Any]) -> float:
    """Return the energy of the loudest frame."""
    frames = np.resize(samples.astype(np.float64), (max(1, len(samples) // FRAME), FRAME))
    return float((frames**2).sum(axis=1).max())
