"""Synthesise noise of many kinds, for data without or with little recorded noise.

Noise is float32 [n], RMS 1; every function takes the random generator it draws from.
"""

from __future__ import annotations

import numpy as np
from scipy.fft import irfft
from scipy.signal import fftconvolve

from kws.config import SAMPLE_RATE
from kws.training.augmentation.waveform import Audio, Random, coloured_noise, rms

MODULATION_RATE = (0.5, 16.0)  # Hz, changes of level and pitch
MODULATION_DEPTH = 9.0  # dB, standard deviation of the level
PEAKS = (1, 6)  # of a spectrum
PITCH = (60.0, 2500.0)  # Hz
HARMONICS = (1, 8)
IMPACT_RATE = (0.5, 15.0)  # per second
RESONANCE = (0.003, 0.15)  # s in which an impact decays to 1/e
SECOND_NOISE = 0.4  # probability that two kinds are mixed


def synthesise_noise(count: int, random: Random) -> Audio:
    """Return noise like wind and water, motors and music, or doors and dishes; or two of them."""
    kinds = (_band_noise, _harmonic_tone, _impacts, _band_noise, coloured_noise)
    noise = kinds[random.integers(len(kinds))](count, random)
    if random.random() < SECOND_NOISE:
        second = kinds[random.integers(len(kinds))](count, random)
        noise = noise + np.float32(10 ** random.uniform(-1, 0)) * second
    return _unit_rms(noise)


def _band_noise(count: int, random: Random) -> Audio:
    """Return noise with a few broad spectral peaks, its level modulated."""
    octaves = np.log2(np.arange(1, count // 2 + 2) * SAMPLE_RATE / count)
    decibels = np.full(len(octaves), -30.0)
    for _ in range(random.integers(*PEAKS)):
        center, width = random.uniform(6.3, 13), random.uniform(0.1, 1.5)
        decibels += random.uniform(5, 40) * np.exp(-(((octaves - center) / width) ** 2))
    spectrum = random.standard_normal((len(octaves), 2)).view(np.complex128)[:, 0]
    noise: Audio = irfft(spectrum * 10 ** (decibels / 20), count).astype(np.float32)
    return _unit_rms(noise * _modulation(count, random))


def _harmonic_tone(count: int, random: Random) -> Audio:
    """Return a tone of a few harmonics, its pitch and level modulated."""
    drift = random.choice((0.002, 0.02, 0.2))
    pitch = np.exp(random.uniform(*np.log(PITCH)) + drift * _random_curve(count, random))
    phase = 2 * np.pi * np.cumsum(pitch) / SAMPLE_RATE
    harmonics = [
        random.uniform(0.1, 1) / k * np.sin(k * phase + random.uniform(0, 6))
        for k in range(1, random.integers(*HARMONICS) + 1)
        if k * pitch.max() < SAMPLE_RATE / 2
    ]
    tone: Audio = np.sum([np.zeros(count), *harmonics], axis=0).astype(np.float32)
    return _unit_rms(tone * _modulation(count, random))


def _impacts(count: int, random: Random) -> Audio:
    """Return impacts at random moments on one resonating body."""
    impulses = np.zeros(count)
    moments = random.integers(
        0, count, 1 + random.poisson(random.uniform(*IMPACT_RATE) * count / SAMPLE_RATE)
    )
    impulses[moments] = random.lognormal(0, 1, len(moments))
    t = np.arange(SAMPLE_RATE // 4) / SAMPLE_RATE
    body = np.exp(-t / np.exp(random.uniform(*np.log(RESONANCE)))) * random.standard_normal(len(t))
    for _ in range(random.integers(0, 4)):
        decay = np.exp(-t / random.uniform(*RESONANCE))
        body += decay * np.sin(2 * np.pi * random.uniform(*PITCH) * t)
    impacts: Audio = fftconvolve(impulses, body)[:count].astype(np.float32)
    return _unit_rms(impacts)


def _modulation(count: int, random: Random) -> Audio:
    """Return a random gain over time."""
    gain: Audio = (10 ** (MODULATION_DEPTH / 20 * _random_curve(count, random))).astype(np.float32)
    return gain


def _random_curve(count: int, random: Random) -> Audio:
    """Return a piecewise linear random curve of standard deviation about 1."""
    points = 2 + int(random.uniform(*MODULATION_RATE) * count / SAMPLE_RATE)
    knots = np.linspace(0, count - 1, points)
    curve: Audio = np.interp(np.arange(count), knots, random.standard_normal(points))
    return curve


def _unit_rms(noise: Audio) -> Audio:
    return noise / np.float32(max(rms(noise), 1e-9))
