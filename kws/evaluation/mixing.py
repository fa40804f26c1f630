"""Recordings in noise at a given signal-to-noise ratio."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import numpy.typing as npt

Samples = npt.NDArray[np.int16]
FRAME = 512  # samples; the ratio is that of the greatest frame energies, as in Picovoice's
# wake word benchmark (mixer.py there): a word's loudest part against the noise's.


def mix_with_noise(
    recordings: Iterable[Samples], noise: Samples, snr: float, seed: int
) -> Iterator[Samples]:
    """Each recording with a stretch of noise from anywhere; snr in dB; what clips, clips."""
    random = np.random.default_rng(seed)
    for samples in recordings:
        yield _mixed(samples, _stretch(noise, len(samples), random), snr)


def _stretch(noise: Samples, count: int, random: np.random.Generator) -> Samples:
    """`count` samples from anywhere in the noise, taken as a circle."""
    return np.take(noise, np.arange(count) + random.integers(len(noise)), mode="wrap")


def _mixed(samples: Samples, noise: Samples, snr: float) -> Samples:
    loudest = _greatest_energy(noise)
    if loudest == 0:
        return samples
    gain = np.sqrt(_greatest_energy(samples) / loudest * 10 ** (-snr / 10))
    mixed: npt.NDArray[np.float64] = np.clip(np.rint(samples + gain * noise), -32768, 32767)
    return mixed.astype(np.int16)


def _greatest_energy(samples: Samples) -> float:
    frames = np.resize(samples.astype(np.float64), (max(1, len(samples) // FRAME), FRAME))
    return float((frames**2).sum(axis=1).max())
