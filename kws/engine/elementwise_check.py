"""Prove operators of a foreign .tflite file that give one output for each input value."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from kws.engine.operator_check import NO_PADS, Step
from kws.engine.proof import Proof
from kws.engine.tflite_reader import Operator, Tensor

ELEMENTWISE = ("QUANTIZE", "LOGISTIC")
MAX_QUANTIZE = 2.0**22  # of the quotient of two scales


def elementwise_step(operator: Operator, source: Tensor, require: Proof) -> Step:
    """Prove an operator of ELEMENTWISE."""
    out = operator.output
    require(operator.inputs[0].shape == out.shape, "its output has another shape than its input")
    out = replace(out, shape=(1, *source.plane))
    if operator.name == "QUANTIZE":
        require(float(source.scale) / float(out.scale) < MAX_QUANTIZE, "its scales are too far off")
    else:
        fits = out.scale == np.float32(1 / 256) and out.zero_point == -128
        require(fits, "its output is not int8 of 1/256 each")
    return Step(operator, source, out, (1, 1), NO_PADS)
