"""Lower an int8 .tflite file to the layers that the C engine runs; refuse the rest by name."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import tflite

from kws.engine.network import MAX_LAYERS, Layer, Network, group_channels, pad_depth
from kws.engine.requantisation import Channels, channels, exponentials
from kws.engine.tflite_reader import INT8, Operator, Tensor, chain, readable
from kws.errors import KwsError

Pads = tuple[tuple[int, int], tuple[int, int]]  # (before, after) along time, along frequency
NO_PADS: Pads = ((0, 0), (0, 0))
PADDING = ("time_padding_before", "time_padding_after", "frequency_padding")
EMPTY = Channels(np.zeros(0, np.int32), np.zeros(0, np.int32), np.zeros(0, np.int8))


def read(content: bytes, where: str) -> Network:
    """Return the network of a .tflite file; `where` names the file in errors.

    Raises:
        KwsError: the engine cannot run it, or the file is damaged.
    """
    first, operators = chain(content, where)
    layers: list[Layer] = []
    current, pads = first, NO_PADS
    with readable(where):
        for operator in operators:
            out = operator.output
            if operator.name in ("RESHAPE", "SQUEEZE"):
                current = _reshaped(operator, current, where)
            elif operator.name == "PAD" and pads == NO_PADS:
                pads = _pads(operator, where)
                current = replace(out, shape=current.shape)
            else:
                layers.append(_layer(operator, current, pads, where))
                current, pads = out, NO_PADS
    if not 1 <= len(layers) <= MAX_LAYERS or pads != NO_PADS:
        raise KwsError(f"{where}: {len(layers)} layers are not 1 to {MAX_LAYERS}")
    frames, bins, values = first.plane
    return Network(
        layers=tuple(layers),
        window_frames=frames,
        frame_values=bins * values,
        input_scale=float(first.scale),
        input_zero_point=first.zero_point,
        classes=layers[-1].output_bins * layers[-1].output_channels,
        score_scale=float(current.scale),
    )


def _reshaped(operator: Operator, source: Tensor, where: str) -> Tensor:
    """Return the output of an operator that moves no value; a flat one keeps its source's plane."""
    out = operator.output
    if np.prod(out.shape) != np.prod(source.shape):
        raise KwsError(f"{where}: {operator.name} changes the number of values")
    if len(out.shape) < 4:
        return replace(out, shape=source.shape)
    if out.plane[0] != source.plane[0]:
        raise KwsError(f"{where}: {operator.name} along time is not supported")
    return out


def _layer(operator: Operator, source: Tensor, pads: Pads, where: str) -> Layer:
    """Return the layer of an operator that computes; pads: of the PAD before it."""
    makers = {
        "CONV_2D": (_convolution, "CONVOLUTION"),
        "DEPTHWISE_CONV_2D": (_depthwise, "DEPTHWISE"),
        "FULLY_CONNECTED": (_fully_connected, "CONVOLUTION"),
        "AVERAGE_POOL_2D": (_average, "AVERAGE"),
        "SOFTMAX": (_softmax, "SOFTMAX"),
    }
    if operator.name not in makers:
        raise KwsError(f"{where}: operator {operator.name} is not supported")
    where = f"{where}: {operator.name}"
    if source.type != INT8 or operator.output.type != INT8:
        raise KwsError(f"{where} is not int8")
    maker, kind = makers[operator.name]
    if kind == "DEPTHWISE" and source.plane[2] == 1:
        kind = "CONVOLUTION"
    shape, weights, quantised = maker(operator, source, pads, where)
    out = operator.output
    if operator.name == "FULLY_CONNECTED":
        out = replace(out, shape=(1, 1, 1, out.shape[-1]))
    bins = shape.pop("bins", source.plane[1])
    _check_sizes(shape, (bins, source.plane[2], *out.plane[1:]), where)
    low, high = _activation(operator, where)
    return Layer(
        kind=kind,
        **shape,
        bins=bins,
        channels=source.plane[2],
        output_bins=out.plane[1],
        output_channels=out.plane[2],
        zero_point=source.zero_point,
        output_zero_point=out.zero_point,
        activation_min=low,
        activation_max=high,
        weights=np.ascontiguousarray(weights),
        bias=quantised.bias,
        multiplier=quantised.multiplier,
        shift=quantised.shift,
    )


def _check_sizes(shape: dict[str, int], sizes: tuple[int, ...], where: str) -> None:
    """Refuse what does not fit the fields of kws_layer, and padding that a kernel does not need."""
    if max(shape.values()) > 255 or max(sizes) > 65535 or min(sizes) < 1:
        raise KwsError(f"{where} is too large for the engine")
    if shape["time_padding_before"] >= shape["time_kernel"]:
        raise KwsError(f"{where} pads more than its kernel")


def _expect(fits: bool, where: str) -> None:
    """Refuse weights that do not fit."""
    if not fits:
        raise KwsError(f"{where}: its weights do not fit its input and output")


Lowered = tuple[dict[str, int], npt.NDArray[np.int8], Channels]


def _convolution(operator: Operator, source: Tensor, pads: Pads, where: str) -> Lowered:
    weights = operator.constant(1, where)
    matrix = weights.reshape(len(weights), -1)
    _expect(weights.shape[3] == source.plane[2], where)
    shape = _shape(operator, source, pads, weights.shape[1:3], where)
    return shape, pad_depth(matrix), _channels(operator, source, matrix, where)


def _depthwise(operator: Operator, source: Tensor, pads: Pads, where: str) -> Lowered:
    weights = operator.constant(1, where)
    matrix = weights.reshape(-1, weights.shape[3]).T
    shape = _shape(operator, source, pads, weights.shape[1:3], where)
    quantised = _channels(operator, source, matrix, where)
    if source.plane[2] == 1:  # every output channel sees the one input channel
        return shape, pad_depth(matrix), quantised
    if len(matrix) != source.plane[2]:
        raise KwsError(f"{where} multiplies channels, which is not supported")
    return shape, group_channels(matrix), quantised


def _fully_connected(operator: Operator, source: Tensor, pads: Pads, where: str) -> Lowered:
    """Lower a fully connected layer to a convolution whose kernel is the whole plane."""
    weights = operator.constant(1, where)
    time_steps, bins, values = source.plane
    if weights.shape[1] != time_steps * bins * values or pads != NO_PADS:
        raise KwsError(f"{where} does not fit its input")
    shape = _ones(time_kernel=time_steps, frequency_kernel=bins)
    return shape, pad_depth(weights), _channels(operator, source, weights, where)


def _average(operator: Operator, source: Tensor, pads: Pads, where: str) -> Lowered:
    kernel = (operator.options.FilterHeight(), operator.options.FilterWidth())
    shape = _shape(operator, source, pads, kernel, where)
    if any(shape[side] for side in PADDING):
        raise KwsError(f"{where} with padding is not supported")
    return shape, np.zeros(0, np.int8), EMPTY


def _softmax(operator: Operator, source: Tensor, pads: Pads, where: str) -> Lowered:
    out = operator.output
    if out.scale != np.float32(1 / 256) or out.zero_point != -128 or source.plane[:2] != (1, 1):
        raise KwsError(f"{where} is not one int8 vector to 1/256 each")
    table = exponentials(float(source.scale), operator.options.Beta())
    return _ones(), np.zeros(0, np.int8), replace(EMPTY, bias=table)


def _pads(operator: Operator, where: str) -> Pads:
    """Return the padding of time and frequency that a PAD asks for."""
    sides = operator.constant(1, where).reshape(4, 2).tolist()
    if any(sides[0] + sides[3]):
        raise KwsError(f"{where}: a PAD is not one of time and frequency")
    return (sides[1][0], sides[1][1]), (sides[2][0], sides[2][1])


def _ones(**numbers: int) -> dict[str, int]:
    """Return the shape of a layer: kernels and strides of 1, no padding; `numbers` override it."""
    ones = ("time_kernel", "time_stride", "frequency_kernel", "frequency_stride")
    return dict.fromkeys(ones, 1) | dict.fromkeys(PADDING, 0) | numbers


def _shape(
    operator: Operator, source: Tensor, pads: Pads, kernel: tuple[int, ...], where: str
) -> dict[str, int]:
    """Return kernel, stride and padding along both axes."""
    options, out = operator.options, operator.output
    dilated = operator.name != "AVERAGE_POOL_2D" and (
        options.DilationHFactor() != 1 or options.DilationWFactor() != 1
    )
    if dilated:
        raise KwsError(f"{where} with dilation is not supported")
    strides = (options.StrideH(), options.StrideW())
    if options.Padding() == tflite.Padding.SAME:
        if pads != NO_PADS:
            raise KwsError(f"{where} pads what a PAD has padded")
        time, frequency = (
            max(0, (out.plane[axis] - 1) * strides[axis] + kernel[axis] - source.plane[axis])
            for axis in (0, 1)
        )
        pads = (time // 2, time - time // 2), (frequency // 2, frequency - frequency // 2)
    for axis in (0, 1):
        size = source.plane[axis] + sum(pads[axis])
        if (size - kernel[axis]) // strides[axis] + 1 != out.plane[axis]:
            raise KwsError(f"{where}: its output's shape does not follow")
    return _ones(
        time_kernel=kernel[0],
        frequency_kernel=kernel[1],
        time_stride=strides[0],
        frequency_stride=strides[1],
        time_padding_before=pads[0][0],
        time_padding_after=pads[0][1],
        frequency_padding=pads[1][0],
        bins=source.plane[1] + sum(pads[1]),
    )


def _channels(
    operator: Operator, source: Tensor, matrix: npt.NDArray[np.int8], where: str
) -> Channels:
    """Return bias, with the input's zero point folded in, and multipliers, per output channel."""
    weights, out = operator.inputs[1], operator.output
    if weights.type != INT8 or weights.zero_point != 0:
        raise KwsError(f"{where}: its weights are not symmetric int8")
    _expect(len(matrix) == out.shape[-1] and len(weights.scales) in (1, len(matrix)), where)
    scales = np.broadcast_to(weights.scales, len(matrix))
    product = np.float64(source.scale) * scales.astype(np.float64)
    if operator.name == "FULLY_CONNECTED" and len(weights.scales) == 1:
        product = (source.scale * scales).astype(np.float64)  # as TensorFlow Lite: in binary32
    bias = -matrix.sum(axis=1, dtype=np.int64) * source.zero_point
    if len(operator.inputs) > 2:
        bias += operator.constant(2, where)
    return channels(matrix, bias, product / np.float64(out.scale), out.zero_point, where)


def _activation(operator: Operator, where: str) -> tuple[int, int]:
    """Return the int8 range of the fused activation (CalculateActivationRangeQuantized)."""
    kinds, out = tflite.ActivationFunctionType, operator.output
    kind = kinds.NONE
    if operator.name != "SOFTMAX":
        kind = operator.options.FusedActivationFunction()
    if kind not in (kinds.NONE, kinds.RELU, kinds.RELU6):
        raise KwsError(f"{where}: its activation is not supported")
    low = -128 if kind == kinds.NONE else max(-128, out.zero_point)
    six = out.zero_point + round(float(np.float32(6) / out.scale))
    return low, min(127, six) if kind == kinds.RELU6 else 127
