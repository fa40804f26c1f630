"""Join depthwise convolutions of parts of the channels, as MixConv has them, to a single one.

SPLIT_V or SPLIT divides the channels, a STRIDED_SLICE takes the last time steps for a shorter
kernel, a DEPTHWISE_CONV_2D convolves each part, a CONCATENATION joins them. That is one
DEPTHWISE_CONV_2D whose shorter kernels begin with zeros: a weight of 0 adds nothing, whatever it is
multiplied by.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import tflite

from kws.engine.proof import Proof, constant
from kws.engine.resource_variables import last_time_steps
from kws.engine.tflite_reader import INT8, INT32, Operator, Tensor

SPLITS = ("SPLIT_V", "SPLIT")
CHANNELS = 3  # axis
MAX_WEIGHTS = 1 << 20  # of a convolution of all channels, with its zeros


def joined(operators: Sequence[Operator], where: str) -> list[Operator]:
    """Return operators without those that divide channels and what belongs to them.

    Raises:
        KwsError: its parts are not convolved and joined again.
    """
    found = list(operators)
    for split in (operator for operator in operators if operator.name in SPLITS):
        group = _group_of(split, found, Proof(where))
        _prove_moves(group)
        _prove_parts(group)
        found[found.index(group.join)] = _convolution(group)
        taken = {id(each) for each in (split, *group.slices, *group.parts)}
        found = [each for each in found if id(each) not in taken]
    return found


@dataclass(frozen=True)
class _Group:
    """Hold the operators of a split, in the order of its parts."""

    require: Proof
    split: Operator
    slices: tuple[Operator, ...]  # of the parts that have one
    parts: tuple[Operator, ...]
    steps: tuple[int, ...]  # time steps that each part takes
    join: Operator

    @property
    def source(self) -> Tensor:
        """Return the tensor whose channels are divided."""
        return self.split.inputs[1 if self.split.name == "SPLIT" else 0]


def _group_of(split: Operator, operators: Sequence[Operator], require: Proof) -> _Group:
    """Return what belongs to a split."""
    of = require.of(split)
    of(len(split.inputs) == (2 if split.name == "SPLIT" else 3), "has other inputs")
    takers = {o.inputs[0].index: o for o in operators if o.inputs}
    slices, parts, steps = [], [], []
    for output in split.outputs:
        taken, taker = output.shape[1], takers.get(output.index)
        if taker is not None and taker.name == "STRIDED_SLICE":
            taken = last_time_steps(taker, require.of(taker))
            require.of(taker)(taken, "takes other than the last time steps")
            slices.append(taker)
            taker = takers.get(taker.output.index)
        of(taker and taker.name == "DEPTHWISE_CONV_2D", "a part of it is not convolved depthwise")
        assert taker is not None
        parts.append(taker)
        steps.append(taken)
    join = takers.get(parts[0].output.index)
    of(join and join.name == "CONCATENATION", "its parts are not joined again")
    assert join is not None
    return _Group(require, split, tuple(slices), tuple(parts), tuple(steps), join)


def _prove_moves(group: _Group) -> None:
    """Prove that split and join move whole channels, and change no value."""
    of, join = group.require.of(group.split), group.require.of(group.join)
    source, outputs = group.source, group.split.outputs
    equal = group.split.name == "SPLIT"
    axis = group.split.constant(0 if equal else 2, of.where)
    channels = axis.size == 1 and int(axis.flat[0]) % 4 == CHANNELS
    of(len(source.shape) == 4 and channels, "does not divide channels")
    sizes = np.full(len(outputs), source.shape[CHANNELS] // len(outputs))
    if not equal:
        sizes = constant(group.split, 1, INT32, sizes.shape, "sizes", of)
    expected = [(*source.shape[:CHANNELS], int(size)) for size in sizes]
    complete = sum(shape[CHANNELS] for shape in expected) == source.shape[CHANNELS]
    fits = complete and expected == [each.shape for each in outputs]
    same = all(each.quantised_as(source) for each in outputs)
    of(fits and same, "its outputs do not follow from its input")
    order = [each.index for each in group.join.inputs]
    join(order == [part.output.index for part in group.parts], "joins other parts")
    options, none = group.join.options, tflite.ActivationFunctionType.NONE
    join(options.axis % 4 == CHANNELS, "does not join channels")
    join(options.activation == none, "its activation is not supported")
    same = all(each.quantised_as(group.join.output) for each in group.join.inputs)
    join(same, "joins tensors of other scales")


def _prove_parts(group: _Group) -> None:
    """Prove that the kernels of all parts can be one, which ends where each of them does."""
    first, source = group.parts[0], group.source
    kernels = []
    for part, output in zip(group.parts, group.split.outputs, strict=True):
        of, channels = group.require.of(part), output.shape[CHANNELS]
        weights = constant(part, 1, INT8, (1, None, None, channels), "weights", of)
        kernels.append(weights.shape)
        of(part.output.shape[-1] == channels, "multiplies channels, which is not supported")
        same_kind = part.options == first.options and len(part.inputs) == len(first.inputs)
        same_kind = same_kind and weights.shape[2] == kernels[0][2]
        of(same_kind, "is another kind of convolution than the first part")
        plain = part.options.padding == tflite.Padding.VALID and part.options.dilation == (1, 1)
        of(plain, "pads or dilates a part of the channels")
        if len(part.inputs) > 2:
            constant(part, 2, INT32, (channels,), "bias values", of)
        scales = part.inputs[1].scales
        scaled = len(scales) == channels and part.inputs[1].channel_axis == CHANNELS
        of(scaled or len(scales) == 1, "its weights have wrong scales")
    join = group.require.of(group.join)
    longest = max(kernel[1] for kernel in kernels)
    weights_count = longest * kernels[0][2] * source.shape[CHANNELS]
    join(weights_count <= MAX_WEIGHTS, f"there are more than {MAX_WEIGHTS} weights")
    before = source.shape[1] - longest  # of the first output of the longest kernel
    ends = all(n - kernel[1] == before for n, kernel in zip(group.steps, kernels, strict=True))
    join(ends, "joins other time steps of its parts")


def _convolution(group: _Group) -> Operator:
    """Return the convolution of all channels."""
    of_parts = [part.inputs[1] for part in group.parts]
    kernel = max(weights.shape[1] for weights in of_parts)
    data = [_data(weights) for weights in of_parts]
    padded = [np.pad(w, ((0, 0), (kernel - w.shape[1], 0), (0, 0), (0, 0))) for w in data]
    weights = replace(
        _constant_like(of_parts[0], np.concatenate(padded, axis=CHANNELS)),
        scales=_along(of_parts, [each.scales for each in of_parts]),
        zero_points=_along(of_parts, [each.zero_points for each in of_parts]),
        channel_axis=CHANNELS,
    )
    inputs = [group.source, weights]
    if len(group.parts[0].inputs) > 2:
        biases = [part.inputs[2] for part in group.parts]
        inputs.append(_constant_like(biases[0], np.concatenate(list(map(_data, biases)))))
    first, join = group.parts[0], group.join
    return replace(first, number=join.number, inputs=tuple(inputs), outputs=join.outputs)


def _along(weights: Sequence[Tensor], values: Sequence[npt.NDArray[Any]]) -> npt.NDArray[Any]:
    """Return one value per channel of several constants, which may have a single one."""
    sizes = (each.shape[CHANNELS] for each in weights)
    return np.concatenate([np.resize(v, n) for v, n in zip(values, sizes, strict=True)])


def _constant_like(tensor: Tensor, data: npt.NDArray[Any]) -> Tensor:
    return replace(tensor, index=-1, shape=data.shape, data=data)


def _data(tensor: Tensor) -> npt.NDArray[Any]:
    assert tensor.data is not None
    return tensor.data
