"""Prove that a foreign .tflite file is a network that the engine can run, before it is planned.

Whatever lowering.py, the planner and the kernels rely on is stated here once: shapes that follow
from the input, kernel, stride and padding, channels that agree, lengths, numbers within bounds.
"""

from __future__ import annotations

from dataclasses import replace
from math import prod

from kws.engine.branch_check import OF_TWO, Known, recall_step, step_of_two
from kws.engine.elementwise_check import ELEMENTWISE, elementwise_step
from kws.engine.network import MAX_LAYERS
from kws.engine.operator_chain import MOVES, RECALL, chain
from kws.engine.operator_check import (
    MAX_CLASSES,
    NO_PADS,
    PLANES,
    SCALES,
    WEIGHT_AXES,
    Step,
    in_range,
    padding_of,
    same_values,
    step_of,
)
from kws.engine.past_check import joined_to_past, with_past
from kws.engine.proof import Proof
from kws.engine.tflite_reader import INT8, Operator, Tensor

MAX_FRAMES = 4096  # of a window
MAX_CHANNELS = 4096
MAX_STATE_BYTES = 1 << 22  # input time steps of all layers
MAX_WEIGHTS = 1 << 24
MAX_PRODUCTS = 1 << 30  # multiply-accumulates of a window; a detector is primed with one


def proven(content: bytes, where: str) -> tuple[Tensor, list[Step]]:
    """Return the input of a network and its operators that compute; `where` names the file.

    Raises:
        KwsError: the engine cannot run it, or the file is damaged.
    """
    require = Proof(where)
    first, operators = _with_plane(*chain(content, where), require)
    _activation(first, "the input", require)
    require(first.plane[0] <= MAX_FRAMES, f"a window has more than {MAX_FRAMES} frames")
    require(prod(first.plane[1:]) <= MAX_CHANNELS, f"a frame has more than {MAX_CHANNELS} values")
    steps = _steps(first, operators, require)
    layers = len(steps) + sum(step.added is not None for step in steps)
    require(1 <= layers <= MAX_LAYERS, f"{layers} layers are not 1 to {MAX_LAYERS}")
    require(
        prod(steps[-1].output.plane[1:]) <= MAX_CLASSES,
        f"there are more than {MAX_CLASSES} classes",
    )
    _total(steps, require)
    return first, steps


def _steps(first: Tensor, operators: list[Operator], require: Proof) -> list[Step]:
    """Return the operators that compute, proven."""
    steps: list[Step] = []
    current, pads, past = first, NO_PADS, 0
    streams = any(operator.past for operator in operators)
    known: Known = {first.index: (0, first)}
    for operator in operators:
        of = require.of(operator)
        if operator.name == RECALL:
            of(not past and pads == NO_PADS, "comes between a PAD or a CONCATENATION and a layer")
            steps.append(recall_step(operator, current, known, steps, of))
            current = steps[-1].output
            problem = "takes all time steps of a call again, in a network that keeps its past"
            of(not (streams and steps[-1].repeats), problem)
            continue
        _activation(operator.output, "its output", of)
        if operator.name in MOVES:
            of(same_values(operator), "its output has another type or scale than its input")
            of(pads == NO_PADS, "comes between a PAD and a layer")
        if operator.past:
            of(not past and pads == NO_PADS, "comes between a PAD or another one and a layer")
            current, past = joined_to_past(operator, current, of), operator.past
        elif operator.name == "PAD":
            pads = padding_of(operator, current, of)
        elif operator.name in MOVES:
            current = _reshaped(operator, current, of)
        else:
            of(pads == NO_PADS or operator.name in PLANES, "comes after a PAD")
            if operator.name in OF_TWO:
                step = step_of_two(operator, current, past, known, steps, of)
            elif operator.name in ELEMENTWISE:
                step = elementwise_step(operator, current, of)
            else:
                step = step_of(operator, current, pads, of)
            steps.append(with_past(step, past, of) if streams else step)
            current, pads, past = steps[-1].output, NO_PADS, 0
        if pads == NO_PADS and not past:
            known[operator.output.index] = (len(steps), current)
    require(pads == NO_PADS and not past, "a PAD or a CONCATENATION has no layer after it")
    require(not streams or current.plane[0] == 1, "the output of a call is not one step")
    return steps


def _with_plane(
    first: Tensor, operators: list[Operator], require: Proof
) -> tuple[Tensor, list[Operator]]:
    """Return the input as the plane that a leading RESHAPE makes of it, and what follows."""
    if len(first.shape) == 4 or not operators or operators[0].name != "RESHAPE":
        return first, operators
    out, of = operators[0].output, require.of(operators[0])
    if len(out.shape) != 4:
        return first, operators
    _activation(replace(first, shape=(1, 1, 1, 1)), "its input", of)
    _activation(out, "its output", of)
    of(same_values(operators[0]), "its output has another type or scale than its input")
    fits = min(first.shape, default=0) >= 1 and prod(first.shape) == prod(out.shape)
    of(fits, "changes the number of values")
    return out, operators[1:]


def _activation(tensor: Tensor, what: str, require: Proof) -> None:
    """Prove a tensor of values between layers: int8, batches of one, one scale, its zero point."""
    shape = tensor.shape
    require(tensor.type == INT8, f"{what} is not int8")
    require(shape and min(shape) >= 1, f"{what} has shape {shape}")
    require(len(shape) == 1 or shape[0] == 1, f"{what} has shape {shape}: not a batch of one")
    require(max(tensor.plane[1:]) <= MAX_CHANNELS, f"{what} has shape {shape}: too large")
    require(tensor.data is None, f"{what} is constant")
    scales, zeros = tensor.scales, tensor.zero_points
    require(len(scales) == 1 and in_range(scales, SCALES[0]), f"{what} has no valid scale")
    require(
        len(zeros) <= 1 and -128 <= tensor.zero_point <= 127, f"{what} has a zero point not in int8"
    )


def _reshaped(operator: Operator, source: Tensor, require: Proof) -> Tensor:
    """Return the output of an operator that moves no value; a flat one keeps its source's plane."""
    out = operator.output
    require(prod(out.shape) == prod(source.plane), "changes the number of values")
    if len(out.shape) < 4:
        return replace(out, shape=(1, *source.plane))
    require(len(out.shape) == 4 and out.plane[0] == source.plane[0], "along time is not supported")
    return out


def _total(steps: list[Step], require: Proof) -> None:
    """Prove that memory, weights and work of a network are bounded."""
    state = weights = products = 0
    for step in steps:
        values = step.padded[1] * step.source.plane[2]
        kept = prod(step.added.plane[1:]) if step.added is not None else 0
        state += step.kernel[0] * (values + kept)
        size = prod(step.kernel) * step.source.plane[2]  # of a pool
        if step.operator.name in WEIGHT_AXES:  # dilation is computed as zeros between the taps
            depthwise = step.operator.name == "DEPTHWISE_CONV_2D"
            depth = 1 if depthwise else step.source.plane[2]
            size = prod(step.kernel) * depth * step.output.plane[2]
            weights += size
        products += prod(step.output.plane[:2]) * size
    require(state <= MAX_STATE_BYTES, f"its layers need more than {MAX_STATE_BYTES} bytes")
    require(weights <= MAX_WEIGHTS, f"there are more than {MAX_WEIGHTS} weights")
    require(products <= MAX_PRODUCTS, f"a window takes more than {MAX_PRODUCTS} operations")
