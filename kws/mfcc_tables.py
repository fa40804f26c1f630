"""Compute the constants of a front end: window, twiddles, mel weights, DCT.

They are computed in binary64 and rounded to binary32 once; the exporter writes the same numbers as
C.
"""

from __future__ import annotations

from functools import cached_property

import numpy as np
import numpy.typing as npt

from kws.config import SAMPLE_RATE, FrontEnd
from kws.types import Float

LN2 = np.float32(0.6931471805599453)
SQRT_HALF_BITS = np.int32(0x3F3504F3)  # bits of sqrt(1/2) in binary32
# log(1 + f) / f on [sqrt(1/2) - 1, sqrt(2) - 1], highest power first: a minimax fit (Lawson's
# weights) with a relative error below 3e-8.
LOG_POLYNOMIAL = np.array(
    [
        0.08722355216741562,
        -0.14366842806339264,
        0.14952266216278076,
        -0.16562393307685852,
        0.19956833124160767,
        -0.25002074241638184,
        0.3333418667316437,
        -0.4999998807907104,
        1.0,
    ],
    np.float32,
)


class FrontEndTables:
    """Hold the tables of one front end, each computed when it is first used."""

    def __init__(self, spec: FrontEnd) -> None:
        self.spec = spec
        self.points = spec.fft // 2  # the real FFT runs as a complex one of half the size

    @cached_property
    def window(self) -> Float:
        """Return the periodic Hann window [window].

        It is scaled by 1/32768 for int16 and by 1/2 for the split of the real FFT.
        """
        n = np.arange(self.spec.window)
        hann = 0.5 - 0.5 * np.cos(2 * np.pi * n / self.spec.window)
        return _rounded(hann / 65536)

    @cached_property
    def radices(self) -> tuple[int, ...]:
        """Return the radix of each stage: 4, with one 2 in front where needed."""
        log2 = self.points.bit_length() - 1
        return (2,) * (log2 % 2) + (4,) * (log2 // 2)

    @cached_property
    def order(self) -> npt.NDArray[np.intp]:
        """Return the indices [points] of the inputs of the first stage (digit reversal)."""
        order = np.zeros(1, np.intp)
        for radix in self.radices:
            order = np.concatenate([j + radix * order for j in range(radix)])
        return order

    @cached_property
    def twiddles(self) -> Float:
        """Return cosine and sine of -2 pi k / points, [2, points]."""
        angle = -2 * np.pi * np.arange(self.points) / self.points
        return _rounded(np.stack([np.cos(angle), np.sin(angle)]))

    @cached_property
    def split_twiddles(self) -> Float:
        """Return cosine and sine of -2 pi k / fft for k = 1 ... points / 2, [2, points / 2]."""
        angle = -2 * np.pi * np.arange(1, self.points // 2 + 1) / self.spec.fft
        return _rounded(np.stack([np.cos(angle), np.sin(angle)]))

    @cached_property
    def mel(self) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp], Float]:
        """Return first bin [filters], bin count [filters], weights [widest, filters], zero-padded.

        They equal tf.signal.linear_to_mel_weight_matrix: triangles in the mel scale, without bin 0.
        """
        spec = self.spec
        hz = np.arange(1, self.points + 1) * (SAMPLE_RATE / spec.fft)
        bins = mel_of(hz)[:, None]
        edges = np.linspace(mel_of(spec.low_hz), mel_of(spec.high_hz), spec.mel_filters + 2)
        lower, center, upper = edges[:-2], edges[1:-1], edges[2:]
        rising, falling = (bins - lower) / (center - lower), (upper - bins) / (upper - center)
        dense = np.maximum(0, np.minimum(rising, falling)).astype(np.float32)
        count = (dense > 0).sum(axis=0)
        first = np.where(count > 0, (dense > 0).argmax(axis=0), 0)
        taps = np.minimum(first + np.arange(max(1, count.max()))[:, None], self.points - 1)
        weights = np.take_along_axis(dense, taps, axis=0)
        weights[np.arange(len(taps))[:, None] >= count] = 0
        return first + 1, count, weights

    @cached_property
    def dct(self) -> Float:
        """Return the DCT-II [coefficients, filters / 2], orthonormal but for row 0, times scale.

        The other half follows by symmetry: even rows repeat it, odd rows negate it.
        """
        m, k = self.spec.mel_filters, np.arange(self.spec.coefficients)[:, None]
        cosine = np.cos(np.pi * k * (2 * np.arange(m // 2) + 1) / (2 * m))
        return _rounded(np.sqrt(2 / m) * cosine * self._scale[:, None])

    @cached_property
    def bias(self) -> Float:
        """Return the start of each sum of the DCT [coefficients]: -mean * scale."""
        mean = np.array(self.spec.mean or [0.0] * self.spec.coefficients)
        return _rounded(-mean * self._scale)

    @property
    def _scale(self) -> npt.NDArray[np.float64]:
        return np.array(self.spec.scale or [1.0] * self.spec.coefficients)


def mel_of(hz: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Convert Hz to HTK's mel scale."""
    mel: npt.NDArray[np.float64] = 1127.0 * np.log1p(np.asarray(hz, np.float64) / 700.0)
    return mel


def _rounded(values: npt.NDArray[np.float64]) -> Float:
    return values.astype(np.float32)
