"""Make small models of every kind of layer, from objects of the schema, with a right checksum."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import flatbuffers
import numpy as np

from kws.config import FrontEnd, GateConfig, ModelConfig, Smoothing
from kws.model_file import (
    CHECKSUM_ENTRY,
    CONFIG_ENTRY,
    NETWORK_ENTRIES,
    PLACEHOLDER,
    checksum,
)

INT8, INT32 = 9, 2


@cache
def schema() -> ModuleType:
    """Return the object API of TensorFlow's schema, without loading TensorFlow."""
    package = importlib.util.find_spec("tensorflow")
    if package is None or not package.submodule_search_locations:
        raise ModuleNotFoundError("TensorFlow, whose schema is needed, is not installed")
    path = Path(package.submodule_search_locations[0], "lite/python/schema_py_generated.py")
    spec = importlib.util.spec_from_file_location("schema_py_generated", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def unpacked(content: bytes) -> Any:
    """Return a file as objects of the schema."""
    return schema().ModelT.InitFromObj(schema().Model.GetRootAs(content, 0))


def sealed(model: Any, settings: bytes | None, networks: Sequence[bytes] = ()) -> bytes:
    """Return a model as a file with settings and their checksum, or with neither.

    networks: those of a committee after the first.
    """
    model.metadata = []
    entries = {CONFIG_ENTRY: settings, CHECKSUM_ENTRY: PLACEHOLDER} if settings is not None else {}
    entries |= dict(zip(NETWORK_ENTRIES, networks, strict=False))
    for name, data in entries.items():
        buffer, entry = schema().BufferT(), schema().MetadataT()
        buffer.data = np.frombuffer(data, np.uint8)
        entry.name, entry.buffer = name, len(model.buffers)
        model.buffers.append(buffer)
        model.metadata.append(entry)
    content = packed(model)
    return content.replace(PLACEHOLDER, checksum(content, PLACEHOLDER))


def settings_of(model: Any) -> bytes:
    """Return the settings that an unpacked model carries."""
    entry = next(e for e in model.metadata if e.name in (CONFIG_ENTRY, CONFIG_ENTRY.encode()))
    return bytes(model.buffers[entry.buffer].data)


def networks_in(model: Any) -> list[bytes]:
    """Return the networks of a committee after the first that an unpacked model carries."""
    names = {entry.name: entry for entry in model.metadata}
    names |= {name.decode(): entry for name, entry in names.items() if isinstance(name, bytes)}
    found = [names[name] for name in NETWORK_ENTRIES if name in names]
    return [bytes(model.buffers[entry.buffer].data) for entry in found]


class Network:
    """Build a network of the schema's objects, layer by layer."""

    def __init__(self, shape: tuple[int, ...], random: np.random.Generator) -> None:
        self.random, self.names = random, {}
        self.model, self.graph = schema().ModelT(), schema().SubGraphT()
        self.model.version, self.model.subgraphs = 3, [self.graph]
        self.model.buffers, self.model.operatorCodes = [schema().BufferT()], []
        self.graph.tensors, self.graph.operators = [], []
        self.last = self.tensor(shape, 0.05, -1)
        self.graph.inputs = np.array([self.last], np.int32)

    def tensor(
        self, shape: tuple[int, ...], scale: float, zero: int, data: np.ndarray | None = None
    ) -> int:
        """Add a tensor, a constant one with data; return its index."""
        tensor, tensor.buffer = schema().TensorT(), 0
        tensor.shape, tensor.name = np.array(shape, np.int32), str(len(self.graph.tensors))
        tensor.type = INT8 if data is None or data.dtype == np.int8 else INT32
        if tensor.type == INT8:
            tensor.quantization = schema().QuantizationParametersT()
            tensor.quantization.scale = np.array([scale], np.float32)
            tensor.quantization.zeroPoint = np.array([zero], np.int64)
        if data is not None:
            buffer = schema().BufferT()
            buffer.data = np.frombuffer(data.tobytes(), np.uint8)
            tensor.buffer = len(self.model.buffers)
            self.model.buffers.append(buffer)
        self.graph.tensors.append(tensor)
        return len(self.graph.tensors) - 1

    def add(
        self, name: str, shape: tuple[int, ...], inputs: list[int], options: str, **values: Any
    ) -> None:
        """Add an operator; shape: of its output, quantised as its input unless values say else."""
        quantisation = self.graph.tensors[self.last].quantization
        scale = values.pop("scale", quantisation.scale[0])
        zero = values.pop("zero", quantisation.zeroPoint[0])
        inputs = [self.last, *inputs]
        self.last = self.tensor(shape, scale, zero)
        self.graph.operators.append(self.operator(name, inputs, [self.last], options, **values))
        self.graph.outputs = np.array([self.last], np.int32)

    def operator(
        self, name: str, inputs: list[int], outputs: list[int], options: str, **values: Any
    ) -> Any:
        """Return an operator between tensors; values: of its options."""
        builtin = getattr(schema().BuiltinOperator, name)
        code, operator = schema().OperatorCodeT(), schema().OperatorT()
        code.builtinCode, code.deprecatedBuiltinCode = builtin, min(127, builtin)
        code.version = 1
        self.model.operatorCodes.append(code)
        operator.opcodeIndex = len(self.model.operatorCodes) - 1
        operator.inputs, operator.outputs = (np.array(n, np.int32) for n in (inputs, outputs))
        if options:
            operator.builtinOptionsType = getattr(schema().BuiltinOptions, options)
            operator.builtinOptions = getattr(schema(), f"{options}T")()
            for key, value in values.items():
                setattr(operator.builtinOptions, key, value)
        return operator

    def weights(self, *shape: int, channels: int) -> list[int]:
        """Add random weights and a bias per channel; return their indices."""
        values = self.random.integers(-127, 128, shape).astype(np.int8)
        bias = self.random.integers(-500, 500, channels).astype(np.int32)
        return [self.tensor(shape, 0.01, 0, values), self.tensor((channels,), 0, 0, bias)]


@cache
def small_model(stride: int = 2, dense: bool = True) -> bytes:
    """Return a model of every kind of layer, with two keywords.

    Args:
        stride: 2, or 1 for two phases.
        dense: with a fully connected layer, which takes a window whole.
    """
    net = Network((1, 7, 10, 1), np.random.default_rng(1))
    convolution = {"padding": 1, "strideH": 1, "strideW": 1}
    convolution |= {"dilationHFactor": 1, "dilationWFactor": 1}
    first = convolution | {"strideH": 2, "fusedActivationFunction": 1, "scale": 0.1}
    net.add("CONV_2D", (1, 3, 8, 4), net.weights(4, 3, 3, 1, channels=4), "Conv2DOptions", **first)
    sides = net.tensor((4, 2), 0, 0, np.array([[0, 0], [0, 0], [1, 1], [0, 0]], np.int32))
    net.add("PAD", (1, 3, 10, 4), [sides], "PadOptions")
    depthwise = convolution | {"depthMultiplier": 1}
    weights = net.weights(1, 2, 3, 4, channels=4)
    net.add("DEPTHWISE_CONV_2D", (1, 2, 8, 4), weights, "DepthwiseConv2DOptions", **depthwise)
    pool = {"filterHeight": 2, "filterWidth": 2, "strideH": 1, "strideW": 2, "padding": 1}
    net.add("AVERAGE_POOL_2D", (1, 1, 4, 4), [], "Pool2DOptions", **pool)
    point = convolution | {"fusedActivationFunction": 3}
    net.add("CONV_2D", (1, 1, 4, 6), net.weights(6, 1, 1, 4, channels=6), "Conv2DOptions", **point)
    if dense:
        net.add("RESHAPE", (1, 24), [], "ReshapeOptions", newShape=np.array([1, 24], np.int32))
        net.add("FULLY_CONNECTED", (1, 3), net.weights(3, 24, channels=3), "FullyConnectedOptions")
        net.add("SOFTMAX", (1, 3), [], "SoftmaxOptions", beta=1.0, scale=1 / 256, zero=-128)
    else:
        weights = net.weights(3, 1, 4, 6, channels=3)
        net.add("CONV_2D", (1, 1, 1, 3), weights, "Conv2DOptions", **convolution)
        net.add("SOFTMAX", (1, 1, 1, 3), [], "SoftmaxOptions", beta=1.0, scale=1 / 256, zero=-128)
    return with_settings(net, stride)


@cache
def other_model(stride: int = 2) -> bytes:
    """Return a model of the kinds of layers that small_model() lacks, with two keywords."""
    net = Network((1, 7, 10, 1), np.random.default_rng(2))
    convolution = {"padding": 1, "strideH": 1, "strideW": 1}
    convolution |= {"dilationHFactor": 1, "dilationWFactor": 1}
    first = convolution | {"strideH": 2, "dilationWFactor": 2, "scale": 0.1}
    net.add("CONV_2D", (1, 3, 6, 4), net.weights(4, 3, 3, 1, channels=4), "Conv2DOptions", **first)
    kept = net.last
    point = convolution | {"fusedActivationFunction": 1}
    net.add("CONV_2D", (1, 3, 6, 4), net.weights(4, 1, 1, 4, channels=4), "Conv2DOptions", **point)
    net.add("ADD", (1, 3, 6, 4), [kept], "AddOptions", scale=0.15, zero=4)
    pool = {"filterHeight": 2, "filterWidth": 3, "strideH": 1, "strideW": 2, "padding": 1}
    net.add("MAX_POOL_2D", (1, 2, 2, 4), [], "Pool2DOptions", **pool)
    net.add("QUANTIZE", (1, 2, 2, 4), [], "", scale=0.12, zero=-20)
    axes = net.tensor((1,), 0, 0, np.array([2], np.int32))
    net.add("MEAN", (1, 2, 1, 4), [axes], "ReducerOptions", keepDims=True, scale=0.1)
    last = convolution | {"scale": 0.05, "zero": 0}
    weights = net.weights(3, 2, 1, 4, channels=3)
    net.graph.tensors[weights[0]].quantization.scale = np.array([0.001], np.float32)
    net.add("CONV_2D", (1, 1, 1, 3), weights, "Conv2DOptions", **last)
    net.add("LOGISTIC", (1, 1, 1, 3), [], "", scale=1 / 256, zero=-128)
    return with_settings(net, stride)


def with_settings(net: Network, stride: int) -> bytes:
    """Return a network for frames of 10 values and two keywords as a model."""
    config = ModelConfig(
        keywords=("one", "two"),
        thresholds=(0.3, 0.3),
        stride=stride,
        front_end=FrontEnd(mean=(0.0,) * 10, scale=(1.0,) * 10),
        smoothing=Smoothing(2, 1, 5),
        gate=GateConfig(noise_floor_ms=300, pre_roll_ms=90, hangover_ms=150),
        card={"data": "none", "figures": {"one": [0.5, 1]}},
    )
    return sealed(net.model, json.dumps(config.to_dict()).encode())


@cache
def small_committee(first_stage: bool = False) -> bytes:
    """Return a committee of both phases of a small network and one phase of a copy.

    first_stage: whether one phase of the first only wakes both phases of the copy instead.
    """
    model = unpacked(small_model(1, False))
    values = json.loads(settings_of(model))
    values["committee"] = {"bounds": [0.1, 0.1], "phases": [2, 1]}
    if first_stage:
        values["committee"] |= {"phases": [1, 2], "first_stage": True}
    copy = unpacked(small_model(1, False))
    copy.metadata = []
    return sealed(model, json.dumps(values).encode(), [packed(copy)])


def packed(model: Any) -> bytes:
    """Return a model as a file, as it is."""
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def without_settings(content: bytes) -> bytes:
    """Return a model's network alone, as other makers' files have it."""
    return content.replace(b"kws_config", b"any_config").replace(b"kws_sha256", b"any_sha256")
