"""Make a small model of the form of microWakeWord's: its network keeps its past itself."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from hostile_models import Network, packed, schema

RESOURCE, UINT8 = 13, 3
CONVOLUTION = {"padding": 1, "strideH": 1, "strideW": 1}
CONVOLUTION |= {"dilationHFactor": 1, "dilationWFactor": 1}
RELU = {"fusedActivationFunction": 1}
DEPTHWISE = CONVOLUTION | {"depthMultiplier": 1}
BEGIN_MASK, END_MASK = 0b1101, 0b1111  # of a slice of the last time steps, as TensorFlow writes it


class StatefulNetwork(Network):
    """Build a network whose layers keep time steps in resource variables."""

    def __init__(self, shape: tuple[int, ...], random: np.random.Generator) -> None:
        super().__init__(shape, random)
        self.called = schema().SubGraphT()
        self.called.tensors, self.called.operators = [], []
        self.called.inputs = self.called.outputs = np.zeros(0, np.int32)
        self.model.subgraphs.append(self.called)
        quantisation = self.graph.tensors[self.last].quantization
        quantisation.scale, quantisation.zeroPoint = np.array([26 / 255], np.float32), [-128]
        self.raw(self.graph, "CALL_ONCE", [], [], "CallOnceOptions", initSubgraphIndex=1)

    def raw(
        self,
        graph: Any,
        name: str,
        inputs: list[int],
        outputs: list[int],
        options: str = "",
        **values: Any,
    ) -> None:
        """Add an operator to a graph, with any inputs and outputs."""
        graph.operators.append(self.operator(name, inputs, outputs, options, **values))

    def keep(self, past: int) -> None:
        """Join the last output to the `past` time steps before, which a variable keeps."""
        source = self.graph.tensors[self.last]
        scale, zero = source.quantization.scale[0], int(source.quantization.zeroPoint[0])
        _, time_steps, bins, channels = source.shape.tolist()
        shape, name = (1, past, bins, channels), f"stream_{len(self.called.operators)}/states"
        handle, other = self._handle(self.graph, name), self._handle(self.called, name)
        zeros = self.tensor(shape, scale, zero, np.full(shape, zero, np.int8))
        self.called.tensors.append(self.graph.tensors.pop(zeros))
        first = len(self.called.tensors) - 1
        self.raw(self.called, "ASSIGN_VARIABLE", [other, first], [], "AssignVariableOptions")
        before = self.tensor(shape, scale, zero)
        self.raw(self.graph, "READ_VARIABLE", [handle], [before], "ReadVariableOptions")
        joined = self.tensor((1, past + time_steps, bins, channels), scale, zero)
        inputs = [before, self.last]
        self.raw(self.graph, "CONCATENATION", inputs, [joined], "ConcatenationOptions", axis=1)
        kept = self.sliced(joined, past)
        self.raw(self.graph, "ASSIGN_VARIABLE", [handle, kept], [], "AssignVariableOptions")
        self.last = joined

    def sliced(self, source: int, count: int) -> int:
        """Add a slice of the last time steps of a tensor; return it."""
        tensor = self.graph.tensors[source]
        quantisation = tensor.quantization
        bounds = [(0, -count, 0, 0), (0, 0, 0, 0), (1, 1, 1, 1)]
        inputs = [self.tensor((4,), 0, 0, np.array(each, np.int32)) for each in bounds]
        shape = (1, count, *tensor.shape.tolist()[2:])
        output = self.tensor(shape, quantisation.scale[0], int(quantisation.zeroPoint[0]))
        masks = {"beginMask": BEGIN_MASK, "endMask": END_MASK}
        inputs = [source, *inputs]
        self.raw(self.graph, "STRIDED_SLICE", inputs, [output], "StridedSliceOptions", **masks)
        return output

    def split(self, kernels: tuple[int, ...], scale: float, by_size: bool = True) -> None:
        """Add a MixConv of equal parts of the channels, one kernel each, the longest the last.

        by_size: with SPLIT_V, else with SPLIT.
        """
        source, whole = self.last, self.graph.tensors[self.last]
        zero = int(whole.quantization.zeroPoint[0])
        _, time_steps, bins, channels = whole.shape.tolist()
        size = channels // len(kernels)
        sizes = self.tensor((len(kernels),), 0, 0, np.full(len(kernels), size, np.int32))
        axis = self.tensor((), 0, 0, np.array(-1, np.int32))
        parts = [
            self.tensor((1, time_steps, bins, size), whole.quantization.scale[0], zero)
            for _ in kernels
        ]
        inputs = [source, sizes, axis] if by_size else [axis, source]
        name, count = ("SPLIT_V", "SplitV") if by_size else ("SPLIT", "Split"), len(kernels)
        self.raw(self.graph, name[0], inputs, parts, f"{name[1]}Options", numSplits=count)
        outputs = []
        for part, kernel in zip(parts, kernels, strict=True):
            self.last = self.sliced(part, kernel)
            weights = self.weights(1, kernel, bins, size, channels=size)
            options = DEPTHWISE | {"scale": scale, "zero": 3}
            shape = (1, 1, 1, size)
            self.add("DEPTHWISE_CONV_2D", shape, weights, "DepthwiseConv2DOptions", **options)
            outputs.append(self.last)
        joined = self.tensor((1, 1, 1, channels), scale, 3)
        self.raw(self.graph, "CONCATENATION", outputs, [joined], "ConcatenationOptions", axis=3)
        self.last = joined

    def _handle(self, graph: Any, name: str) -> int:
        handle = schema().TensorT()
        handle.shape, handle.type, handle.buffer = np.zeros(0, np.int32), RESOURCE, 0
        graph.tensors.append(handle)
        at = len(graph.tensors) - 1
        self.raw(graph, "VAR_HANDLE", [], [at], "VarHandleOptions", container="", sharedName=name)
        return at


def stateful_network() -> StatefulNetwork:
    """Return a network of every kind of layer that microWakeWord's trainer writes by default."""
    net = StatefulNetwork((1, 3, 40), np.random.default_rng(3))
    plane = np.array([1, 3, 1, 40], np.int32)
    net.add("RESHAPE", (1, 3, 1, 40), [], "ReshapeOptions", newShape=plane)
    net.keep(2)
    first = CONVOLUTION | RELU | {"strideH": 3, "scale": 0.2, "zero": -128}
    net.add("CONV_2D", (1, 1, 1, 8), net.weights(8, 5, 1, 40, channels=8), "Conv2DOptions", **first)
    net.keep(4)
    net.split((3, 5), 0.3)
    point = CONVOLUTION | RELU | {"scale": 0.2, "zero": -128}
    net.add("CONV_2D", (1, 1, 1, 8), net.weights(8, 1, 1, 8, channels=8), "Conv2DOptions", **point)
    net.keep(2)
    probability(net, 24, 0.1)
    return net


def residual_network() -> StatefulNetwork:
    """Return a network with the residual connections that microWakeWord's trainer can add.

    A block adds a projection of its input, which lies flat, after each of its two convolutions.
    """
    net = StatefulNetwork((1, 3, 40), np.random.default_rng(4))
    plane = np.array([1, 3, 1, 40], np.int32)
    net.add("RESHAPE", (1, 3, 1, 40), [], "ReshapeOptions", newShape=plane)
    net.keep(2)
    first = CONVOLUTION | RELU | {"strideH": 3, "scale": 0.2, "zero": -128}
    net.add("CONV_2D", (1, 1, 1, 8), net.weights(8, 5, 1, 40, channels=8), "Conv2DOptions", **first)
    source = net.last
    project = CONVOLUTION | {"scale": 0.3, "zero": 5}
    weights = net.weights(12, 1, 1, 8, channels=12)
    net.add("CONV_2D", (1, 1, 1, 12), weights, "Conv2DOptions", **project)
    net.add("RESHAPE", (12,), [], "ReshapeOptions", newShape=np.array([12], np.int32))
    projection, net.last = net.last, source
    for channels in (8, 12):
        net.keep(4)
        net.split((3, 5), 0.3, by_size=channels == 8)
        weights = net.weights(12, 1, 1, channels, channels=12)
        net.add("CONV_2D", (1, 1, 1, 12), weights, "Conv2DOptions", **project)
        added = RELU | {"scale": 0.2, "zero": -128}
        net.add("ADD", (1, 1, 1, 12), [projection], "AddOptions", **added)
    probability(net, 12, 0.05)
    return net


def probability(net: StatefulNetwork, values: int, scale: float) -> None:
    """Add what gives microWakeWord's output, of so many values; scale: of the logit."""
    net.add("RESHAPE", (1, values), [], "ReshapeOptions", newShape=np.array([1, values], np.int32))
    weights = net.weights(1, values, channels=1)
    net.graph.tensors[weights[0]].quantization.scale = np.array([0.001], np.float32)
    net.add("FULLY_CONNECTED", (1, 1), weights, "FullyConnectedOptions", scale=scale, zero=7)
    net.add("LOGISTIC", (1, 1), [], "", scale=1 / 256, zero=-128)
    net.add("QUANTIZE", (1, 1), [], "", scale=1 / 256, zero=0)
    net.graph.tensors[net.last].type = UINT8


@cache
def stateful_model(residual: bool = False) -> bytes:
    """Return the file of stateful_network(), or of residual_network()."""
    return packed((residual_network() if residual else stateful_network()).model)


def manifest(**micro: Any) -> dict[str, Any]:
    """Return a manifest, with other settings than usual."""
    usual = {"probability_cutoff": 0.5, "sliding_window_size": 3, "feature_step_size": 10}
    return {
        "type": "micro",
        "wake_word": "Hey kws",
        "author": "nobody",
        "website": "https://example.org",
        "model": "hey_kws.tflite",
        "trained_languages": ["en"],
        "version": 2,
        "micro": usual | micro,
    }


def write_pair(folder: Path, residual: bool = False, **micro: Any) -> Path:
    """Write a model and its manifest into a folder; return the path of the model."""
    path = folder / "hey_kws.tflite"
    path.write_bytes(stateful_model(residual))
    path.with_suffix(".json").write_text(json.dumps(manifest(**micro)))
    return path
