"""Compute TensorFlow Lite's integer requantisation: its multipliers, and the arithmetic itself.

Follows tensorflow/lite/kernels/internal/quantization_util.cc and common.h (double rounding) and
gemmlowp's fixedpoint.h for the exponential.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from kws.errors import KwsError

INT32_MAX = (1 << 31) - 1
INPUT_MAX = 128  # greatest magnitude of an int8 input


@dataclass(frozen=True)
class Channels:
    """Hold what turns the sums of a layer into int8, one entry per output channel."""

    bias: npt.NDArray[np.int32]
    multiplier: npt.NDArray[np.int32]
    shift: npt.NDArray[np.int8]


def quantise_multiplier(scale: float) -> tuple[int, int]:
    """Return a real scale as multiplier and shift: multiplier / 2^31 * 2^shift."""
    if scale == 0:
        return 0, 0
    fraction, shift = math.frexp(scale)
    multiplier = math.floor(fraction * (1 << 31) + 0.5)
    if multiplier == 1 << 31:
        multiplier, shift = multiplier // 2, shift + 1
    return (multiplier, shift) if shift >= -31 else (0, 0)


def high_product(a: int, b: int) -> int:
    """Return a * b / 2^31, rounded half up (SaturatingRoundingDoublingHighMul)."""
    return min(INT32_MAX, (a * b + (1 << 30)) >> 31)


def divide_by_power(x: int, exponent: int) -> int:
    """Return x / 2^exponent, rounded half away from zero (RoundingDivideByPOT)."""
    half = (1 << exponent) >> 1
    return (x + half) >> exponent if x >= 0 else -((-x + half) >> exponent)


def requantise(total: int, multiplier: int, shift: int, zero_point: int) -> int:
    """Return a sum as int8 (MultiplyByQuantizedMultiplier, zero point, saturation)."""
    high = high_product(total << max(shift, 0), multiplier)
    return max(-128, min(127, divide_by_power(high, max(-shift, 0)) + zero_point))


def channels(
    weights: npt.NDArray[np.int8],
    bias: npt.NDArray[np.int64],
    scales: npt.NDArray[np.float64],
    zero_point: int,
    where: str,
) -> Channels:
    """Return the multipliers of a layer with weights [channels, values] and scales [channels].

    A channel whose output cannot vary gets numbers that fit the engine's 32-bit arithmetic.

    Raises:
        KwsError: a channel that varies would overflow it.
    """
    out = [quantise_multiplier(float(scale)) for scale in scales]
    reach = np.abs(weights.astype(np.int64)).sum(axis=1) * INPUT_MAX
    for index, (multiplier, shift) in enumerate(out):
        low, high = int(bias[index] - reach[index]), int(bias[index] + reach[index])
        if fits(max(-low, high), multiplier, shift):
            continue
        value = requantise(low, multiplier, shift, zero_point)
        if value != requantise(high, multiplier, shift, zero_point) or reach[index]:
            raise KwsError(f"{where}: channel {index} has a scale out of the ordinary")
        bias[index], out[index] = value - zero_point, (1 << 30, 1)
    multipliers, shifts = zip(*out, strict=True)
    return Channels(
        bias.astype(np.int32), np.array(multipliers, np.int32), np.array(shifts, np.int8)
    )


def fits(reach: int, multiplier: int, shift: int) -> bool:
    """Return whether the C engine's kws_requantise stays within 32 bits for sums up to +-reach."""
    left, right = max(shift, 0), max(-shift, 0)
    high = high_product(reach << left, multiplier)
    return (reach << (left + 1)) <= INT32_MAX and 2 * high + (257 << right) + 1 <= INT32_MAX


def exponentials(scale: float, beta: float) -> npt.NDArray[np.int32]:
    """Return [256] exp(-distance * scale * beta) in 0.31 bits, as the reference softmax has it."""
    factor = min(float(np.float32(beta)) * float(np.float32(scale)) * (1 << 26), float(INT32_MAX))
    multiplier, shift = quantise_multiplier(factor)
    lowest = -math.floor(31 * (1 << 26) / (1 << shift)) if shift > 0 else 0
    table = np.zeros(256, np.int32)
    for distance in range(min(255, -lowest) + 1):
        table[distance] = _exp(high_product(-distance << max(shift, 0), multiplier))
    return table


def _exp(x: int) -> int:
    """Return exp(x) for x <= 0 in 5.26 bits, to 0.31 bits (gemmlowp's exp_on_negative_values)."""
    if x == 0:
        return INT32_MAX
    quarter = 1 << 24
    remainder = (x & (quarter - 1)) - quarter
    result = _exp_near_zero(remainder << 5)
    for exponent, factor in enumerate(
        (1672461947, 1302514674, 790015084, 290630308, 39332535, 720401, 242), start=-2
    ):
        if (remainder - x) & (1 << (26 + exponent)):
            result = high_product(result, factor)
    return result


def _exp_near_zero(a: int) -> int:
    """Return exp on [-1/4, 0) in 0.31 bits: gemmlowp's polynomial around -1/8."""
    x = a + (1 << 28)
    x2 = high_product(x, x)
    x3, x4 = high_product(x2, x), high_product(x2, x2)
    series = divide_by_power(high_product(divide_by_power(x4, 2) + x3, 715827883) + x2, 1)
    return 1895147668 + high_product(1895147668, x + series)
