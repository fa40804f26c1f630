"""Prove operators of a foreign .tflite file that take what an earlier layer gives or a constant."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import prod

import numpy as np
import tflite

from kws.engine.operator_check import MAX_KERNEL, NO_PADS, SCALES, Step, in_range
from kws.engine.proof import Proof
from kws.engine.requantisation import fits, quantise_multiplier
from kws.engine.tflite_reader import INT8, Operator, Tensor

OF_TWO = {"ADD": "adds", "MUL": "multiplies by", "CONCATENATION": "joins"}  # what each does
ADD_SHIFT = 20  # bits to the left that the reference kernel shifts both operands by
MIN_ADD = 2.0**-23  # of the factor that requantises a sum: 32 bits hold it
PRODUCT = 255 * 255  # greatest magnitude of a product of two int8 values, less their zero points
PRODUCT_FACTORS = (2.0**-30, 2.0**13)  # of the factor that requantises it

Known = dict[int, tuple[int, Tensor]]  # by index: how many steps are before a tensor, its plane
Shape = tuple[int, ...]


def step_of_two(
    operator: Operator, source: Tensor, past: int, known: Known, steps: list[Step], require: Proof
) -> Step:
    """Prove an operator of OF_TWO after some steps.

    past: time steps of earlier calls among those of the source.
    """
    does, kinds = OF_TWO[operator.name], tflite.ActivationFunctionType
    allowed = (kinds.NONE, kinds.RELU, kinds.RELU6)[: 1 if operator.name == "CONCATENATION" else 3]
    require(operator.options.activation in allowed, "its activation is not supported")
    require(len(operator.inputs) == 2, "has not two inputs")
    other = operator.inputs[operator.inputs[0].index == source.index]
    if operator.name != "CONCATENATION" and other.data is not None:
        return _with_constant(operator, source, require)
    require(other.data is None, f"{does} a constant, which is not supported")
    require(other.index in known, f"{does} what no layer before it gives")
    position, kept = known[other.index]
    step = Step(operator, source, operator.output, (1, 1), NO_PADS)
    step = replace(step, back=len(steps) - position, added=kept)
    output = _OUTPUTS[operator.name](step, past, require)
    time_steps = kept.plane[0], source.plane[0] - past
    count = past + _steps_kept(*time_steps, steps[position:], does, require)
    step = replace(step, kernel=(count, 1), output=output)
    return step if operator.name == "CONCATENATION" else _scaled(step, require)


def recall_step(
    operator: Operator, source: Tensor, known: Known, steps: list[Step], require: Proof
) -> Step:
    """Prove a RECALL after some steps; it gives what one of them took, in place of its source.

    After one time step for a whole window it gives all of that window: its padding makes them.
    """
    wanted = operator.output.index
    require(wanted in known, "takes what no layer before it gives")
    position, kept = known[wanted]
    total, taken = kept.plane[0], source.plane[0]
    require(taken in (1, total), "takes other time steps than the layer before")
    kernel = (_steps_kept(total, taken, steps[position:], "takes", require), 1)
    pads = ((0, total - taken), (0, 0))
    return Step(operator, source, kept, kernel, pads, added=kept, back=len(steps) - position)


def _steps_kept(total: int, taken: int, between: Sequence[Step], does: str, require: Proof) -> int:
    """Return how many time steps must be kept until the steps between give what goes with them.

    total: time steps of what is kept, in a window; taken: of what the steps between give.
    """
    if total < taken:
        return total  # for all that are taken
    if total > taken or any(each.repeats for each in between):  # the last comes before the first
        require(total <= MAX_KERNEL, f"{does} more than {MAX_KERNEL} time steps")
        return total
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


def _sum(step: Step, past: int, require: Proof) -> Tensor:
    """Return the output of an ADD as a plane."""
    require(not past and _broadcasts(step, past), "adds another shape")
    return _as_source(step)


def _product(step: Step, past: int, require: Proof) -> Tensor:
    """Return the output of a MUL; with a past, its bins are the time steps of its source."""
    require(_broadcasts(step, past), "multiplies by another shape")
    if not past:
        return _as_source(step)
    source = step.source.plane
    single = source[:2] == (past + 1, 1)
    require(single, "multiplies several time steps, of more than a call's or a bin each")
    require(source[0] <= MAX_KERNEL, f"multiplies more than {MAX_KERNEL} time steps")
    return replace(step.output, shape=(1, 1, *source[::2]))


def _broadcasts(step: Step, past: int) -> bool:
    """Return whether the other of two tensors has the sizes of the source, or 1 in their place.

    With a past it has the time steps of the call.
    """
    whole, other = (each.shape for each in step.operator.inputs)
    source, kept = step.source.plane, step.other.plane
    same = not past and kept == source
    same = same and prod(other) == prod(whole) and whole[-len(other) :] == other
    spread = _of_four(other) == (1, *kept) and _of_four(whole) == (1, *source)
    spread = spread and kept[0] in ((source[0] - past,) if past else (1, source[0]))
    spread = spread and all(k in (1, s) for k, s in zip(kept[1:], source[1:], strict=True))
    return (same or spread) and step.output.shape == whole


def _join(step: Step, past: int, require: Proof) -> Tensor:
    """Return the output of a CONCATENATION of the channels of two tensors."""
    operator, source, kept, out = step.operator, step.source, step.other, step.output
    axis, dimensions = operator.options.axis, len(out.shape)
    channels = -dimensions <= axis < dimensions and axis % dimensions == dimensions - 1
    require(channels, "does not join channels")
    require(all(each.quantised_as(out) for each in (source, kept)), "joins tensors of other scales")
    planes = (kept, source) if step.other_first else (source, kept)
    pairs = zip(operator.inputs, planes, strict=True)
    flat = all(each.shape[-1:] == plane.plane[2:] for each, plane in pairs)
    size = source.plane[2] + kept.plane[2]
    fits = flat and kept.plane[:2] == source.plane[:2] and out.shape[-1] == size
    require(fits and prod(out.shape) == prod(source.plane[:2]) * size, "joins other shapes")
    return replace(out, shape=(1, *source.plane[:2], size))


_OUTPUTS = {"ADD": _sum, "MUL": _product, "CONCATENATION": _join}


def _with_constant(operator: Operator, source: Tensor, require: Proof) -> Step:
    """Prove an ADD or a MUL of a constant: a value, or one per frequency bin or channel."""
    (whole, other), plane = operator.inputs, source.plane
    shape = _of_four(other.shape)
    spread = prod(shape) == 1 or _of_four(whole.shape) == (1, *plane)
    spread = spread and len(shape) == 4 and shape[:2] == (1, 1) and other.type == INT8
    spread = spread and all(n in (1, size) for n, size in zip(shape[2:], plane[1:], strict=True))
    problem = f"{OF_TWO[operator.name]} a constant of another shape or type"
    require(spread and operator.output.shape == whole.shape, problem)
    scaled = len(other.scales) == 1 and in_range(other.scales, SCALES[0])
    scaled = scaled and len(other.zero_points) <= 1 and -128 <= other.zero_point <= 127
    require(scaled, "its constant has no valid scale")
    assert other.data is not None
    other = replace(other, shape=shape, data=other.data.reshape(shape))
    operator = replace(operator, inputs=(whole, other))
    step = Step(operator, source, operator.output, (1, 1), NO_PADS)
    return _scaled(replace(step, output=_as_source(step)), require)


def _scaled(step: Step, require: Proof) -> Step:
    """Prove the scales of a sum or a product."""
    source, other, out = (float(t.scale) for t in (step.source, step.other, step.output))
    if step.operator.name == "ADD":
        factor = 2.0 * max(source, other) / (1 << ADD_SHIFT) / out
        require(MIN_ADD <= factor < 1, "its scales are too far off")
        return step
    low, high = PRODUCT_FACTORS
    near = low <= source * other / out < high
    require(near and fits(PRODUCT, *product_multiplier(step)), "its scales are too far off")
    return step


def product_multiplier(step: Step) -> tuple[int, int]:
    """Return multiplier and shift of a product: as mul.cc of TensorFlow Lite, in binary32."""
    product: np.float32 = step.source.scale * step.other.scale / step.output.scale
    return quantise_multiplier(float(product))


def _as_source(step: Step) -> Tensor:
    """Return the output of a step with the plane of its source."""
    return replace(step.output, shape=(1, *step.source.plane))


def _of_four(shape: Shape) -> Shape:
    """Return a shape of four axes at least, the first ones of size 1."""
    return (1,) * (4 - len(shape)) + shape
