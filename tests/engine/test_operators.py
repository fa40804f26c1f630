"""Test that operators of other makers' models score windows as the reference kernels do."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from itertools import product
from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from conftest import skip_without

skip_without("TensorFlow, whose schema is needed", find_spec("tensorflow"))

from broadcast_models import broadcast_model, excited_model  # noqa: E402
from dilated_models import dilated_model, spread  # noqa: E402
from hostile_models import Network, other_model, packed, with_settings  # noqa: E402

from kws.ds_cnn import open_interpreter  # noqa: E402
from kws.engine.lowering import read  # noqa: E402
from kws.engine.model_check import proven  # noqa: E402
from kws.engine.native import AVAILABLE  # noqa: E402
from kws.engine.network import Network as Plan  # noqa: E402
from kws.engine.network import plan  # noqa: E402
from kws.engine.network_values import network_values  # noqa: E402
from kws.engine.step_writer import rewritten  # noqa: E402
from kws.errors import KwsError  # noqa: E402

Int8 = npt.NDArray[np.int8]
Build = Callable[[], Any]

CONV = {"padding": 0, "strideH": 1, "strideW": 1, "dilationHFactor": 1, "dilationWFactor": 1}
VALID, RELU = {"padding": 1}, {"fusedActivationFunction": 1}
WHOLE = {"filterHeight": 12, "filterWidth": 6, "strideH": 12, "strideW": 6}
POOL_OF_EIGHT = {"filterHeight": 1, "filterWidth": 8, "strideH": 1, "strideW": 8, "padding": 1}


def windows(shape: tuple[int, ...], count: int = 40) -> Int8:
    """Return windows of every loudness, whose extremes saturate."""
    random = np.random.default_rng(7)
    loudness = np.geomspace(1, 200, count).reshape(-1, *(1,) * len(shape))
    return random.normal(0, loudness, (count, *shape)).clip(-128, 127).astype(np.int8)


def reference(content: bytes, inputs: Int8) -> Int8:
    """Return the outputs of the reference kernels, [n, values]."""
    network = open_interpreter(content)
    network.allocate_tensors()
    (source,), (result,) = network.get_input_details(), network.get_output_details()
    outputs = []
    for window in inputs:
        network.set_tensor(source["index"], window[None].reshape(source["shape"]))
        network.invoke()
        outputs.append(network.get_tensor(result["index"]).reshape(-1).copy())
    return np.array(outputs)


def in_c(network: Plan, inputs: Int8) -> Int8:
    """Return the outputs of the C engine of this machine, in window mode, [n, classes]."""
    from kws.engine.native import ffi, lib
    from kws.engine.native_struct import NativeStruct

    memory = plan(network)
    struct = NativeStruct("kws_network", network_values(network, memory))
    ds_cnn, area = ffi.new("kws_ds_cnn *"), ffi.new("uint32_t[]", memory.total // 4)
    lib.kws_ds_cnn_init(ds_cnn, struct.pointer, area)
    outputs = np.empty((len(inputs), network.classes), np.int8)
    for window, output in zip(inputs, outputs, strict=True):
        values = ffi.from_buffer("int8_t[]", np.ascontiguousarray(window))
        lib.kws_ds_cnn_window(ds_cnn, values, ffi.from_buffer("int8_t[]", output))
    return outputs


def compare(net: Network, varied: bool = True) -> Plan:
    """Assert that the engine and the file as kws writes it give the reference's outputs."""
    content = packed(net.model)
    shape = tuple(int(n) for n in net.graph.tensors[net.graph.inputs[0]].shape[1:])
    inputs = windows(shape)
    expected = reference(content, inputs)
    assert len(np.unique(expected, axis=0)) > len(expected) / 2 or not varied
    network = read(content, "x")
    if AVAILABLE:
        np.testing.assert_array_equal(in_c(network, inputs), expected)
    again = rewritten(*proven(content, "x"))
    np.testing.assert_array_equal(reference(again, inputs), expected)
    return network


def new(shape: tuple[int, ...], seed: int = 1) -> Network:
    return Network(shape, np.random.default_rng(seed))


def likely(net: Network, depth: int) -> float:
    """Return a scale for sums of so many random products that saturates few of them."""
    return 0.7 * float(net.graph.tensors[net.last].quantization.scale[0]) * depth**0.5


def convolve(net: Network, shape: tuple[int, ...], kernel: tuple[int, int], **values: Any) -> None:
    """Add a convolution to the shape of its output."""
    depth = net.graph.tensors[net.last].shape[3]
    weights = net.weights(shape[3], *kernel, depth, channels=shape[3])
    values = {"scale": likely(net, prod(kernel) * depth)} | values
    net.add("CONV_2D", shape, weights, "Conv2DOptions", **CONV | values)


def reshape(net: Network, shape: tuple[int, ...]) -> None:
    net.add("RESHAPE", shape, [], "ReshapeOptions", newShape=np.array(shape, np.int32))


def classify(net: Network, classes: int = 4) -> None:
    """Add a fully connected layer and a softmax."""
    values = prod(int(n) for n in net.graph.tensors[net.last].shape)
    reshape(net, (1, values))
    weights = net.weights(classes, values, channels=classes)
    scale = likely(net, values)
    net.add("FULLY_CONNECTED", (1, classes), weights, "FullyConnectedOptions", scale=scale, zero=3)
    probabilities = {"beta": 0.03 / scale, "scale": 1 / 256, "zero": -128}
    net.add("SOFTMAX", (1, classes), [], "SoftmaxOptions", **probabilities)


def micro_speech() -> Network:
    """Return a network of the shape of TFLM's micro_speech: its window comes flat."""
    net = new((1, 1960))
    reshape(net, (1, 49, 40, 1))
    options = CONV | RELU | {"strideH": 2, "strideW": 2, "depthMultiplier": 8, "scale": 0.2}
    weights = net.weights(1, 10, 8, 8, channels=8)
    net.add("DEPTHWISE_CONV_2D", (1, 25, 20, 8), weights, "DepthwiseConv2DOptions", **options)
    classify(net)
    return net


def arm_ds_cnn() -> Network:
    """Return a network of the shape of Arm's DS-CNN (small)."""
    net = new((1, 490))
    reshape(net, (1, 49, 10, 1))
    convolve(net, (1, 25, 5, 64), (10, 4), **RELU, strideH=2, strideW=2)
    for _ in range(4):
        weights = net.weights(1, 3, 3, 64, channels=64)
        options = CONV | RELU | {"depthMultiplier": 1, "scale": 0.1}
        net.add("DEPTHWISE_CONV_2D", (1, 25, 5, 64), weights, "DepthwiseConv2DOptions", **options)
        convolve(net, (1, 25, 5, 64), (1, 1), **RELU)
    pool = VALID | {"filterHeight": 25, "filterWidth": 5, "strideH": 25, "strideW": 5}
    net.add("AVERAGE_POOL_2D", (1, 1, 1, 64), [], "Pool2DOptions", **pool)
    classify(net, 12)
    return net


def residual(swapped: bool = False) -> Network:
    """Return a network that adds what came five time steps before, itself, and no step before."""
    net = new((1, 12, 6, 1))
    convolve(net, (1, 12, 6, 4), (3, 3), **RELU)
    kept = net.last
    convolve(net, (1, 12, 6, 8), (7, 3), **RELU)
    convolve(net, (1, 12, 6, 4), (5, 3), zero=7)
    net.add("ADD", (1, 12, 6, 4), [kept], "AddOptions", scale=0.09, zero=-11, **RELU)
    if swapped:
        inputs = net.graph.operators[-1].inputs
        net.graph.operators[-1].inputs = inputs[::-1].copy()
    kept = net.last
    net.add("ADD", (1, 12, 6, 4), [kept], "AddOptions", scale=0.2, zero=3)  # with itself
    convolve(net, (1, 12, 6, 4), (1, 3), scale=0.7)
    net.add(
        "ADD", (1, 12, 6, 4), [kept], "AddOptions", scale=0.8, zero=0, fusedActivationFunction=3
    )
    classify(net)
    return net


def branched() -> Network:
    """Return a network of two branches, each of several time steps, and of the source itself."""
    net = new((1, 12, 6, 2))
    source = net.last
    convolve(net, (1, 12, 6, 4), (5, 3), **RELU)
    convolve(net, (1, 12, 6, 4), (3, 3), scale=0.3)
    first, net.last = net.last, source
    convolve(net, (1, 12, 6, 4), (3, 1), scale=0.2)
    net.add("ADD", (1, 12, 6, 4), [first], "AddOptions", scale=0.4, zero=-3, **RELU)
    second, net.last = net.last, source
    convolve(net, (1, 12, 6, 4), (1, 1), scale=0.2)
    net.add("ADD", (1, 12, 6, 4), [second], "AddOptions", scale=0.5, zero=2)
    convolve(net, (1, 6, 6, 3), (3, 1), strideH=2)
    classify(net)
    return net


def join(net: Network, inputs: list[int], shape: tuple[int, ...], axis: int = 3) -> None:
    """Join the channels of tensors of one scale to a shape."""
    net.last = inputs[0]
    net.add("CONCATENATION", shape, inputs[1:], "ConcatenationOptions", axis=axis)


def multiply(net: Network, factor: int, shape: tuple[int, ...], **values: Any) -> None:
    net.add("MUL", shape, [factor], "MulOptions", **values)


def joined() -> Network:
    """Return a network that joins branches of several delays and the source, in every order."""
    net = new((1, 12, 6, 2))
    source, branches = net.last, []
    net.graph.tensors[source].quantization.scale[0] = 0.2
    for channels, kernel in ((3, (5, 3)), (1, (1, 1)), (2, (3, 1))):
        net.last = source
        convolve(net, (1, 12, 6, channels), kernel, scale=0.2)
        branches.append(net.last)
    join(net, [branches[0], source, branches[2], branches[1]], (1, 12, 6, 8), axis=-1)
    convolve(net, (1, 12, 6, 4), (3, 3), **RELU)
    first, net.last = net.last, source
    convolve(net, (1, 12, 6, 4), (1, 1), zero=-1, **RELU)
    net.graph.tensors[net.last].quantization = net.graph.tensors[first].quantization
    join(net, [net.last, first, net.last], (1, 12, 6, 12))
    convolve(net, (1, 6, 6, 3), (3, 1), strideH=2)
    classify(net)
    return net


def multiplied(swapped: bool) -> Network:
    """Return a network of products: with another branch, one bin or channel of it, and itself."""
    net = new((1, 12, 6, 4))
    source = net.last
    convolve(net, (1, 12, 6, 4), (5, 3), zero=9)
    multiply(net, source, (1, 12, 6, 4), scale=0.1, zero=3, **RELU)
    product = net.last
    convolve(net, (1, 12, 6, 1), (1, 3), zero=-4)
    net.add("LOGISTIC", (1, 12, 6, 1), [], "", scale=1 / 256, zero=-128)
    multiply(net, product, (1, 12, 6, 4), scale=0.08, zero=-7)
    inputs = net.graph.operators[-1].inputs
    net.graph.operators[-1].inputs = inputs[::-1].copy() if swapped else inputs
    product = net.last
    convolve(net, (1, 12, 1, 4), (1, 6), padding=1, zero=5)
    multiply(net, product, (1, 12, 6, 4), scale=0.3, zero=0, fusedActivationFunction=3)
    multiply(net, net.last, (1, 12, 6, 4), scale=0.9, zero=1)
    classify(net)
    return net


def mean(net: Network, shape: tuple[int, ...], axes: list[int], **values: Any) -> None:
    """Add a mean over axes to the shape of its output, whose scale is that of few values."""
    over = net.tensor((len(axes),), 0, 0, np.array(axes, np.int32))
    values = {"keepDims": True, "scale": 0.02} | values
    net.add("MEAN", shape, [over], "ReducerOptions", **values)


def gate(net: Network, shape: tuple[int, ...]) -> int:
    """Add two convolutions of single bins and a sigmoid; return what that gives, as a factor."""
    convolve(net, (*shape[:3], 3), (1, 1), zero=-30, **RELU)
    convolve(net, shape, (1, 1), zero=6)
    net.add("LOGISTIC", shape, [], "", scale=1 / 256, zero=-128)
    return net.last


def excited(swapped: bool) -> Network:
    """Return a network with squeeze-and-excitation in blocks, strided, residual and in parallel."""
    net = new((1, 13, 6, 1))
    convolve(net, (1, 13, 6, 4), (3, 3), zero=-9)
    plane = net.last
    convolve(net, (1, 13, 6, 4), (5, 3), zero=7)
    source = net.last
    mean(net, (1, 1, 1, 4), [1, 2], zero=4)
    factor, net.last = gate(net, (1, 1, 1, 4)), source
    multiply(net, factor, (1, 13, 6, 4), scale=0.06, zero=3)
    if swapped:
        inputs = net.graph.operators[-1].inputs
        net.graph.operators[-1].inputs = inputs[::-1].copy()
    convolve(net, (1, 13, 6, 4), (3, 1), zero=-2)
    net.add("ADD", (1, 13, 6, 4), [plane], "AddOptions", scale=0.3, zero=-5, **RELU)
    convolve(net, (1, 7, 3, 5), (3, 3), strideH=2, strideW=2)
    source = net.last
    mean(net, (1, 1, 3, 5), [1], scale=0.05)  # of time alone: a factor for each bin
    factor, net.last = gate(net, (1, 1, 3, 5)), source
    convolve(net, (1, 7, 3, 5), (3, 1))  # comes after the factor
    multiply(net, factor, (1, 7, 3, 5), scale=0.1, zero=1)
    product, net.last = net.last, source
    convolve(net, (1, 7, 3, 1), (1, 1))
    net.add("LOGISTIC", (1, 7, 3, 1), [], "", scale=1 / 256, zero=-128)
    spatial, net.last = net.last, source
    multiply(net, spatial, (1, 7, 3, 5), scale=0.1, zero=1)
    net.add("ADD", (1, 7, 3, 5), [product], "AddOptions", scale=0.2, zero=9)
    classify(net)
    return net


def flatly_excited() -> Network:
    """Return a network whose factors and summands are fully connected, and come after a pool."""
    net = new((1, 12, 6, 2))
    convolve(net, (1, 12, 6, 4), (4, 3), **RELU)
    for name in ("MUL", "ADD"):
        source = net.last
        net.add("MAX_POOL_2D", (1, 1, 1, 4), [], "Pool2DOptions", **VALID | WHOLE)
        reshape(net, (1, 4))
        scale = likely(net, 4)
        weights = net.weights(4, 4, channels=4)
        net.add("FULLY_CONNECTED", (1, 4), weights, "FullyConnectedOptions", scale=scale, zero=-8)
        factor, net.last = net.last, source
        net.add(name, (1, 12, 6, 4), [factor], f"{name.title()}Options", scale=scale, zero=5)
    convolve(net, (1, 10, 6, 3), (3, 1), **VALID)
    classify(net)
    return net


def broadcast(swapped: bool) -> Network:
    """Return a network with sums as BC-ResNet has them: of a plane and of what its bins give."""
    net = new((1, 12, 6, 1))
    convolve(net, (1, 12, 6, 4), (3, 3), **RELU)
    for dilation in (1, 2):
        shortcut = net.last
        convolve(net, (1, 12, 6, 4), (1, 3), zero=3)
        plane = net.last
        mean(net, (1, 12, 1, 4), [2], scale=0.05)
        options = CONV | {"depthMultiplier": 1, "scale": 0.05, "dilationHFactor": dilation}
        weights = net.weights(1, 3, 1, 4, channels=4)
        net.add("DEPTHWISE_CONV_2D", (1, 12, 1, 4), weights, "DepthwiseConv2DOptions", **options)
        convolve(net, (1, 12, 1, 4), (1, 1), zero=-6)
        net.add("ADD", (1, 12, 6, 4), [plane], "AddOptions", scale=0.2, zero=-11)
        if swapped:
            inputs = net.graph.operators[-1].inputs
            net.graph.operators[-1].inputs = inputs[::-1].copy()
        net.add("ADD", (1, 12, 6, 4), [shortcut], "AddOptions", scale=0.25, zero=-100, **RELU)
    plane = net.last
    convolve(net, (1, 12, 6, 1), (1, 1), scale=0.2)  # of a single channel
    net.add("ADD", (1, 12, 6, 4), [plane], "AddOptions", scale=0.3, zero=-20)
    classify(net)
    return net


def constants() -> Network:
    """Return a network that adds and multiplies by constants of every shape."""
    net = new((1, 12, 6, 4))
    for number, shape in enumerate([(4,), (1, 1, 6, 1), (6, 4), (1,), (1, 1, 1, 4), ()]):
        values = net.random.integers(-128, 128, shape or None).astype(np.int8)
        other = net.tensor(shape, 0.02, 5 * number - 60, np.asarray(values, np.int8))
        name, options = (("MUL", "MulOptions"), ("ADD", "AddOptions"))[number % 2]
        net.add(name, (1, 12, 6, 4), [other], options, scale=0.05 + 0.02 * number, zero=number)
        if number > 3:
            operator = net.graph.operators[-1]
            operator.inputs = operator.inputs[::-1].copy()
    classify(net)
    return net


def reshaped() -> Network:
    """Return a network whose bins become channels, and channels bins."""
    net = new((1, 12, 6, 2))
    convolve(net, (1, 12, 6, 4), (3, 3), **RELU)
    source = net.last
    reshape(net, (1, 12, 4, 6))
    convolve(net, (1, 12, 4, 6), (3, 3), scale=0.2)
    reshape(net, (1, 12, 6, 4))
    net.add("ADD", (1, 12, 6, 4), [source], "AddOptions", scale=0.3, zero=-3)
    reshape(net, (1, 12, 24, 1))
    net.add("MAX_POOL_2D", (1, 12, 3, 1), [], "Pool2DOptions", **POOL_OF_EIGHT)
    classify(net)
    return net


def reused() -> Network:
    """Return a network that multiplies a plane, whose bins became channels, by itself twice."""
    net = new((1, 12, 6, 2))
    convolve(net, (1, 12, 1, 3), (1, 6), padding=1)
    factor = net.tensor((), 0.02, 5, np.asarray(77, np.int8))
    multiply(net, factor, (1, 12, 1, 3), scale=0.3, zero=2)
    reshape(net, (1, 12, 3, 1))
    plane = net.last
    for scale in (0.3, 0.9):
        multiply(net, plane, (1, 12, 3, 1), scale=scale, zero=-5)
    classify(net)
    return net


def pooled(keep: bool) -> Network:
    """Return a network with maxima over padded and whole kernels, and means of one and two axes."""
    net = new((1, 13, 9, 1))
    convolve(net, (1, 13, 9, 6), (3, 3), zero=5)
    pool = {"filterHeight": 3, "filterWidth": 4, "strideH": 2, "strideW": 2}
    net.add("MAX_POOL_2D", (1, 7, 5, 6), [], "Pool2DOptions", padding=0, **pool)
    pool |= {"filterWidth": 2, "fusedActivationFunction": 1}
    net.add("MAX_POOL_2D", (1, 3, 2, 6), [], "Pool2DOptions", padding=1, **pool)
    axes = net.tensor((1,), 0, 0, np.array([2], np.int32))
    options = {"keepDims": True, "scale": 0.031, "zero": 2}
    net.add("MEAN", (1, 3, 1, 6), [axes], "ReducerOptions", **options)
    axes = net.tensor((2,), 0, 0, np.array([2, -3], np.int32))
    shape = (1, 1, 1, 6) if keep else (1, 6)
    net.add("MEAN", shape, [axes], "ReducerOptions", keepDims=keep, scale=0.02, zero=-3)
    return net


def averaged(shape: tuple[int, ...], axes: list[int] | int) -> Network:
    """Return a network of a mean over axes or, as TensorFlow writes it, over a single one."""
    net = new((1, *shape))
    values = np.array(axes, np.int32)
    inputs = [net.tensor(values.shape, 0, 0, values)]
    over = np.atleast_1d(values)
    result = [1 if axis in over else size for axis, size in enumerate((1, *shape))]
    net.add("MEAN", tuple(result), inputs, "ReducerOptions", keepDims=True, scale=0.03, zero=5)
    classify(net)
    return net


def streamed(last: str, kernel: tuple[int, int], stride: int) -> bytes:
    """Return a model whose layers after the first are a mean, or one fully connected one.

    kernel: of the first; its output has 8 - time time steps and 11 - frequency bins.
    """
    net = new((1, 7, 10, 1))
    time, bins = (8 - kernel[0] + stride - 1) // stride, 11 - kernel[1]
    convolve(net, (1, time, bins, 4), kernel, **VALID, strideH=stride, scale=1.0)
    if last == "MEAN":
        axes = net.tensor((2,), 0, 0, np.array([1, 2], np.int32))
        net.add("MEAN", (1, 1, 1, 4), [axes], "ReducerOptions", keepDims=True, scale=0.4)
        convolve(net, (1, 1, 1, 3), (1, 1), **VALID, scale=0.5)
    else:
        values = 4 * time * bins
        reshape(net, (1, values))
        weights = net.weights(3, values, channels=3)
        net.add("FULLY_CONNECTED", (1, 3), weights, "FullyConnectedOptions", scale=4.0)
    return with_settings(net, stride)


def dilated(padding: int) -> Network:
    """Return a network with dilation along time, along frequency and along both."""
    net, (time, bins) = new((1, 20, 12, 1)), (20, 12)
    for time_dilation, bin_dilation in ((1, 2), (3, 1), (2, 2)):
        if padding == 1:
            time, bins = time - 2 * time_dilation, bins - 2 * bin_dilation
        dilation = {"dilationHFactor": time_dilation, "dilationWFactor": bin_dilation}
        options = dilation | {"padding": padding} | RELU
        convolve(net, (1, time, bins, 8), (3, 3), **options)
    depthwise = CONV | dilation | {"dilationHFactor": 4, "depthMultiplier": 1, "scale": 0.1}
    weights = net.weights(1, 2, 2, 8, channels=8)
    shape = (1, time, bins, 8)
    net.add("DEPTHWISE_CONV_2D", shape, weights, "DepthwiseConv2DOptions", **depthwise)
    classify(net)
    return net


def spread_out(known: bool) -> Network:
    """Return a network of dilations that are written as SPACE_TO_BATCH_ND and BATCH_TO_SPACE_ND.

    known: the file says how many batches there are between them; TensorFlow's converter may not.
    """
    net = new((1, 20, 12, 1))
    spread(net, (2, 3), [(2, 2), (3, 3)], [(0, 0), (0, 0)])  # as "same" pads
    spread(net, (3, 1), [(0, 1), (0, 0)], [(0, 1), (0, 0)], (3, 1), "DEPTHWISE_CONV_2D")
    spread(net, (4, 1), [(1, 1), (0, 0)], [(1, 0), (0, 0)], (2, 2))
    for tensor in () if known else net.graph.tensors:
        tensor.shape[:1] = 1 if len(tensor.shape) == 4 and tensor.buffer == 0 else tensor.shape[:1]
    classify(net)
    return net


@pytest.mark.parametrize(
    "build",
    [
        *(micro_speech, arm_ds_cnn, residual, lambda: residual(True), branched),
        *(lambda: spread_out(True), lambda: spread_out(False)),
        *(lambda: pooled(True), lambda: pooled(False), lambda: dilated(0), lambda: dilated(1)),
        *(joined, lambda: multiplied(False), lambda: multiplied(True), constants, reshaped),
        *(reused, lambda: excited(False), lambda: excited(True), flatly_excited),
        *(lambda: broadcast(False), lambda: broadcast(True)),
    ],
    ids=[
        "micro_speech",
        "arm_ds_cnn",
        "residual",
        "swapped",
        "branched",
        "spread_out",
        "spread_out_unknown",
        "pooled",
        "flat_mean",
        "same",
        "valid",
        "joined",
        "multiplied",
        "multiplied_swapped",
        "constants",
        "reshaped",
        "reused",
        "excited",
        "excited_swapped",
        "flatly_excited",
        "broadcast",
        "broadcast_swapped",
    ],
)
def test_networks(build: Build) -> None:
    compare(build())


@pytest.mark.parametrize(
    ("shape", "axes"),
    [
        *(((5, 1, 3), [2]), ((1, 5, 3), [1]), ((1, 1, 3), [1, 2])),
        *(((4, 5, 3), [1]), ((4, 5, 3), 1), ((4, 5, 3), 2)),
    ],
)
def test_means(shape: tuple[int, ...], axes: list[int] | int) -> None:
    compare(averaged(shape, axes))


def test_a_network_has_255_layers_at_most() -> None:
    for blocks, layers in ((63, 254), (64, 258)):
        net = new((1, 4, 3, 2))
        for _ in range(blocks):  # a keep, two convolutions and a sum each
            kept, scale = net.last, 0.05
            convolve(net, (1, 4, 3, 2), (1, 1), scale=scale)
            convolve(net, (1, 4, 3, 2), (1, 1), scale=scale)
            net.add("ADD", (1, 4, 3, 2), [kept], "AddOptions", scale=scale)
        classify(net)
        if layers <= 255:
            assert len(compare(net, varied=False).layers) == layers
        else:
            assert refusal(net) == f"x: {layers} layers are not 1 to 255"


@pytest.mark.parametrize("six", [2.5, 6.5, 40.5, 41.0])
def test_the_bound_of_a_relu6_is_rounded_upwards(six: float) -> None:
    net = new((1, 1, 1, 8))
    kept, scale = net.last, float(np.float32(6 / six))
    net.graph.tensors[kept].quantization.scale = np.float32([scale])
    net.add(
        *("ADD", (1, 1, 1, 8), [kept], "AddOptions"),
        scale=scale,
        zero=-9,
        fusedActivationFunction=3,
    )
    compare(net, varied=False)
    (_, layer) = read(packed(net.model), "x").layers
    assert layer.activation_max == -9 + int(six + 0.5)


@pytest.mark.parametrize(
    ("scale", "zero"),
    [
        *product([0.004, 0.05, 0.1, 0.37], [-128, -7, 100]),
        *((0.047995467, -123), (0.011759924, 37)),  # a sigmoid in binary64 would differ
        (3.0, 0),
    ],
)
def test_every_value_of_a_table(scale: float, zero: int) -> None:
    """Compare all 256 values of a sigmoid, of hard swish and of changes of scale."""
    for name, out in (
        ("LOGISTIC", (1 / 256, -128)),
        *(("QUANTIZE", each) for each in ((scale, zero), (0.05, -1), (3.0, 5), (0.001, -128))),
        *(("HARD_SWISH", each) for each in ((scale, zero), (0.047, -121), (1.7, 5))),
    ):
        net = new((1, 1, 1, 256))
        quantisation = net.graph.tensors[net.last].quantization
        quantisation.scale, quantisation.zeroPoint = np.float32([scale]), np.array([zero])
        net.add(name, (1, 1, 1, 256), [], "", scale=out[0], zero=out[1])
        content = packed(net.model)
        values = np.arange(-128, 128, dtype=np.int8).reshape(1, 1, 1, 256)
        expected = reference(content, values)
        (layer,) = read(content, "x").layers
        np.testing.assert_array_equal(layer.weights, expected[0])
        assert AVAILABLE
        np.testing.assert_array_equal(in_c(read(content, "x"), values), expected)


@pytest.mark.parametrize(("a", "b", "out"), [(0.1, 0.1, 0.1), (0.002, 3.0, 1.7), (0.9, 0.01, 0.03)])
@pytest.mark.parametrize("name", ["ADD", "MUL"])
def test_every_pair(name: str, a: float, b: float, out: float) -> None:
    """Compare sums and products of all pairs of values."""
    net = new((1, 1, 1, 256))
    quantisation = net.graph.tensors[net.last].quantization
    quantisation.scale, quantisation.zeroPoint = np.float32([a]), np.array([9])
    kept = net.last
    weights = [
        net.tensor((256, 1, 1, 256), b / a, 0, np.eye(256, dtype=np.int8)[::-1].copy()),
        net.tensor((256,), 0, 0, np.zeros(256, np.int32)),
    ]
    net.add("CONV_2D", (1, 1, 1, 256), weights, "Conv2DOptions", **CONV, scale=b, zero=-3)
    if name == "MUL":
        out = 170 * a * b * (1 + out)  # products of all sizes, the greatest saturated
    net.add(name, (1, 1, 1, 256), [kept], f"{name.title()}Options", scale=out, zero=4)
    content = packed(net.model)
    inputs = np.stack([np.roll(np.arange(-128, 128), n) for n in range(256)]).astype(np.int8)
    inputs = inputs.reshape(256, 1, 1, 256)
    expected = reference(content, inputs)
    assert len(np.unique(expected)) > 60
    np.testing.assert_array_equal(in_c(read(content, "x"), inputs), expected)


def test_streams() -> None:
    """Push frames through both backends: a sum, a maximum, a mean of bins, a sigmoid, dilations.

    And sums and products of a plane and of one value for all its bins, or all its channels.
    """
    for model in (other_model(1), other_model(2), dilated_model(), broadcast_model()):
        same_in_a_stream(model)


def test_squeeze_and_excitation_over_all_time_does_not_stream() -> None:
    from kws.backend import BACKENDS, Spotter
    from kws.model_file import ModelFile

    model = ModelFile.parse(excited_model(), "x.tflite")
    problem = "what a whole window gives is added to each of its time steps, or multiplies it"
    for backend in BACKENDS if AVAILABLE else ("numpy",):
        with pytest.raises(KwsError) as raised:
            Spotter(model, backend)
        assert str(raised.value) == f"x: the network does not stream: {problem}"
    inputs = windows((7, 10))
    expected = reference(excited_model(), inputs)
    assert len(np.unique(expected, axis=0)) > 30
    if AVAILABLE:
        np.testing.assert_array_equal(in_c(read(excited_model(), "x"), inputs), expected)


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("last", ["MEAN", "FULLY_CONNECTED"])
@pytest.mark.parametrize("kernel", [(3, 3), (7, 10), (7, 3)], ids=["plane", "point", "bins"])
def test_layers_of_a_whole_window_in_streams(
    last: str, kernel: tuple[int, int], stride: int
) -> None:
    """Push frames through both backends: what takes a window whole takes no longer one."""
    same_in_a_stream(streamed(last, kernel, stride))


def same_in_a_stream(content: bytes) -> None:
    """Assert that both backends give the same scores, however frames are divided into pushes."""
    from kws.ds_cnn import DsCnn
    from kws.engine.native import NativeDsCnn
    from kws.model_file import ModelFile

    model = ModelFile.parse(content, "x.tflite")
    frames = np.random.default_rng(0).normal(0, 3, (90, 10)).astype(np.float32)
    scores = DsCnn(model).push(frames)
    assert len(np.unique(scores, axis=0)) > 20
    native = NativeDsCnn(model)
    for _ in range(2):
        found = np.concatenate([native.push(part) for part in np.split(frames, [1, 6, 40])])
        assert found.tobytes() == scores.tobytes()
        native.reset()


def refusal(net: Network) -> str:
    """Return the message that a network is refused with."""
    with pytest.raises(KwsError) as raised:
        read(packed(net.model), "x")
    assert str(raised.value).isprintable()
    return str(raised.value)


def test_sums_that_cannot_be_kept_are_refused() -> None:
    def added(shape: tuple[int, ...], kernel: tuple[int, int], **values: Any) -> Network:
        net = new((1, 12, 6, 4))
        kept = net.last
        convolve(net, shape, kernel, **values)
        net.add("ADD", shape, [kept], "AddOptions", scale=0.1)
        return net

    for shape, options in (((1, 10, 6, 4), VALID), ((1, 6, 6, 4), {"strideH": 2})):
        problem = "(RECALL): takes other time steps than the layer before"
        assert refusal(added(shape, (3, 1), **options)) == f"x: operator 2 {problem}"
    fewer_bins = added((1, 12, 4, 4), (1, 3), padding=1)
    assert refusal(fewer_bins) == "x: operator 2 (ADD): adds another shape"
    net = new((1, 12, 6, 4))
    net.add(
        "ADD", (1, 12, 6, 4), [net.tensor((1, 12, 6, 4), 1, 0, np.ones(288, np.int8))], "AddOptions"
    )
    assert refusal(net) == "x: operator 1 (ADD): adds a constant of another shape or type"
    convolve(net := added((1, 10, 6, 4), (3, 1), padding=1), (1, 10, 6, 4), (1, 1))
    net.graph.operators[-1].inputs[0] = net.graph.inputs[0]
    net.graph.operators.pop(-2)
    assert refusal(net) == "x: operator 2 (RECALL): takes other time steps than the layer before"
    net = added((1, 12, 6, 4), (3, 1))
    net.graph.operators[-1].inputs = np.array([net.last, net.last], np.int32)
    assert refusal(net) == "x: ADD is not in line with the other operators"
    net = added((1, 12, 6, 4), (3, 1))
    net.graph.operators[-1].inputs[1] = net.last
    assert refusal(net) == "x: operator 2 (ADD): adds what no layer before it gives"
    for scale in (1e-9, 1e9):
        net = added((1, 12, 6, 4), (3, 1))
        net.graph.tensors[net.last].quantization.scale = np.float32([scale])
        assert refusal(net) == "x: operator 2 (ADD): its scales are too far off"


def test_products_and_joins_that_cannot_be_kept_are_refused() -> None:
    net = new((1, 256, 6, 4))
    source = net.last
    for time_steps, kernel in ((64, 4), (1, 64)):
        pool = POOL_OF_EIGHT | {"filterHeight": kernel, "strideH": kernel, "filterWidth": 1}
        pool |= {"strideW": 1}
        net.add("MAX_POOL_2D", (1, time_steps, 6, 4), [], "Pool2DOptions", **pool)
    factor, net.last = net.last, source
    multiply(net, factor, (1, 256, 6, 4))
    assert refusal(net) == "x: operator 3 (RECALL): takes more than 255 time steps"
    net = new((1, 12, 6, 4))
    source = net.last
    convolve(net, (1, 3, 6, 4), (4, 1), strideH=4)
    factor, net.last = net.last, source
    multiply(net, factor, (1, 12, 6, 4))
    assert refusal(net) == "x: operator 2 (RECALL): takes other time steps than the layer before"
    net = new((1, 12, 6, 4))
    join(net, [net.last, net.last], (1, 24, 6, 4), axis=1)
    assert refusal(net) == "x: operator 1 (CONCATENATION): does not join channels"
    net = new((1, 12, 6, 4))
    constant = net.tensor((1, 12, 6, 4), 0.05, -1, np.ones((12, 6, 4), np.int8))
    join(net, [net.last, constant], (1, 12, 6, 8))
    problem = "joins a constant, which is not supported"
    assert refusal(net) == f"x: operator 1 (CONCATENATION): {problem}"
    net = new((1, 12, 6, 4))
    net.add("CONCATENATION", (1, 12, 6, 4), [], "ConcatenationOptions", axis=3)
    assert refusal(net) == "x: operator 1 (CONCATENATION): has not two inputs"


def test_other_refusals() -> None:
    for axes in ([1, 3], [1, 1], [7], [0]):
        net = new((1, 12, 6, 4))
        inputs = [net.tensor((len(axes),), 0, 0, np.array(axes, np.int32))]
        net.add("MEAN", (1, 1, 6, 4), inputs, "ReducerOptions", keepDims=True)
        assert refusal(net).startswith("x: operator 1 (MEAN): averages ")
    net = new((1, 12, 6, 4))
    net.add("LOGISTIC", (1, 12, 6, 4), [], "", scale=0.1, zero=0)
    assert refusal(net) == "x: operator 1 (LOGISTIC): its output is not int8 of 1/256 each"
    net = new((1, 72))
    reshape(net, (1, 12, 7, 1))
    classify(net)
    assert refusal(net) == "x: operator 1 (RESHAPE): changes the number of values"
    net = new((1, 255, 255, 16))
    dilation = {"dilationHFactor": 254, "dilationWFactor": 254}
    convolve(net, (1, 1, 1, 17), (2, 2), **VALID | dilation)  # 1,088 weights, and zeros between
    assert refusal(net) == "x: there are more than 16777216 weights"
    net = new((1, 1, 1, 4))
    net.add("QUANTIZE", (1, 1, 1, 4), [], "", scale=1e-12)
    assert refusal(net) == "x: operator 1 (QUANTIZE): its scales are too far off"
    for scale in (0.05 / 128, 0.05 * 1024):
        net = new((1, 1, 1, 4))
        net.add("HARD_SWISH", (1, 1, 1, 4), [], "", scale=scale)
        assert refusal(net) == "x: operator 1 (HARD_SWISH): its scales are too far off"


def test_other_uses_of_batches_are_refused_by_name() -> None:
    def changed(change: Callable[[Any, Any], Any]) -> str:
        net = new((1, 20, 12, 1))
        spread(net, (2, 3), [(2, 2), (3, 3)], [(0, 0), (0, 0)])
        classify(net)
        change(net.model, net.graph.operators)
        return refusal(net).removeprefix("x: operator ")

    def with_data(position: int, values: list[int]) -> str:
        def change(model: Any, operators: Any) -> None:
            tensor = model.subgraphs[0].tensors[operators[0].inputs[position]]
            model.buffers[tensor.buffer].data = np.array(values, np.int32).view(np.uint8)

        return changed(change)

    first, last = "1 (SPACE_TO_BATCH_ND): ", "3 (BATCH_TO_SPACE_ND): "
    assert changed(lambda _, o: o.pop(1)) == f"{first}no convolution takes its output"
    assert changed(lambda _, o: o.pop(2)) == f"{first}CONV_2D after it has no BATCH_TO_SPACE_ND"
    assert changed(lambda _, o: o.pop(0)).endswith("there is no SPACE_TO_BATCH_ND before it")
    strided = changed(lambda _, o: setattr(o[1].builtinOptions, "strideH", 2))
    assert strided == "2 (CONV_2D): has a stride, a dilation or padding of its own"
    assert with_data(1, [2, 2]) == f"{first}its output does not follow from its input"
    assert with_data(1, [0, 3]) == f"{first}its block is not above 0"
    assert with_data(1, [256, 3]) == f"{first}its block is above 255"
    assert with_data(2, [-2, 2, 3, 3]) == f"{first}pads or crops too much"
    assert with_data(2, [2, 4, 3, 3]) == f"{first}its output does not follow from its input"
    net = new((1, 20, 12, 1))
    spread(net, (2, 1), [(0, 0), (0, 0)], [(2, 0), (0, 0)], (3, 1))
    assert refusal(net) == f"x: operator {last}crops more than was padded"
    net = new((1, 20, 12, 1))
    spread(net, (2, 1), [(0, 0), (0, 0)], [(0, 0), (0, 0)], (3, 1))
    net.graph.operators[2].inputs[1] = net.tensor((2,), 0, 0, np.array([1, 2], np.int32))
    assert refusal(net) == f"x: operator {last}has another block than the operator before it"
