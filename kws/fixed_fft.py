"""Compute the FFT of the front end in block floating point, bit for bit as fixed_fft.c does.

kws.fixed_mfcc states the definition and the arithmetic.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from kws.fixed_mfcc_tables import STAGE_BITS, STAGE_TWIDDLE_BITS, FixedFrontEndTables
from kws.types import Int

Int32: TypeAlias = npt.NDArray[np.int32]


def bits_of(*values: Int32) -> Int32:
    """Return the bits b of the largest values over all axes but the last: -2^b <= x < 2^b."""
    most = [np.bitwise_or.reduce(x ^ (x >> 31), axis=0) for x in values]
    return length_of(np.bitwise_or.reduce(most))


def length_of(x: Int32 | npt.NDArray[np.uint32]) -> Int32:
    """Return how many bits numbers have that are not negative."""
    lengths: Int32 = np.frexp(x.astype(np.float64))[1].astype(np.int32)  # exact
    return lengths


def shifted(x: Int32, shift: Int32 | int) -> Int32:
    """Return x / 2^shift, rounded."""
    result: Int32 = (x + ((np.int32(1) << shift) >> 1)) >> shift
    return result


def transform(real: Int32, imag: Int32, tables: FixedFrontEndTables) -> Int32:
    """Transform [points, n], which is in digit-reversed order, in place.

    Return the bits [n] that the stages shifted by.
    """
    size, total = 1, np.zeros(real.shape[1], np.int32)
    for radix in tables.radices:
        re, im = (part.reshape(-1, radix, size, real.shape[1]) for part in (real, imag))
        if size > 1:
            shift = np.maximum(0, bits_of(real, imag) - STAGE_BITS)
            total += shift
            _twist(re, im, shift, tables.twiddles[:, :: tables.points // (4 * size)])
        join = _radix4 if radix == 4 else _radix2
        join(re, im)
        size *= radix
    return total


def _twist(real: Int32, imag: Int32, shift: Int32, twiddles: Int) -> None:
    """Shift [groups, 4, size, n] in place, and multiply all but the first by powers of twiddles."""
    size = real.shape[2]
    real[:, 0], imag[:, 0] = shifted(real[:, 0], shift), shifted(imag[:, 0], shift)
    for j in (1, 2, 3):
        re, im = real[:, j], imag[:, j]
        c, s = twiddles[:, : j * size : j, None].astype(np.int32)
        turned = re * c - im * s, im * c + re * s
        re[:], im[:] = (shifted(part, shift + STAGE_TWIDDLE_BITS) for part in turned)


def _radix2(real: Int32, imag: Int32) -> None:
    """Join two transforms of one point each, in place on [groups, 2, 1, n]."""
    for part in (real, imag):
        a, b = part[:, 0], part[:, 1].copy()
        np.subtract(a, b, out=part[:, 1])
        a += b


def _radix4(real: Int32, imag: Int32) -> None:
    """Join four transforms of `size` points each, in place on [groups, 4, size, n]."""
    (ar, br, cr, dr), (ai, bi, ci, di) = (part.swapaxes(0, 1) for part in (real, imag))
    sum_r, sum_i, diff_r, diff_i = ar + cr, ai + ci, ar - cr, ai - ci
    odd_r, odd_i, turn_r, turn_i = br + dr, bi + di, br - dr, bi - di
    real[:, 0], imag[:, 0] = sum_r + odd_r, sum_i + odd_i
    real[:, 1], imag[:, 1] = diff_r + turn_i, diff_i - turn_r
    real[:, 2], imag[:, 2] = sum_r - odd_r, sum_i - odd_i
    real[:, 3], imag[:, 3] = diff_r - turn_i, diff_i + turn_r
