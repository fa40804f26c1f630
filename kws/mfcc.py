"""Extract MFCC features from a stream of samples, bit for bit as mfcc.c does.

Definition: Hann window, magnitude spectrum, HTK mel triangles, log(mel + offset), DCT-II, as
tf.signal and MLPerf Tiny define them; each coefficient is then standardised.

The numeric contract: IEEE-754 binary32, each operation rounded on its own (no fused
multiply-add), every sum in ascending order, in the order of operations written here. NumPy works
on many windows side by side (the last axis), C on one; the bits of a frame are the same.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from kws.config import FrontEnd
from kws.mfcc_tables import LN2, LOG_POLYNOMIAL, SQRT_HALF_BITS, FrontEndTables
from kws.types import Float, Frames, Samples

BLOCK = 64  # frames computed at once: the working set stays in the second-level cache


class Mfcc:
    """Turn samples into feature frames; the division into pushes changes no bit.

    Frame i covers samples [i * hop, i * hop + window).
    """

    def __init__(self, spec: FrontEnd) -> None:
        self.spec = spec
        self.tables = FrontEndTables(spec)
        self.reset()

    def reset(self) -> None:
        """Forget the stream."""
        self._windows = WindowStream(self.spec)

    def push(self, samples: Samples) -> Frames:
        """Take int16 samples [n]; return the frames they complete, [frames, coefficients]."""
        windows = self._windows.push(samples)
        frames = np.empty((len(windows), self.spec.coefficients), np.float32)
        for block in blocks_of(windows):
            frames[block] = features(windows[block].T, self.tables).T
        return frames


class WindowStream:
    """Cut a stream of samples into the windows of its frames."""

    def __init__(self, spec: FrontEnd) -> None:
        self._spec, self._pending = spec, np.zeros(0, np.int16)

    def push(self, samples: Samples) -> Samples:
        """Take int16 samples [n]; return the windows they complete, [frames, window]."""
        spec = self._spec
        stream = np.concatenate([self._pending, samples])
        count = max(0, (len(stream) - spec.window) // spec.hop + 1)
        self._pending = stream[count * spec.hop :]
        if not count:
            return np.zeros((0, spec.window), np.int16)
        return np.lib.stride_tricks.sliding_window_view(stream, spec.window)[:: spec.hop]


def blocks_of(windows: Samples) -> Iterator[slice]:
    """Yield the slices of windows [frames, window] that are computed at once."""
    for start in range(0, len(windows), BLOCK):
        yield slice(start, min(start + BLOCK, len(windows)))


def features(windows: Samples, tables: FrontEndTables) -> Float:
    """Return the standardised coefficients [coefficients, n] of windows [window, n]."""
    return _cepstrum(log_mel(windows, tables), tables)


def log_mel(windows: Samples, tables: FrontEndTables) -> Float:
    """Return the log mel energies [filters, n] of windows [window, n]."""
    windowed = np.zeros((tables.spec.fft, windows.shape[1]), np.float32)
    windowed[: tables.spec.window] = windows * tables.window[:, None]
    real, imag = _fft(windowed, tables)
    return _log(_mel_sums(_magnitude(real, imag, tables), tables))


def _fft(windowed: Float, tables: FrontEndTables) -> tuple[Float, Float]:
    """Transform even samples + i * odd samples, decimation in time; return [points, n] each."""
    real, imag = windowed[0::2][tables.order], windowed[1::2][tables.order]
    size = 1  # of the transforms that a stage joins
    for radix in tables.radices:
        shape = (-1, radix, size, windowed.shape[1])
        join = _radix4 if radix == 4 else _radix2
        join(real.reshape(shape), imag.reshape(shape), tables)
        size *= radix
    return real, imag


def _radix2(real: Float, imag: Float, tables: FrontEndTables) -> None:
    """Join two transforms of one point each, in place on [groups, 2, 1, n]: no twiddles."""
    for part in (real, imag):
        a, b = part[:, 0], part[:, 1].copy()
        np.subtract(a, b, out=part[:, 1])
        a += b


def _radix4(real: Float, imag: Float, tables: FrontEndTables) -> None:
    """Join four transforms of `size` points each, in place on [groups, 4, size, n]."""
    size = real.shape[2]
    ar, ai = real[:, 0], imag[:, 0]
    (br, bi), (cr, ci), (dr, di) = (
        _times(real[:, j], imag[:, j], tables.twiddles[:, :: tables.points // (4 * size)], j)
        for j in (1, 2, 3)
    )
    sum_r, sum_i, diff_r, diff_i = ar + cr, ai + ci, ar - cr, ai - ci
    odd_r, odd_i, turn_r, turn_i = br + dr, bi + di, br - dr, bi - di
    real[:, 0], imag[:, 0] = sum_r + odd_r, sum_i + odd_i
    real[:, 1], imag[:, 1] = diff_r + turn_i, diff_i - turn_r
    real[:, 2], imag[:, 2] = sum_r - odd_r, sum_i - odd_i
    real[:, 3], imag[:, 3] = diff_r - turn_i, diff_i + turn_r


def _times(real: Float, imag: Float, twiddles: Float, power: int) -> tuple[Float, Float]:
    """Multiply [groups, size, n] by the power-th twiddle of each k; size 1 needs none."""
    size = real.shape[1]
    if size == 1:
        return real, imag
    c, s = twiddles[:, : power * size : power, None]
    return real * c - imag * s, imag * c + real * s


def _magnitude(real: Float, imag: Float, tables: FrontEndTables) -> Float:
    """Split the packed transform; return the magnitudes of the real FFT, bins 0 ... points."""
    points, half = tables.points, tables.points // 2
    out = np.empty((points + 1, real.shape[1]), np.float32)
    out[0] = np.abs(real[0] + imag[0]) * np.float32(2)
    out[points] = np.abs(real[0] - imag[0]) * np.float32(2)
    ar, ai = real[1 : half + 1], imag[1 : half + 1]
    br, bi = real[: half - 1 : -1], imag[: half - 1 : -1]
    even_r, even_i, odd_r, odd_i = ar + br, ai - bi, ai + bi, br - ar
    c, s = tables.split_twiddles[:, :, None]
    turn_r, turn_i = odd_r * c - odd_i * s, odd_i * c + odd_r * s
    for bins, re, im in (
        (slice(1, half + 1), even_r + turn_r, even_i + turn_i),
        (slice(points - 1, half - 1, -1), even_r - turn_r, even_i - turn_i),
    ):
        out[bins] = np.sqrt(re * re + im * im)
    return out


def _mel_sums(magnitude: Float, tables: FrontEndTables) -> Float:
    """Return the mel energies plus the offset, [filters, n]: sums in ascending bins."""
    first, _, weights = tables.mel
    taps = np.minimum(first + np.arange(len(weights))[:, None], tables.points)
    products = magnitude[taps] * weights[:, :, None]
    sums: Float = np.add.accumulate(products)[-1] + np.float32(tables.spec.log_offset)
    return sums


def _log(x: Float) -> Float:
    """Return the natural logarithm of normal positive numbers.

    x = 2^e * (1 + f), then a polynomial in f.
    """
    bits = x.view(np.int32)
    exponent = (bits - SQRT_HALF_BITS) >> 23
    f = (bits - (exponent << 23)).view(np.float32) - np.float32(1)
    series = np.full_like(f, LOG_POLYNOMIAL[0])
    for coefficient in LOG_POLYNOMIAL[1:]:
        series = series * f + coefficient
    log: Float = exponent.astype(np.float32) * LN2 + series * f
    return log


def _cepstrum(logs: Float, tables: FrontEndTables) -> Float:
    """Return the DCT-II of [filters, n], halved by symmetry, sums ascending from the bias."""
    half = len(logs) // 2
    mirrored = logs[: half - 1 : -1]
    folded = np.stack([logs[:half] + mirrored, logs[:half] - mirrored])
    parity = np.arange(tables.spec.coefficients) % 2
    products = tables.dct[:, :, None] * folded[parity]
    start = np.broadcast_to(tables.bias[:, None, None], (len(parity), 1, logs.shape[1]))
    total = np.add.accumulate(np.concatenate([start, products], axis=1), axis=1)
    return np.ascontiguousarray(total[:, -1])
