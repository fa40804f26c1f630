"""Prove that an operator of a foreign .tflite file is a layer that the engine can run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from math import prod

import numpy as np
import numpy.typing as npt
import tflite

from kws.engine.proof import Proof, constant
from kws.engine.tflite_reader import INT8, INT32, Operator, Tensor

Pads = tuple[tuple[int, int], tuple[int, int]]  # (before, after) along time, along frequency
NO_PADS: Pads = ((0, 0), (0, 0))

MAX_CLASSES = 256  # values of a softmax, too
MAX_KERNEL = 255  # kernels, strides: uint8_t in kws_layer
SCALES = (2.0**-80, 2.0**60)  # products and quotients of two stay finite in binary32
WEIGHT_AXES = {"CONV_2D": 0, "DEPTHWISE_CONV_2D": 3, "FULLY_CONNECTED": 0}  # output channels
POOLS = ("AVERAGE_POOL_2D", "MAX_POOL_2D")
PLANES = ("CONV_2D", "DEPTHWISE_CONV_2D", *POOLS, "MEAN")


@dataclass(frozen=True)
class Step:
    """Hold an operator that computes, with planes as input and output, and its padding."""

    operator: Operator
    source: Tensor
    output: Tensor
    kernel: tuple[int, int]  # extent along time and frequency, with dilation
    pads: Pads
    past: int = 0  # time steps of the source that came with earlier calls
    added: Tensor | None = None  # taken besides the source; by a RECALL, in its place
    back: int = 0  # how many steps before it the one is whose source that is

    @property
    def other(self) -> Tensor:
        """Return what an operator of two tensors takes besides the source, with its plane."""
        return self.operator.inputs[1] if self.added is None else self.added

    @property
    def other_first(self) -> bool:
        """Return whether that is its first input."""
        return self.operator.inputs[0].index != self.source.index

    @property
    def repeats(self) -> bool:
        """Return whether it gives all time steps of a window, again, after one for all of them."""
        return self.added is not None and self.output.plane[0] > self.source.plane[0]

    @property
    def padded(self) -> tuple[int, int]:
        """Return the time steps and frequency bins of the input with its padding."""
        return self.source.plane[0] + sum(self.pads[0]), self.source.plane[1] + sum(self.pads[1])

    @property
    def pad_value(self) -> int:
        """Return what the input is padded with; a maximum takes none of its own padding."""
        own = self.operator.options.padding == tflite.Padding.SAME and self.pads != NO_PADS
        return -128 if own and self.operator.name == "MAX_POOL_2D" else self.source.zero_point


def step_of(operator: Operator, source: Tensor, pads: Pads, require: Proof) -> Step:
    """Prove a layer; pads: of the PAD before it."""
    operator = _of_bins(operator, source)
    options, out = operator.options, operator.output
    kinds = tflite.ActivationFunctionType
    require(
        options.activation in (kinds.NONE, kinds.RELU, kinds.RELU6),
        "its activation is not supported",
    )
    if operator.name in PLANES:
        require(len(operator.inputs[0].shape) == 4, "its input is not a plane")
    else:
        out = replace(out, shape=(1, 1, 1, prod(out.shape)))
    kernel = _KERNELS[operator.name](operator, source, out, require)
    if operator.name in PLANES:
        pads = _padding(operator, source, kernel, pads, require)
    if operator.name in WEIGHT_AXES:
        _scales(operator, out.plane[2], require)
    return Step(operator, source, out, kernel, pads)


def _of_bins(operator: Operator, source: Tensor) -> Operator:
    """Return an operator; a pool of time steps pools the bins that a MUL has made of them."""
    (time_steps, bins, _), options = operator.inputs[0].plane, operator.options
    turned = time_steps > 1 == bins and source.plane[:2] == (1, time_steps)
    if operator.name not in POOLS or not turned:
        return operator
    options = replace(options, kernel=options.kernel[::-1], stride=options.stride[::-1])
    return replace(operator, options=options)


def _convolution(
    operator: Operator, source: Tensor, out: Tensor, require: Proof
) -> tuple[int, int]:
    depth = source.plane[2]
    weights = constant(operator, 1, INT8, (out.plane[2], None, None, depth), "weights", require)
    return _extent(operator, weights.shape[1:3])


def _depthwise(operator: Operator, source: Tensor, out: Tensor, require: Proof) -> tuple[int, int]:
    weights = constant(operator, 1, INT8, (1, None, None, out.plane[2]), "weights", require)
    # Every output channel sees the one input channel, or its own.
    require(
        source.plane[2] in (1, out.plane[2]),
        "multiplies channels, which is not supported",
    )
    return _extent(operator, weights.shape[1:3])


def _extent(operator: Operator, taps: tuple[int, ...]) -> tuple[int, int]:
    """Return how far a kernel reaches along time and frequency, with its dilation."""
    time, frequency = (
        (size - 1) * dilation + 1
        for size, dilation in zip(taps, operator.options.dilation, strict=True)
    )
    return time, frequency


def _fully_connected(
    operator: Operator, source: Tensor, out: Tensor, require: Proof
) -> tuple[int, int]:
    """Return the kernel of a fully connected layer: the whole plane."""
    require(operator.options.weights_format == 0, "its weights are shuffled")
    constant(operator, 1, INT8, (out.plane[2], prod(source.plane)), "weights", require)
    require(max(source.plane[:2]) <= MAX_KERNEL, "its input is too large")
    return source.plane[0], source.plane[1]


def _pool(operator: Operator, source: Tensor, out: Tensor, require: Proof) -> tuple[int, int]:
    require(source.plane[2] == out.plane[2], "its output has other channels than its input")
    require(same_values(operator), "its output has another scale than its input")
    return operator.options.kernel


def _mean(operator: Operator, source: Tensor, out: Tensor, require: Proof) -> tuple[int, int]:
    """Return the kernel of a mean: the whole plane along each axis that it averages."""
    shape = (None,) if operator.inputs[-1].shape else ()  # TensorFlow writes a single axis so
    axes = np.atleast_1d(constant(operator, 1, INT32, shape, "axes", require)).tolist()
    averaged = {axis % 4 for axis in axes if -4 <= axis < 4}
    require(len(averaged) == len(axes), "averages an axis twice, or one that is not there")
    require(averaged and averaged <= {1, 2}, "averages other axes than time and frequency")
    require(source.plane[2] == out.plane[2], "its output has other channels than its input")
    time, frequency = (source.plane[axis - 1] if axis in averaged else 1 for axis in (1, 2))
    return time, frequency


def _softmax(operator: Operator, source: Tensor, out: Tensor, require: Proof) -> tuple[int, int]:
    require(source.plane == out.plane, "its output has another shape than its input")
    require(out.plane[2] <= MAX_CLASSES, f"has more than {MAX_CLASSES} values")
    require(
        out.scale == np.float32(1 / 256) and out.zero_point == -128 and source.plane[:2] == (1, 1),
        "is not one int8 vector to 1/256 each",
    )
    beta = operator.options.beta
    require(0 < beta <= SCALES[1], "its beta is not a positive number")
    # TensorFlow Lite ends the process where it is too small for its 5.26 bits.
    require(2**-25 < float(source.scale) * beta < 2**10, "its beta and scale are out of range")
    return 1, 1


_KERNELS: dict[str, Callable[[Operator, Tensor, Tensor, Proof], tuple[int, int]]] = {
    "CONV_2D": _convolution,
    "DEPTHWISE_CONV_2D": _depthwise,
    "FULLY_CONNECTED": _fully_connected,
    "AVERAGE_POOL_2D": _pool,
    "MAX_POOL_2D": _pool,
    "MEAN": _mean,
    "SOFTMAX": _softmax,
}


def _padding(
    operator: Operator, source: Tensor, kernel: tuple[int, int], pads: Pads, require: Proof
) -> Pads:
    """Return the padding of a layer; prove that the output's shape follows from it."""
    options, out = operator.options, operator.output
    require(
        all(1 <= size <= MAX_KERNEL for size in (*kernel, *options.stride, *options.dilation)),
        f"a kernel of {kernel} with strides of {options.stride} and dilations of"
        f" {options.dilation} is not 1 to {MAX_KERNEL}",
    )
    require(options.padding in (tflite.Padding.SAME, tflite.Padding.VALID), "its padding is new")
    if options.padding == tflite.Padding.SAME:
        require(pads == NO_PADS, "pads what a PAD has padded")
        rounded_up = [-(-source.plane[axis] // options.stride[axis]) for axis in (0, 1)]
        require(list(out.plane[:2]) == rounded_up, "its output's shape does not follow")
        time, frequency = (
            max(0, (out.plane[axis] - 1) * options.stride[axis] + kernel[axis] - source.plane[axis])
            for axis in (0, 1)
        )
        pads = (time // 2, time - time // 2), (frequency // 2, frequency - frequency // 2)
    for size, sides, width, stride, outputs in zip(
        source.plane, pads, kernel, options.stride, out.plane, strict=False
    ):
        require(max(sides) < width, "pads more than its kernel")
        follows = (size + sum(sides) - width) // stride + 1 == outputs
        require(follows, "its output's shape does not follow")
    average = operator.name in ("AVERAGE_POOL_2D", "MEAN")
    require(not average or pads == NO_PADS, "with padding is not supported")
    return pads


def _scales(operator: Operator, channels: int, require: Proof) -> None:
    """Prove the scales of weights, their zero points and the bias."""
    weights = operator.inputs[1]
    require(not weights.zero_points.any(), "its weights are not symmetric int8")
    count = len(weights.scales)
    require(count in (1, channels) and in_range(weights.scales, 0), "its weights have wrong scales")
    axis = WEIGHT_AXES[operator.name]
    require(count == 1 or weights.channel_axis == axis, "its weights have scales of another axis")
    if len(operator.inputs) > 2:
        constant(operator, 2, INT32, (channels,), "bias values", require)


def same_values(operator: Operator) -> bool:
    """Return whether input and output of an operator that moves values have one quantisation."""
    source, out = operator.inputs[0], operator.output
    return source.scale == out.scale and source.zero_point == out.zero_point


def in_range(scales: npt.NDArray[np.float32], low: float) -> bool:
    """Return whether scales are numbers between low, without 0, and the greatest."""
    return bool(np.all((scales > 0) & (scales >= low) & (scales <= SCALES[1])))


def padding_of(operator: Operator, source: Tensor, require: Proof) -> Pads:
    """Return the padding of time and frequency that a PAD asks for."""
    sides = constant(operator, 1, INT32, (4, 2), "its padding", require).tolist()
    require(not any(sides[0] + sides[3]), "is not one of time and frequency")
    require(all(0 <= side <= MAX_KERNEL for pair in sides for side in pair), "pads too much")
    pads = (sides[1][0], sides[1][1]), (sides[2][0], sides[2][1])
    time_steps, bins, values = source.plane
    expected = (1, time_steps + sum(pads[0]), bins + sum(pads[1]), values)
    require(operator.output.shape == expected, "its output's shape does not follow")
    return pads
