"""Lower an int8 .tflite file to the layers that the C engine runs; refuse the rest by name."""

from __future__ import annotations

import math
from dataclasses import replace
from math import prod

import numpy as np
import numpy.typing as npt
import tflite

from kws.config import MAX_NETWORKS
from kws.engine import elementwise
from kws.engine.elementwise_check import ELEMENTWISE
from kws.engine.model_check import proven
from kws.engine.network import Layer, Network, group_channels, pad_depth
from kws.engine.operator_check import Step
from kws.engine.past_check import no_stream
from kws.engine.requantisation import Channels, channels, exponentials
from kws.engine.tflite_reader import Operator, Tensor
from kws.model_file import ModelFile

NO_WEIGHTS = np.zeros(0, np.int8)
EMPTY = Channels(np.zeros(0, np.int32), np.zeros(0, np.int32), np.zeros(0, np.int8))


def read(content: bytes, where: str) -> Network:
    """Return the network of a .tflite file; `where` names the file in errors.

    Raises:
        KwsError: the engine cannot run it, or the file is damaged.
    """
    first, steps = proven(content, where)
    layers = _layers(steps, where)
    frames, bins, values = first.plane
    return Network(
        no_stream=no_stream(first, steps),
        layers=layers,
        window_frames=frames,
        frame_values=bins * values,
        input_scale=float(first.scale),
        input_zero_point=first.zero_point,
        classes=layers[-1].output_bins * layers[-1].output_channels,
        score_scale=float(steps[-1].output.scale),
    )


def read_all(model: ModelFile) -> list[Network]:
    """Return the networks of a model: one, or those of a committee."""
    names = (model.name, *(f"{model.name}: network {n}" for n in range(2, MAX_NETWORKS + 1)))
    return [read(*each) for each in zip((model.content, *model.networks), names, strict=False)]


def _layers(steps: list[Step], where: str) -> tuple[Layer, ...]:
    """Return the layers of proven operators; what one takes from earlier is kept by another."""
    layers: list[Layer] = []
    keeps: dict[int, int] = {}  # index of the layer that keeps, by that of the step it keeps for
    for index, step in enumerate(steps):
        made: dict[int, int] = {}  # by the time steps that are kept
        for later, adding in enumerate(steps[index:], start=index):
            if adding.added is not None and later - adding.back == index:
                if adding.kernel[0] not in made:
                    made[adding.kernel[0]] = len(layers)
                    layers.append(_keep(adding, adding.added))
                keeps[later] = made[adding.kernel[0]]
        layer = _layer(step, where)
        if index in keeps:
            layer.bias[1] = len(layers) - keeps[index]
        layers.append(layer)
    return tuple(layers)


def _keep(step: Step, kept: Tensor) -> Layer:
    """Return the layer that keeps what a proven operator takes from earlier."""
    _, bins, values = kept.plane
    return Layer(
        kind="KEEP",
        time_kernel=step.kernel[0],
        time_stride=1,
        time_padding_before=step.kernel[0] - 1,  # so that each input gives an output at once
        time_padding_after=0,
        frequency_kernel=1,
        frequency_stride=1,
        frequency_padding=0,
        bins=bins,
        channels=values,
        output_bins=bins,
        output_channels=values,
        zero_point=kept.zero_point,
        output_zero_point=kept.zero_point,
        activation_min=-128,
        activation_max=127,
        weights=NO_WEIGHTS,
        bias=EMPTY.bias,
        multiplier=EMPTY.multiplier,
        shift=EMPTY.shift,
    )


def _layer(step: Step, where: str) -> Layer:
    """Return the layer of a proven operator."""
    operator, source, out = step.operator, step.source, step.output
    kind, weights, quantised = _MAKERS[operator.name](step, f"{where}: {operator.name}")
    (time_stride, frequency_stride), (time_pads, frequency_pads) = (
        operator.options.stride,
        step.pads,
    )
    if step.past:  # the ring begins with what stands for 0, as the variable does
        time_pads = (step.past, 0)
    if step.added is not None:  # as its keep, so that both rings turn together
        time_pads = (step.kernel[0] - 1, time_pads[1])
    low, high = _activation(operator)
    return Layer(
        kind=kind,
        time_kernel=step.kernel[0],
        time_stride=time_stride,
        time_padding_before=time_pads[0],
        time_padding_after=time_pads[1],
        frequency_kernel=step.kernel[1],
        frequency_stride=frequency_stride,
        frequency_padding=frequency_pads[0],
        bins=step.padded[1],
        channels=source.plane[2],
        output_bins=out.plane[1],
        output_channels=out.plane[2],
        zero_point=step.pad_value,
        output_zero_point=out.zero_point,
        activation_min=low,
        activation_max=high,
        weights=np.ascontiguousarray(weights),
        bias=quantised.bias,
        multiplier=quantised.multiplier,
        shift=quantised.shift,
    )


Lowered = tuple[str, npt.NDArray[np.int8], Channels]  # kind, weights, requantisation


def _dense(step: Step, where: str) -> Lowered:
    """Lower a convolution, or a fully connected layer, whose kernel is the whole plane."""
    weights = step.operator.constant(1, where)
    if step.operator.name == "CONV_2D":
        weights = _dilated(weights, step)
    matrix = weights.reshape(len(weights), -1)
    return "CONVOLUTION", pad_depth(matrix), _channels(step.operator, step.source, matrix, where)


def _depthwise(step: Step, where: str) -> Lowered:
    weights = step.operator.constant(1, where)
    matrix = _dilated(weights, step).reshape(-1, weights.shape[3]).T
    quantised = _channels(step.operator, step.source, matrix, where)
    if step.source.plane[2] == 1:  # every output channel sees the one input channel
        return "CONVOLUTION", pad_depth(matrix), quantised
    return "DEPTHWISE", group_channels(matrix), quantised


def _dilated(weights: npt.NDArray[np.int8], step: Step) -> npt.NDArray[np.int8]:
    """Return weights [_, time, frequency, _] with the zeros between taps that dilation means."""
    time, frequency = step.operator.options.dilation
    if (time, frequency) == (1, 1):
        return weights
    wide = np.zeros((weights.shape[0], *step.kernel, weights.shape[3]), np.int8)
    wide[:, ::time, ::frequency] = weights
    return wide


def _average(step: Step, where: str) -> Lowered:
    return "AVERAGE", NO_WEIGHTS, EMPTY


def _maximum(step: Step, where: str) -> Lowered:
    return "MAXIMUM", NO_WEIGHTS, EMPTY


def _mean(step: Step, where: str) -> Lowered:
    return "MEAN", NO_WEIGHTS, elementwise.mean(step.source, step.output, prod(step.kernel), where)


def _softmax(step: Step, where: str) -> Lowered:
    table = exponentials(float(step.source.scale), step.operator.options.beta)
    return "SOFTMAX", NO_WEIGHTS, replace(EMPTY, bias=table)


def _addition(step: Step, where: str) -> Lowered:
    return "ADD", elementwise.factors_or_summands(step), elementwise.addition(step)


def _multiplication(step: Step, where: str) -> Lowered:
    return "MULTIPLY", elementwise.factors_or_summands(step), elementwise.multiplication(step)


def _join(step: Step, where: str) -> Lowered:
    return "JOIN", NO_WEIGHTS, replace(EMPTY, bias=np.array([step.other_first, 0], np.int32))


def _recall(step: Step, where: str) -> Lowered:
    return "RECALL", NO_WEIGHTS, replace(EMPTY, bias=np.zeros(2, np.int32))


def _table(step: Step, where: str) -> Lowered:
    return "TABLE", elementwise.table(step), EMPTY


_MAKERS = {
    "CONV_2D": _dense,
    "DEPTHWISE_CONV_2D": _depthwise,
    "FULLY_CONNECTED": _dense,
    "AVERAGE_POOL_2D": _average,
    "MAX_POOL_2D": _maximum,
    "MEAN": _mean,
    "ADD": _addition,
    "MUL": _multiplication,
    "CONCATENATION": _join,
    "RECALL": _recall,
    **dict.fromkeys(ELEMENTWISE, _table),
    "SOFTMAX": _softmax,
}


def _channels(
    operator: Operator, source: Tensor, matrix: npt.NDArray[np.int8], where: str
) -> Channels:
    """Return bias, with the input's zero point folded in, and multipliers, per output channel."""
    weights, out = operator.inputs[1], operator.output
    scales = np.broadcast_to(weights.scales, len(matrix))
    product = np.float64(source.scale) * scales.astype(np.float64)
    if operator.name == "FULLY_CONNECTED" and len(weights.scales) == 1:
        product = (source.scale * scales).astype(np.float64)  # as TensorFlow Lite: in binary32
    bias = -matrix.sum(axis=1, dtype=np.int64) * source.zero_point
    if len(operator.inputs) > 2:
        bias += operator.constant(2, where)
    return channels(matrix, bias, product / np.float64(out.scale), out.zero_point, where)


def _activation(operator: Operator) -> tuple[int, int]:
    """Return the int8 range of the fused activation (CalculateActivationRangeQuantized)."""
    kinds, out, kind = tflite.ActivationFunctionType, operator.output, operator.options.activation
    low = -128 if kind == kinds.NONE else max(-128, out.zero_point)
    six = out.zero_point + math.floor(float(np.float32(6) / out.scale) + 0.5)  # ties: upwards
    return low, min(127, six) if kind == kinds.RELU6 else 127
