"""Fold what a converter may write in place of a dilation into the convolution.

SPACE_TO_BATCH_ND moves time steps and frequency bins to batches, each of every d-th one; a
convolution takes them by itself, and BATCH_TO_SPACE_ND puts them together again. That is one
convolution with a dilation of d; padding of the first and crops of the last become a PAD.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import prod

import numpy as np
import tflite

from kws.engine.operator_check import MAX_KERNEL
from kws.engine.proof import Proof, constant
from kws.engine.tflite_options import Options
from kws.engine.tflite_reader import INT32, Operator, Tensor

APART, TOGETHER = "SPACE_TO_BATCH_ND", "BATCH_TO_SPACE_ND"
OF_DILATION = (APART, TOGETHER)
CONVOLUTIONS = ("CONV_2D", "DEPTHWISE_CONV_2D")
NO_INDEX = -1  # of a tensor that no file has
Sides = tuple[tuple[int, int], tuple[int, int]]  # (before, after) along time, along frequency


def folded(operators: Sequence[Operator], where: str) -> list[Operator]:
    """Return operators without SPACE_TO_BATCH_ND and BATCH_TO_SPACE_ND.

    Raises:
        KwsError: what lies between them is not one convolution that they dilate.
    """
    require = Proof(where)
    takers = {o.inputs[0].index: o for o in operators if o.inputs}
    taken: set[int] = set()
    found: list[Operator] = []
    for operator in operators:
        of = require.of(operator)
        if operator.name == APART:
            convolution = takers.get(operator.output.index)
            of(convolution and convolution.name in CONVOLUTIONS, "no convolution takes its output")
            assert convolution is not None
            last = takers.get(convolution.output.index)
            of(last and last.name == TOGETHER, f"{convolution.name} after it has no {TOGETHER}")
            assert last is not None
            found += _dilated(operator, convolution, last, require)
            taken |= {id(convolution), id(last)}
        elif id(operator) not in taken:
            of(operator.name != TOGETHER, f"there is no {APART} before it")
            found.append(operator)
    return found


def _dilated(
    apart: Operator, convolution: Operator, together: Operator, require: Proof
) -> list[Operator]:
    """Return the convolution with its dilation, after a PAD where there is padding."""
    of, last = require.of(apart), require.of(together)
    source, out = apart.inputs[0], together.output
    block = _pair(apart, require)
    last(_pair(together, require) == block, "has another block than the operator before it")
    options = convolution.options
    plain = options.stride == options.dilation == (1, 1)
    plain = plain and options.padding == tflite.Padding.VALID
    require.of(convolution)(plain, "has a stride, a dilation or padding of its own")
    padding, crops = (_sides(each, require) for each in (apart, together))
    padded = [size + sum(sides) for size, sides in zip(source.shape[1:3], padding, strict=True)]
    batches = (1, prod(block))  # 1 from a converter that did not know how many there would be
    moved = *(size // each for size, each in zip(padded, block, strict=True)), source.shape[3]
    whole = all(size % each == 0 for size, each in zip(padded, block, strict=True))
    fits = whole and apart.output.shape[0] in batches and apart.output.shape[1:] == moved
    of(fits and apart.output.quantised_as(source), "its output does not follow from its input")
    given = convolution.output
    joined = [
        size * each - sum(sides)
        for size, each, sides in zip(given.shape[1:3], block, crops, strict=True)
    ]
    fits = given.shape[0] in batches and out.shape == (1, *joined, *given.shape[3:])
    last(fits and out.quantised_as(given), "its output does not follow from its input")
    sides = [(p[0] - c[0], p[1] - c[1]) for p, c in zip(padding, crops, strict=True)]
    last(min(map(min, sides)) >= 0, "crops more than was padded")
    pads = [_pad(apart, sides)] if any(map(any, sides)) else []
    inputs = (pads[0].output if pads else source, *convolution.inputs[1:])
    options = replace(options, dilation=block)
    outputs = together.outputs
    return [*pads, replace(convolution, inputs=inputs, outputs=outputs, options=options)]


def _pair(operator: Operator, require: Proof) -> tuple[int, int]:
    """Return the block of time and frequency."""
    of = require.of(operator)
    of(len(operator.inputs) == 3, "has not three inputs")
    planes = (operator.inputs[0].shape, operator.output.shape)
    of(all(len(shape) == 4 and min(shape) >= 1 for shape in planes), "does not move planes")
    time, frequency = constant(operator, 1, INT32, (2,), "block", of).tolist()
    of(min(time, frequency) >= 1, "its block is not above 0")
    of(max(time, frequency) <= MAX_KERNEL, f"its block is above {MAX_KERNEL}")
    return time, frequency


def _sides(operator: Operator, require: Proof) -> Sides:
    """Return the padding or the crops of time and frequency."""
    of = require.of(operator)
    time, frequency = constant(operator, 2, INT32, (2, 2), "sides", of).tolist()
    fits = all(0 <= side <= MAX_KERNEL for side in (*time, *frequency))
    of(fits, "pads or crops too much")
    return (time[0], time[1]), (frequency[0], frequency[1])


def _pad(apart: Operator, sides: Sequence[tuple[int, int]]) -> Operator:
    """Return the PAD of what is left of the padding."""
    source = apart.inputs[0]
    shape = [n + sum(s) for n, s in zip(source.shape, [(0, 0), *sides, (0, 0)], strict=True)]
    data = np.array([(0, 0), *sides, (0, 0)], np.int32)
    none = np.zeros(0, np.float32)
    amounts = Tensor(NO_INDEX, data.shape, INT32, none, np.zeros(0, np.int64), 0, data)
    padded = replace(source, index=apart.output.index, shape=tuple(shape))
    return Operator(apart.number, "PAD", (source, amounts), (padded,), Options())
