"""Prove operators of a foreign .tflite file that give one output for each input value."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from kws.engine.operator_check import NO_PADS, Step
from kws.engine.proof import Proof
from kws.engine.requantisation import quantise_multiplier
from kws.engine.tflite_reader import Operator, Tensor

ELEMENTWISE = ("QUANTIZE", "LOGISTIC", "HARD_SWISH")
MAX_QUANTIZE = 2.0**22  # of the quotient of two scales
INT16_MAX = (1 << 15) - 1
MAX_SHIFT = 15  # of 16 bits


def elementwise_step(operator: Operator, source: Tensor, require: Proof) -> Step:
    """Prove an operator of ELEMENTWISE."""
    out = operator.output
    require(operator.inputs[0].shape == out.shape, "its output has another shape than its input")
    out = replace(out, shape=(1, *source.plane))
    if operator.name == "QUANTIZE":
        require(float(source.scale) / float(out.scale) < MAX_QUANTIZE, "its scales are too far off")
    elif operator.name == "HARD_SWISH":
        _, shift, _, clamping = hard_swish_multipliers(source, out)
        fits = -MAX_SHIFT <= shift <= 0 and abs(clamping) <= MAX_SHIFT
        require(fits, "its scales are too far off")
    else:
        fits = out.scale == np.float32(1 / 256) and out.zero_point == -128
        require(fits, "its output is not int8 of 1/256 each")
    return Step(operator, source, out, (1, 1), NO_PADS)


def hard_swish_multipliers(source: Tensor, out: Tensor) -> tuple[int, int, int, int]:
    """Return multiplier, of 15 bits, and shift of the output and of x / 3, from x in 1/128."""
    fine = np.float32(1 / 128) * source.scale
    output = quantise_multiplier(float(fine / out.scale))
    share = quantise_multiplier(float(fine / np.float32(3 / 32768)))
    of_output, of_share = (min(INT16_MAX, (n + (1 << 15)) >> 16) for n, _ in (output, share))
    return of_output, output[1], of_share, share[1]
