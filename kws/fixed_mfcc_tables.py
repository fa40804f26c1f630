"""Compute the constants of a front end in fixed point: window, twiddles, weights, DCT, roots, logs.

They are computed in binary64 and rounded once; the exporter writes the same integers as C. Qn
stands for a number times 2^n.
"""

from __future__ import annotations

from functools import cached_property

import numpy as np
import numpy.typing as npt

from kws.config import SAMPLE_RATE, FrontEnd
from kws.errors import KwsError
from kws.mfcc_tables import FrontEndTables, mel_of
from kws.types import Int

STAGE_BITS = 14  # of the largest input of a stage of the FFT
STAGE_TWIDDLE_BITS = 13  # after the point; 17 bits times these leave room for a sum of two
SPLIT_BITS = 14  # of the largest input of the split
SPLIT_TWIDDLE_BITS = 14
EMPHASIS_BITS = 2  # a windowed sample loses 1 - 2^-EMPHASIS_BITS of the one before
WINDOW_BITS = 15
MAGNITUDE_BITS = 3  # after the point
WEIGHT_BITS = 11  # of a mel weight
LOG_BITS = 9  # after the point of a binary logarithm
OFFSET_BITS = 31  # after the point of the offset of the mel sums
# A window is shifted by at least so much, so that its mel sums have no more bits after the point
# than the offset.
LEAST_SHIFT = 15 + WINDOW_BITS + MAGNITUDE_BITS - OFFSET_BITS
ROOT_STEPS, LOG_STEPS = 96, 64  # that the tables divide [1/4, 1) and [1, 2) into
TABLE_BITS = 15  # after the point of both tables


class FixedFrontEndTables:
    """Hold the tables of one front end and the quantisation of what it gives.

    A coefficient c becomes the int8 value c / scale + zero_point, as the network takes it.
    """

    def __init__(self, spec: FrontEnd, scale: float, zero_point: int) -> None:
        self.spec = spec
        self.scale, self.zero_point = scale, zero_point
        self._float = FrontEndTables(spec)
        self.points, self.order = self._float.points, self._float.order
        self.radices = self._float.radices
        self.mel, self.dct = self._mel(), self._dct()  # these may refuse the settings

    @cached_property
    def window(self) -> Int:
        """Return the periodic Hann window [window], Q15."""
        n = np.arange(self.spec.window)
        return _rounded(0.5 - 0.5 * np.cos(2 * np.pi * n / self.spec.window), WINDOW_BITS)

    @cached_property
    def twiddles(self) -> Int:
        """Return cosine and sine of -2 pi k / points, Q13 [2, points]."""
        angle = -2 * np.pi * np.arange(self.points) / self.points
        return _rounded(np.stack([np.cos(angle), np.sin(angle)]), STAGE_TWIDDLE_BITS)

    @property
    def stage_twiddles(self) -> Int:
        """Return the twiddles in the order in which the stages after the first read them.

        Those of powers 1, 2 and 3 for k = 0 ... size - 1 of each stage, Q13 [all, 2].
        """
        sizes = np.cumprod((1, *self.radices))[1:-1]
        order = [
            power * k * self.points // (4 * size)
            for size in sizes
            for k in range(size)
            for power in (1, 2, 3)
        ]
        return self.twiddles[:, order].T

    @cached_property
    def split_twiddles(self) -> Int:
        """Return cosine and sine of -2 pi k / fft for k = 1 ... points / 2, Q14."""
        angle = -2 * np.pi * np.arange(1, self.points // 2 + 1) / self.spec.fft
        return _rounded(np.stack([np.cos(angle), np.sin(angle)]), SPLIT_TWIDDLE_BITS)

    def _mel(self) -> tuple[int, Int, Int]:
        """Return the first bin, and the filter [bins] and the weights [bins, 2] of each from there.

        The triangles are those of FrontEndTables.mel. Each bin between two of their corners rises
        in one filter and falls in the one before. mel_sums[filter] takes it times the falling
        weight, mel_sums[filter + 1] times the rising one, Q11; the first and the last of these
        mel_filters + 2 sums belong to no filter. The weights undo the emphasis as well.

        Raises:
            KwsError: no bin lies within the filters.
        """
        spec = self.spec
        corners = np.linspace(mel_of(spec.low_hz), mel_of(spec.high_hz), spec.mel_filters + 2)
        bins = np.arange(1, self.points)  # neither the constant part nor half the sample rate
        mels = mel_of(bins * (SAMPLE_RATE / spec.fft))
        within = (mels > corners[0]) & (mels < corners[-1])
        if not within.any():
            raise KwsError("model settings: no FFT bin lies within the mel filters")
        filters = np.searchsorted(corners, mels[within], side="right") - 1
        low, high = corners[filters], corners[filters + 1]
        rising = (mels[within] - low) / (high - low)
        lost = 1 - 2.0**-EMPHASIS_BITS
        gain = 1 / np.abs(1 - lost * np.exp(-2j * np.pi * bins[within] / spec.fft))
        weights = np.stack([1 - rising, rising], axis=1) * gain[:, None]
        return int(bins[within][0]), filters.astype(np.int64), _rounded(weights, WEIGHT_BITS)

    @property
    def log_offset(self) -> int:
        """Return the offset of the mel sums, Q31."""
        return round(float(self.spec.log_offset) * (1 << OFFSET_BITS))

    @property
    def log_start(self) -> int:
        """Return the binary logarithm of log_offset, Q9, which all logarithms are relative to."""
        return round(float(np.log2(self.log_offset)) * (1 << LOG_BITS))

    @property
    def log_limit(self) -> int:
        """Return the limit of a logarithm relative to the offset, Q9: a bit above full scale."""
        _, _, weights = self._float.mel
        loudest = self.spec.window / 2 * weights.sum(axis=0).max()
        bits = np.log2(loudest / self.spec.log_offset + 1) + 1
        return int(np.ceil(bits * 2**LOG_BITS))

    def _dct(self) -> tuple[Int, Int, Int]:
        """Return weights [coefficients, filters / 2], bias [coefficients], shift [coefficients].

        A quantised coefficient is (bias + weights @ folded logarithms) >> shift. The weights hold
        the DCT-II, the standardisation and the quantisation; the bias the offset's logarithm and
        half a unit, too. Each shift is the largest that 32 bits allow.

        Raises:
            KwsError: a scale is too large for any shift.
        """
        half, count = self.spec.mel_filters // 2, self.spec.coefficients
        scale = np.array(self.spec.scale or [1.0] * count) / self.scale
        mean = np.array(self.spec.mean or [0.0] * count)
        k, i = np.arange(count)[:, None], np.arange(half)
        cosine = np.cos(np.pi * k * (2 * i + 1) / (4 * half)) / np.sqrt(half)
        offset = np.log(self.log_offset / 2**OFFSET_BITS) * np.where(k[:, 0] % 2, 0, 2)
        bias = (cosine.sum(axis=1) * offset - mean) * scale + self.zero_point
        weights = cosine * scale[:, None] * np.log(2) / 2**LOG_BITS
        rows = [self._row(w, b) for w, b in zip(weights, bias, strict=True)]
        return tuple(map(np.array, zip(*rows, strict=True)))  # type: ignore[return-value]

    def _row(self, weights: npt.NDArray[np.float64], bias: float) -> tuple[Int, int, int]:
        """Return the weights, the bias and the shift of a coefficient."""
        largest = float(np.abs(weights).max()), abs(bias) / 2**16  # in 16 and in 32 bits
        for shift in range(30, 0, -1):
            if max(largest) * 2**shift > 2**15 - 1:
                continue
            integers, start = _rounded(weights, shift), round(bias * 2**shift) + 2 ** (shift - 1)
            reach = int(np.abs(integers).sum()) * 2 * self.log_limit + abs(start)
            if reach < 2**31:
                return integers, start, shift
        raise KwsError("model settings: a scale or mean is too large for arithmetic = fixed")


def roots() -> Int:
    """Return square roots of 1/4 ... 1, Q15 [ROOT_STEPS + 1]."""
    return _rounded(np.sqrt(np.linspace(0.25, 1, ROOT_STEPS + 1)), TABLE_BITS)


def root_lines() -> Int:
    """Return the lines between the square roots: a * 2^16 - b [ROOT_STEPS].

    The root of x, Q32, is a * 2^16 + b * (x >> 9), Q31, where x >> 25 is ROOT_STEPS / 3 + index.
    """
    values = roots()
    slopes = np.diff(values)
    starts = values[:-1] - slopes * np.arange(ROOT_STEPS // 3, ROOT_STEPS * 4 // 3)
    lines: Int = (starts << 16) - slopes
    return lines


def logarithms() -> Int:
    """Return binary logarithms of 1 ... 2, Q15 [LOG_STEPS + 1]."""
    return _rounded(np.log2(np.linspace(1, 2, LOG_STEPS + 1)), TABLE_BITS)


def _rounded(values: npt.NDArray[np.float64], bits: int) -> Int:
    """Return values times 2^bits, rounded to integers."""
    integers: Int = np.rint(values * 2**bits).astype(np.int64)
    return integers
