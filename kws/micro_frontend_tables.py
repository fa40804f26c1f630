"""Compute the constants of TFLM's microfrontend: window, twiddles, filters, gains, logarithms.

They are computed as tensorflow/lite/experimental/microfrontend and its kissfft do, in the same
precision, and the exporter writes them as C. Qn stands for a number times 2^n.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

from kws.config import MICRO, SAMPLE_RATE
from kws.types import Int

POINTS = MICRO.fft // 2  # of the complex FFT, half of the real one's: a power of 4
WINDOW_BITS = FILTER_BITS = 12
GAIN_BITS, GAIN_STRENGTH, GAIN_OFFSET = 21, -0.95, 80.0
ESTIMATE_BITS = 7  # after the point of a noise estimate
INTERVALS = 32  # of powers of two, that the gains are interpolated in
LOG_SEGMENTS = 128  # of an octave
ONE = 1 << 16  # of a logarithm


def tables() -> dict[str, int | Int]:
    """Return the constants by the names of kws_micro_frontend_tables."""
    first, counts, weights = filters()
    return {
        "points": POINTS,
        "first_bin": first,
        "hann": window(),
        "digit_reversal": digit_reversal(),
        "twiddles": twiddles(),
        "split_twiddles": split_twiddles(),
        "bin_counts": counts,
        "bin_weights": weights,
        "gains": gains(),
        "logarithms": logarithms(),
    }


@cache
def window() -> Int:
    """Return the window [window], Q12."""
    angle = np.float32(np.pi) * np.float32(2) / np.float32(MICRO.window)
    at = np.arange(MICRO.window).astype(np.float32) + np.float32(0.5)
    values = np.float32(0.5) - np.float32(0.5) * np.cos(angle * at)
    return _rounded(values * np.float32(1 << WINDOW_BITS))


@cache
def digit_reversal() -> Int:
    """Return where each pair of samples goes: its index with reversed digits of base 4."""
    reversed_, rest = np.zeros(POINTS, np.int64), np.arange(POINTS)
    size = 1
    while size < POINTS:
        reversed_, rest, size = reversed_ * 4 + rest % 4, rest // 4, size * 4
    return reversed_


@cache
def twiddles() -> Int:
    """Return cosine and sine of -2 pi k / points for three quarters of a turn, [n, 2], Q15."""
    return _twiddles(-2 * np.pi * np.arange(POINTS * 3 // 4) / POINTS)


@cache
def split_twiddles() -> Int:
    """Return those that split the transform into that of real samples, [points / 2, 2], Q15."""
    return _twiddles(-np.pi * ((np.arange(POINTS // 2) + 1) / POINTS + 0.5))


@cache
def filters() -> tuple[int, Int, Int]:
    """Return the first bin, the bins of each band, and the weights of each bin, [bins, 2], Q12.

    A bin lies between two bands; its weights are those of the lower and of the upper one. The
    lowest band is none: what it has is left out.
    """
    low, high = _mel(np.array([MICRO.low_hz, MICRO.high_hz], np.float32))
    bands = MICRO.mel_filters + 1
    spacing = (high - low) / np.float32(bands)
    centres = low + spacing * np.arange(1, bands + 1).astype(np.float32)
    hz_per_bin = np.float32(0.5 * SAMPLE_RATE) / np.float32(POINTS)
    first = int(np.float32(1.5) + np.float32(MICRO.low_hz) / hz_per_bin)
    mels = _mel(np.arange(POINTS).astype(np.float32) * hz_per_bin)
    counts, weights, at = [], [], first
    for band, centre in enumerate(centres):
        below = centres[band - 1] if band else low
        start = at
        while mels[at] <= centre:
            share = (centre - mels[at]) / (centre - below)
            weights.append((share, np.float32(1) - share))
            at += 1
        counts.append(at - start)
    scaled = np.array(weights, np.float32) * np.float32(1 << FILTER_BITS)
    return first, np.array(counts), _rounded(scaled)


@cache
def gains() -> Int:
    """Return the gains of 0 and 1, and of each power of two the gain and two differences."""
    values = [_gain(0), _gain(1)]
    for interval in range(2, INTERVALS + 1):
        start = 1 << (interval - 1)
        end = 2 * start - (1 if interval == INTERVALS else 0)
        low, middle, high = (_gain(x) for x in (start, start + start // 2, end))
        slope = 4 * (middle - low) - (high - low)
        values += [low, slope, high - low - slope, 0]
    return np.array(values[:-1], np.int64)


@cache
def logarithms() -> Int:
    """Return the binary logarithm of 1 + x, less x, of segments of an octave, Q16; then a 0."""
    at = np.arange(LOG_SEGMENTS + 1) / LOG_SEGMENTS
    return np.append(_rounded((np.log2(1 + at) - at) * ONE), 0)


def _gain(estimate: int) -> int:
    """Return the gain of a noise estimate (pcan_gain_control_util.cc)."""
    noise = np.float32(estimate) / np.float32(1 << ESTIMATE_BITS) + np.float32(GAIN_OFFSET)
    gain = np.float32(1 << GAIN_BITS) * np.power(noise, np.float32(GAIN_STRENGTH))
    return int(min(gain + np.float32(0.5), np.float32(2**15 - 1)))


def _mel(hz: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    mels: npt.NDArray[np.float32] = np.float32(1127) * np.log1p(hz / np.float32(700))
    return mels


def _twiddles(angle: npt.NDArray[np.float64]) -> Int:
    return _rounded((2**15 - 1) * np.stack([np.cos(angle), np.sin(angle)], axis=1))


def _rounded(values: npt.NDArray[np.floating[Any]]) -> Int:
    half = values.dtype.type(0.5)
    rounded: Int = np.floor(values + half).astype(np.int64)
    return rounded
