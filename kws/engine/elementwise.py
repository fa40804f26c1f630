"""Lower operators that need no weights: sums, products, means and tables of outputs by input.

Follows tensorflow/lite/kernels: add.cc, mul.cc, reference/reduce.h (QuantizedMeanOrSum),
quantize.cc, internal/lut.h, activations.cc and reference/hard_swish.h.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from kws.engine.branch_check import ADD_SHIFT, product_multiplier
from kws.engine.elementwise_check import INT16_MAX, hard_swish_multipliers
from kws.engine.operator_check import Step
from kws.engine.requantisation import (
    INPUT_MAX,
    Channels,
    divide_by_power,
    fits,
    quantise_multiplier,
    requantise,
)
from kws.engine.tflite_reader import Tensor
from kws.errors import KwsError

INT8_VALUES = range(-128, 128)


def addition(step: Step) -> Channels:
    """Return the multipliers of source, other and sum; as bias what _of_other() gives."""
    source, other, out = (float(t.scale) for t in (step.source, step.other, step.output))
    twice = 2.0 * max(source, other)
    factors = source / twice, other / twice, twice / ((1 << ADD_SHIFT) * out)
    multipliers, shifts = zip(*map(quantise_multiplier, factors), strict=True)
    return Channels(_of_other(step), np.array(multipliers, np.int32), np.array(shifts, np.int8))


def multiplication(step: Step) -> Channels:
    """Return the multiplier of a product; as bias what _of_other() gives."""
    multiplier, shift = product_multiplier(step)
    return Channels(_of_other(step), np.array([multiplier], np.int32), np.array([shift], np.int8))


def _of_other(step: Step) -> npt.NDArray[np.int32]:
    """Return the zero point of other, 0, and how far apart its values of bins and channels lie."""
    _, bins, channels = step.other.plane
    kept = step.added is not None  # a constant has a value for each
    steps = (channels * (bins > 1), int(channels > 1)) if kept else (step.source.plane[2], 1)
    return np.array([step.other.zero_point, 0, *steps], np.int32)


def factors_or_summands(step: Step) -> npt.NDArray[np.int8]:
    """Return a constant that is added or multiplied by, for each value of a time step."""
    data, size = step.other.data, step.source.plane[1:]
    return np.zeros(0, np.int8) if data is None else np.broadcast_to(data[0, 0], size).reshape(-1)


def mean(source: Tensor, out: Tensor, count: int, where: str) -> Channels:
    """Return what turns a sum of `count` values into their mean on the output's scale.

    Raises:
        KwsError: the sum would overflow the engine's 32-bit arithmetic.
    """
    multiplier, shift = quantise_multiplier(float(source.scale) / float(out.scale))
    more = min(count.bit_length() - 1, 32, 31 + shift)
    multiplier, shift = (multiplier << more) // count, shift - more
    if not fits(count * 2 * INPUT_MAX, multiplier, shift):
        raise KwsError(f"{where}: its scales are out of the ordinary")
    bias = np.array([-source.zero_point * count], np.int32)
    return Channels(bias, np.array([multiplier], np.int32), np.array([shift], np.int8))


def table(step: Step) -> npt.NDArray[np.int8]:
    """Return [256] outputs of an operator of ELEMENTWISE, of the input's values from -128 on."""
    return _TABLES[step.operator.name](step.source, step.output)


def _requantised(source: Tensor, out: Tensor) -> npt.NDArray[np.int8]:
    """Return values on the output's scale."""
    multiplier, shift = quantise_multiplier(float(source.scale) / float(out.scale))
    values = (x - source.zero_point for x in INT8_VALUES)
    return np.array([requantise(x, multiplier, shift, out.zero_point) for x in values], np.int8)


def _logistic(source: Tensor, out: Tensor) -> npt.NDArray[np.int8]:
    """Return sigmoids in 1/256, from -128 on."""
    values = (np.array(INT8_VALUES) - source.zero_point).astype(np.float32) * source.scale
    # As lut.h: in binary32. Beyond 80 the sigmoid is 0 or 1, and nothing overflows.
    powers = np.exp(-np.clip(values, -80, 80).astype(np.float64)).astype(np.float32)
    shares = np.float32(256) * (np.float32(1) / (np.float32(1) + powers))
    rounded: npt.NDArray[np.float64] = np.floor(shares.astype(np.float64) + 0.5)
    return (np.minimum(rounded, 255) - 128).astype(np.int8)


def _hard_swish(source: Tensor, out: Tensor) -> npt.NDArray[np.int8]:
    """Return x * min(max(x + 3, 0), 6) / 6 on the output's scale."""
    output, output_shift, share, share_shift = hard_swish_multipliers(source, out)
    values = []
    for value in INT8_VALUES:
        x = (value - source.zero_point) << 7
        # min(max(x, -3), 3) / 3 in 0.15 bits, then in 0 to 1
        clamped = _shifted(x, max(share_shift - 1, 0))
        clamped = _shifted(_half_up(clamped * share), int(share_shift > 0))
        clamped = (divide_by_power(clamped, max(-share_shift, 0)) + (1 << 15)) >> 1
        product = _towards_zero(clamped * _half_up(x * output))
        values.append(divide_by_power(product, -output_shift) + out.zero_point)
    return np.clip(values, -128, 127).astype(np.int8)


def _shifted(value: int, left: int) -> int:
    """Return a value times 2^left, saturated to 16 bits."""
    return max(-INT16_MAX - 1, min(INT16_MAX, value << left))


def _half_up(product: int) -> int:
    """Return a product / 2^15, rounded half up (SaturatingRoundingDoublingHighMul of 16 bits)."""
    return (product + (1 << 14)) >> 15


def _towards_zero(product: int) -> int:
    """Return a product / 2^15, rounded towards zero."""
    return product >> 15 if product >= 0 else -(-product >> 15)


_TABLES = {"QUANTIZE": _requantised, "LOGISTIC": _logistic, "HARD_SWISH": _hard_swish}
