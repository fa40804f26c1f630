"""Compute the MFCC of one frame by single binary32 operations, as the numeric contract states.

Written from the contract alone, with a recursive transform and plain loops; it shares nothing with
kws.mfcc but the tables.
"""

from __future__ import annotations

import math

import numpy as np

from kws.config import FrontEnd
from kws.mfcc_tables import LN2, LOG_POLYNOMIAL, FrontEndTables

Float = np.float32
Complex = tuple[Float, Float]


def scalar_features(window: np.ndarray, spec: FrontEnd) -> list[Float]:
    """Return the standardised coefficients of int16 samples [window]."""
    tables = FrontEndTables(spec)
    pairs = zip(window, tables.window, strict=True)
    windowed = [Float(sample) * weight for sample, weight in pairs]
    windowed += [Float(0)] * (spec.fft - spec.window)
    packed = list(zip(windowed[0::2], windowed[1::2], strict=True))
    magnitudes = split(transform(packed, tables.radices, tables.twiddles), tables.split_twiddles)
    return cepstrum([log(total) for total in mel_sums(magnitudes, tables)], tables)


def transform(x: list[Complex], radices: tuple[int, ...], twiddles: np.ndarray) -> list[Complex]:
    """Compute a DFT: the last radix joins the transforms of every radix-th input."""
    if not radices:
        return x
    *inner, radix = radices
    size = len(x) // radix
    step = twiddles.shape[1] // len(x)
    parts = [transform(x[j::radix], tuple(inner), twiddles) for j in range(radix)]
    out: list[Complex] = [(Float(0), Float(0))] * len(x)
    for k in range(size):
        inputs = [parts[0][k]]
        for j in range(1, radix):
            inputs.append(
                parts[j][k] if size == 1 else times(parts[j][k], twiddles[:, j * k * step])
            )
        for q, value in enumerate(butterfly4(*inputs) if radix == 4 else butterfly2(*inputs)):
            out[k + q * size] = value
    return out


def times(x: Complex, w: np.ndarray) -> Complex:
    return x[0] * w[0] - x[1] * w[1], x[1] * w[0] + x[0] * w[1]


def plus(x: Complex, y: Complex) -> Complex:
    return x[0] + y[0], x[1] + y[1]


def minus(x: Complex, y: Complex) -> Complex:
    return x[0] - y[0], x[1] - y[1]


def butterfly2(a: Complex, b: Complex) -> list[Complex]:
    return [plus(a, b), minus(a, b)]


def butterfly4(a: Complex, b: Complex, c: Complex, d: Complex) -> list[Complex]:
    even, odd, difference, turn = plus(a, c), plus(b, d), minus(a, c), minus(b, d)
    turned = (turn[1], -turn[0])  # times -i
    return [plus(even, odd), plus(difference, turned), minus(even, odd), minus(difference, turned)]


def split(z: list[Complex], twiddles: np.ndarray) -> list[Float]:
    """Return the magnitudes of the real FFT, bins 0 ... points; the factor 1/2 is in the window."""
    points = len(z)
    out = [Float(0)] * (points + 1)
    out[0] = abs(z[0][0] + z[0][1]) * Float(2)
    out[points] = abs(z[0][0] - z[0][1]) * Float(2)
    for k in range(1, points // 2 + 1):
        conjugate = (z[points - k][0], -z[points - k][1])
        even, (x, y) = plus(z[k], conjugate), minus(z[k], conjugate)
        turned = times((y, -x), twiddles[:, k - 1])  # times -i and the twiddle
        for bin_, (real, imag) in ((k, plus(even, turned)), (points - k, minus(even, turned))):
            out[bin_] = np.sqrt(real * real + imag * imag)
    return out


def mel_sums(magnitudes: list[Float], tables: FrontEndTables) -> list[Float]:
    firsts, counts, weights = tables.mel
    sums = []
    for filter_, (first, count) in enumerate(zip(firsts, counts, strict=True)):
        total = Float(0)
        for tap in range(count):
            total = total + magnitudes[first + tap] * weights[tap, filter_]
        sums.append(total + Float(tables.spec.log_offset))
    return sums


def log(x: Float) -> Float:
    """Split x = 2^e * (1 + f) with 1 + f from sqrt(1/2) to sqrt(2), then apply Horner's rule."""
    mantissa, exponent = math.frexp(x)  # exact
    if Float(mantissa) < Float(math.sqrt(0.5)):
        mantissa, exponent = 2 * mantissa, exponent - 1
    f = Float(mantissa) - Float(1)
    series = LOG_POLYNOMIAL[0]
    for coefficient in LOG_POLYNOMIAL[1:]:
        series = series * f + coefficient
    return Float(exponent) * LN2 + series * f


def cepstrum(logs: list[Float], tables: FrontEndTables) -> list[Float]:
    half = len(logs) // 2
    out = []
    for index, (weights, bias) in enumerate(zip(tables.dct, tables.bias, strict=True)):
        total = bias
        for i in range(half):
            x, mirrored = logs[i], logs[-1 - i]
            total = total + weights[i] * (x - mirrored if index % 2 else x + mirrored)
        out.append(total)
    return out
