"""Extract MFCC features from a stream of samples in integers, bit for bit as fixed_mfcc.c does.

The definition is that of kws.mfcc, for processors without a floating-point unit. What it gives are
the int8 values that the network takes.

The numeric contract: integers of 32 bits, which no sum overflows. `>>` rounds down; a rounded shift
adds half a unit before. Each windowed sample loses three quarters of the one before, which flattens
the spectrum of speech; the mel weights undo it. The FFT is in block floating point: the largest
value of the windowed samples, and then of each stage, says how far the next stage shifts its
input, to STAGE_BITS. Logarithms have base 2, are relative to the offset of the mel sums, and are
clamped to 0 ... log_limit.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from kws.config import FrontEnd
from kws.fixed_fft import Int32, bits_of, length_of, shifted, transform
from kws.fixed_mfcc_tables import (
    EMPHASIS_BITS,
    LEAST_SHIFT,
    LOG_BITS,
    MAGNITUDE_BITS,
    SPLIT_BITS,
    SPLIT_TWIDDLE_BITS,
    STAGE_BITS,
    TABLE_BITS,
    WEIGHT_BITS,
    FixedFrontEndTables,
    logarithms,
    roots,
)
from kws.mfcc import WindowStream, blocks_of
from kws.types import Frames, Samples

Int8: TypeAlias = npt.NDArray[np.int8]

_ROOTS, _LOGARITHMS = (table().astype(np.int32) for table in (roots, logarithms))


class FixedMfcc:
    """Turn samples into feature frames; the division into pushes changes no bit.

    The frames are those that a network of this quantisation turns into the int8 values that the C
    engine gives it.
    """

    def __init__(self, spec: FrontEnd, scale: float, zero_point: int) -> None:
        """Set up the tables; scale, zero_point: the quantisation of the network's input."""
        self.spec = spec
        self.tables = FixedFrontEndTables(spec, scale, zero_point)
        self.reset()

    def reset(self) -> None:
        """Forget the stream."""
        self._windows = WindowStream(self.spec)

    def push(self, samples: Samples) -> Frames:
        """Take int16 samples [n]; return the frames they complete, [frames, coefficients]."""
        return dequantise(self.push_quantised(samples), self.tables.scale, self.tables.zero_point)

    def push_quantised(self, samples: Samples) -> Int8:
        """Take int16 samples [n]; return the quantised frames, [frames, coefficients]."""
        windows = self._windows.push(samples)
        frames = np.empty((len(windows), self.spec.coefficients), np.int8)
        for block in blocks_of(windows):
            frames[block] = features(windows[block].T, self.tables).T
        return frames


def dequantise(values: Int8, scale: float, zero_point: int) -> Frames:
    """Return quantised values as features; the network quantises them to the same values."""
    return (values.astype(np.float32) - np.float32(zero_point)) * np.float32(scale)


def features(windows: Samples, tables: FixedFrontEndTables) -> Int8:
    """Return the quantised coefficients [coefficients, n] of windows [window, n]."""
    return _cepstrum(log_mel(windows, tables), tables)


def log_mel(windows: Samples, tables: FixedFrontEndTables) -> Int32:
    """Return log mel energies [filters, n] of windows [window, n]: base 2, Q9, of the offset."""
    samples = _load(windows, tables)
    first = np.maximum(LEAST_SHIFT, bits_of(samples) - STAGE_BITS)
    real, imag = (shifted(samples[part::2][tables.order], first) for part in (0, 1))
    stages = transform(real, imag, tables)
    last = np.maximum(0, bits_of(real, imag) - SPLIT_BITS)
    bins = _split(shifted(real, last), shifted(imag, last), tables)
    sums = _mel_sums(_magnitude(*bins), tables)
    return _log(sums, first - LEAST_SHIFT + stages + last, tables)


def _load(windows: Samples, tables: FixedFrontEndTables) -> Int32:
    """Window and emphasise [window, n]; return [fft, n], Q15."""
    windowed = np.zeros((tables.spec.fft, windows.shape[1]), np.int32)
    windowed[: tables.spec.window] = windows * tables.window.astype(np.int32)[:, None]
    before = np.roll(windowed, 1, axis=0)
    emphasised: Int32 = windowed - (before - (before >> EMPHASIS_BITS))
    return emphasised


def _split(real: Int32, imag: Int32, tables: FixedFrontEndTables) -> tuple[Int32, Int32]:
    """Split the packed transform; return real and imaginary parts [points - 1, n] of the real FFT.

    They are those of bins 1 ... points - 1.
    """
    points, half = tables.points, tables.points // 2
    ar, ai = real[1 : half + 1], imag[1 : half + 1]
    br, bi = real[: half - 1 : -1], imag[: half - 1 : -1]
    odd_r, odd_i = ai + bi, br - ar
    even_r, even_i = (part << SPLIT_TWIDDLE_BITS for part in (ar + br, ai - bi))
    c, s = tables.split_twiddles[:, :, None].astype(np.int32)
    turn_r, turn_i = odd_r * c - odd_i * s, odd_i * c + odd_r * s
    re, im = (np.empty((points - 1, real.shape[1]), np.int32) for _ in range(2))
    re[half - 1 :], im[half - 1 :] = (even_r - turn_r)[::-1], (even_i - turn_i)[::-1]
    re[:half], im[:half] = even_r + turn_r, even_i + turn_i
    return shifted(re, SPLIT_TWIDDLE_BITS + 1), shifted(im, SPLIT_TWIDDLE_BITS + 1)


def _leading_zeros(x: npt.NDArray[np.uint32]) -> Int32:
    """Return the number of 0 before the first 1 of 32 bits; x is not 0."""
    return np.int32(32) - length_of(x)


def _interpolated(table: Int32, x: npt.NDArray[np.uint32], first: int, bits: int) -> Int32:
    """Look up x, whose upper 7 bits are an index from `first` on, Q(15 + bits)."""
    index = (x >> 25).astype(np.int32) - first
    fraction = ((x >> 9) & 0xFFFF).astype(np.int32)
    low = table[index]
    value: Int32 = (low << bits) + ((table[index + 1] - low) * fraction >> (16 - bits))
    return value


def _magnitude(re: Int32, im: Int32) -> Int32:
    """Return the magnitudes of complex numbers, Q3."""
    square = (re * re).view(np.uint32) + (im * im).view(np.uint32)
    even = (_leading_zeros(np.maximum(square, 1)) & ~np.int32(1)).astype(np.int32)
    bits = 16 + MAGNITUDE_BITS - TABLE_BITS
    scaled = np.left_shift(np.maximum(square, np.uint32(1)), even.astype(np.uint32))
    root = _interpolated(_ROOTS, scaled, 32, bits)
    return np.where(square == 0, 0, root >> (even >> 1)).astype(np.int32)


def _mel_sums(magnitude: Int32, tables: FixedFrontEndTables) -> npt.NDArray[np.uint32]:
    """Return the mel energies [filters, n] of bins 1 ... points - 1."""
    first, filters, weights = tables.mel
    used = magnitude[first - 1 : first - 1 + len(filters)].view(np.uint32)
    sums = np.zeros((tables.spec.mel_filters + 2, magnitude.shape[1]), np.uint32)
    for side in (0, 1):
        weighted = used * weights[:, side, None].astype(np.uint32) >> np.uint32(WEIGHT_BITS)
        np.add.at(sums, filters + side, weighted)
    return sums[1:-1]


def _log(sums: npt.NDArray[np.uint32], shift: Int32, tables: FixedFrontEndTables) -> Int32:
    """Return log2 of the mel energies, relative to the offset; shift: of the whole frame."""
    down = np.minimum(shift, 31).astype(np.uint32)
    offset = np.maximum(np.uint32(tables.log_offset) >> down, np.uint32(1))
    x = sums + np.where(shift > 31, np.uint32(1), offset)
    zeros = _leading_zeros(x)
    scaled: npt.NDArray[np.uint32] = np.left_shift(x, zeros.astype(np.uint32))
    fraction = _interpolated(_LOGARITHMS, scaled, 64, 0)
    whole = (31 - zeros + shift) << LOG_BITS
    log = whole + shifted(fraction, TABLE_BITS - LOG_BITS) - np.int32(tables.log_start)
    return np.clip(log, 0, tables.log_limit).astype(np.int32)


def _cepstrum(logs: Int32, tables: FixedFrontEndTables) -> Int8:
    """Return the DCT-II of [filters, n], halved by symmetry, standardised and quantised."""
    half = len(logs) // 2
    weights, bias, shift = tables.dct
    mirrored = logs[: half - 1 : -1]
    out = np.empty((len(weights), logs.shape[1]), np.int8)
    for parity, folded in enumerate((logs[:half] + mirrored, logs[:half] - mirrored)):
        rows = slice(parity, None, 2)
        # Sums below 2^31 are exact in binary64, for which there are fast products.
        total = weights[rows].astype(np.float64) @ folded.astype(np.float64)
        values = (total.astype(np.int64) + bias[rows, None]) >> shift[rows, None]
        out[rows] = np.clip(values, -128, 127)
    return out
