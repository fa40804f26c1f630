"""Prove operators of a foreign .tflite file that give one output for each input value."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import prod

import numpy as np
import tflite

from kws.engine.operator_check import MAX_KERNEL, NO_PADS, Pads, Proof, Step
from kws.engine.tflite_reader import Operator, Tensor

ELEMENTWISE = ("ADD", "QUANTIZE", "LOGISTIC")
ADD_SHIFT = 20  # bits to the left that the reference kernel shifts both operands by
MIN_ADD = 2.0**-23  # of the factor that requantises a sum: 32 bits hold it
MAX_QUANTIZE = 2.0**22  # of the quotient of two scales

Known = dict[int, tuple[int, Tensor]]  # by index: how many steps are before a tensor, its plane


def elementwise_step(
    operator: Operator, source: Tensor, pads: Pads, known: Known, steps: list[Step], require: Proof
) -> Step:
    """Prove an operator of ELEMENTWISE after some steps; pads: of the PAD before it."""
    require(pads == NO_PADS, "comes after a PAD")
    out = operator.output
    require(operator.inputs[0].shape == out.shape, "its output has another shape than its input")
    out = replace(out, shape=(1, *source.plane))
    if operator.name == "ADD":
        return _addition(Step(operator, source, out, (1, 1), NO_PADS), known, steps, require)
    if operator.name == "QUANTIZE":
        require(float(source.scale) / float(out.scale) < MAX_QUANTIZE, "its scales are too far off")
    else:
        fits = out.scale == np.float32(1 / 256) and out.zero_point == -128
        require(fits, "its output is not int8 of 1/256 each")
    return Step(operator, source, out, (1, 1), NO_PADS)


def recall_step(
    operator: Operator, source: Tensor, known: Known, steps: list[Step], require: Proof
) -> Step:
    """Prove a RECALL after some steps; it gives what one of them took, in place of its source."""
    wanted = operator.output.index
    require(wanted in known, "takes what no layer before it gives")
    position, kept = known[wanted]
    require(kept.plane[0] == source.plane[0], "takes other time steps than the layer before")
    step = Step(operator, source, kept, (1, 1), NO_PADS, added=kept, back=len(steps) - position)
    return replace(step, kernel=(_steps_kept(steps[position:], "takes", require), 1))


def _addition(step: Step, known: Known, steps: list[Step], require: Proof) -> Step:
    """Prove an ADD; return it with its kernel: the time steps to keep until it adds them."""
    operator, source, out = step.operator, step.source, step.output
    kinds = tflite.ActivationFunctionType
    activation = operator.options.activation
    require(activation in (kinds.NONE, kinds.RELU, kinds.RELU6), "its activation is not supported")
    require(len(operator.inputs) == 2, "has not two inputs")
    other = operator.inputs[1]
    require(other.data is None, "adds a constant, which is not supported")
    require(other.index in known, "adds what no layer before it gives")
    position, kept = known[other.index]
    same = prod(other.shape) == prod(out.shape) and kept.plane == source.plane
    same = same and operator.inputs[0].shape[-len(other.shape) :] == other.shape
    require(same, "adds another shape")
    steps_kept = _steps_kept(steps[position:], "adds", require)
    factor = 2.0 * max(source.scale, kept.scale) / (1 << ADD_SHIFT) / float(out.scale)
    require(MIN_ADD <= factor < 1, "its scales are too far off")
    return replace(step, kernel=(steps_kept, 1), back=len(steps) - position, added=kept)


def _steps_kept(between: Sequence[Step], does: str, require: Proof) -> int:
    """Return how many time steps must be kept until the steps between give their output."""
    require(
        all(each.operator.options.stride[0] == 1 for each in between),
        f"{does} what is a stride before it",
    )
    # An output of a layer needs inputs that come this much later.
    kept = 1 + sum(
        each.kernel[0] - 1 - each.pads[0][0] - each.past for each in between if not each.added
    )
    require(kept <= MAX_KERNEL, f"{does} what came more than {MAX_KERNEL} time steps before")
    return kept
