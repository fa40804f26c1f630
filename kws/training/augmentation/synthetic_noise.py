"""Noise of every kind, made up: what there is to learn from where no noise was recorded.

float32 [n], RMS 1; every function takes the random generator it draws from.
"""

from __future__ import annotations

import numpy as np
from scipy.fft import irfft
from scipy.signal import fftconvolve

from kws.config import SAMPLE_RATE
from kws.training.augmentation.waveform import Audio, Random, hiss, rms

CHANGES = (0.5, 16.0)  # per second, of loudness and pitch
SWING = 9.0  # dB, standard deviation of the loudness
PEAKS = (1, 6)  # of a spectrum
PITCH = (60.0, 2500.0)  # Hz
HARMONICS = (1, 8)
KNOCKS = (0.5, 15.0)  # per second
RING = (0.003, 0.15)  # s in which a knock falls to 1/e


def made_up_noise(count: int, random: Random) -> Audio:
    """Wind and water, motors and music, doors and dishes, after a fashion; at times two at once."""
    kinds = (_rush, _hum, _knocks, _rush, hiss)
    noise = kinds[random.integers(len(kinds))](count, random)
    if random.random() < 0.4:
        other = kinds[random.integers(len(kinds))](count, random)
        noise = noise + np.float32(10 ** random.uniform(-1, 0)) * other
    return _even(noise)


def _rush(count: int, random: Random) -> Audio:
    """Hiss with a spectrum of a few broad peaks, louder and softer."""
    octaves = np.log2(np.arange(1, count // 2 + 2) * SAMPLE_RATE / count)
    decibels = np.full(len(octaves), -30.0)
    for _ in range(random.integers(*PEAKS)):
        center, width = random.uniform(6.3, 13), random.uniform(0.1, 1.5)
        decibels += random.uniform(5, 40) * np.exp(-(((octaves - center) / width) ** 2))
    spectrum = random.standard_normal((len(octaves), 2)).view(np.complex128)[:, 0]
    noise: Audio = irfft(spectrum * 10 ** (decibels / 20), count).astype(np.float32)
    return _even(noise * _swing(count, random))


def _hum(count: int, random: Random) -> Audio:
    """A tone of some harmonics whose pitch and loudness change."""
    drift = random.choice((0.002, 0.02, 0.2))
    pitch = np.exp(random.uniform(*np.log(PITCH)) + drift * _curve(count, random))
    phase = 2 * np.pi * np.cumsum(pitch) / SAMPLE_RATE
    tones = [
        random.uniform(0.1, 1) / k * np.sin(k * phase + random.uniform(0, 6))
        for k in range(1, random.integers(*HARMONICS) + 1)
        if k * pitch.max() < SAMPLE_RATE / 2
    ]
    tone: Audio = np.sum([np.zeros(count), *tones], axis=0).astype(np.float32)
    return _even(tone * _swing(count, random))


def _knocks(count: int, random: Random) -> Audio:
    """Blows on something that rings."""
    blows = np.zeros(count)
    places = random.integers(
        0, count, 1 + random.poisson(random.uniform(*KNOCKS) * count / SAMPLE_RATE)
    )
    blows[places] = random.lognormal(0, 1, len(places))
    t = np.arange(SAMPLE_RATE // 4) / SAMPLE_RATE
    ring = np.exp(-t / np.exp(random.uniform(*np.log(RING)))) * random.standard_normal(len(t))
    for _ in range(random.integers(0, 4)):
        ring += np.exp(-t / random.uniform(*RING)) * np.sin(2 * np.pi * random.uniform(*PITCH) * t)
    knocked: Audio = fftconvolve(blows, ring)[:count].astype(np.float32)
    return _even(knocked)


def _swing(count: int, random: Random) -> Audio:
    """Loudness that changes, as a factor."""
    factor: Audio = (10 ** (SWING / 20 * _curve(count, random))).astype(np.float32)
    return factor


def _curve(count: int, random: Random) -> Audio:
    """A random line, standard deviation about 1."""
    points = 2 + int(random.uniform(*CHANGES) * count / SAMPLE_RATE)
    places = np.linspace(0, count - 1, points)
    line: Audio = np.interp(np.arange(count), places, random.standard_normal(points))
    return line


def _even(noise: Audio) -> Audio:
    return noise / np.float32(max(rms(noise), 1e-9))
