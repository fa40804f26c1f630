"""Build networks that keep their past in resource variables, as a converter writes them."""

from __future__ import annotations

from typing import Any

import numpy as np
from hostile_models import Network, schema

RESOURCE, UINT8 = 13, 3
CONVOLUTION = {"padding": 1, "strideH": 1, "strideW": 1}
CONVOLUTION |= {"dilationHFactor": 1, "dilationWFactor": 1}
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

    def keep(self, past: int, whole: bool = False) -> None:
        """Join the last output to the `past` time steps before, which a variable keeps.

        whole: The variable keeps all that was joined.
        """
        source = self.graph.tensors[self.last]
        scale, zero = source.quantization.scale[0], int(source.quantization.zeroPoint[0])
        _, time_steps, bins, channels = source.shape.tolist()
        held = past + time_steps if whole else past
        shape, name = (1, held, bins, channels), f"stream_{len(self.called.operators)}/states"
        handle, other = self._handle(self.graph, name), self._handle(self.called, name)
        zeros = self.tensor(shape, scale, zero, np.full(shape, zero, np.int8))
        self.called.tensors.append(self.graph.tensors.pop(zeros))
        first = len(self.called.tensors) - 1
        self.raw(self.called, "ASSIGN_VARIABLE", [other, first], [], "AssignVariableOptions")
        before = self.tensor(shape, scale, zero)
        self.raw(self.graph, "READ_VARIABLE", [handle], [before], "ReadVariableOptions")
        before = self.sliced(before, past) if whole else before
        joined = self.tensor((1, past + time_steps, bins, channels), scale, zero)
        inputs = [before, self.last]
        self.raw(self.graph, "CONCATENATION", inputs, [joined], "ConcatenationOptions", axis=1)
        kept = joined if whole else self.sliced(joined, past)
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

    def join(self, inputs: list[int]) -> None:
        """Join the channels of some tensors of one scale."""
        tensors = [self.graph.tensors[each] for each in inputs]
        channels = sum(int(each.shape[3]) for each in tensors)
        scale, zero = (getattr(tensors[0].quantization, n)[0] for n in ("scale", "zeroPoint"))
        joined = self.tensor((*tensors[0].shape.tolist()[:3], channels), scale, int(zero))
        self.raw(self.graph, "CONCATENATION", inputs, [joined], "ConcatenationOptions", axis=3)
        self.last = joined

    def convolve(self, channels: int, kernel: int, **values: Any) -> None:
        """Add a convolution of all time steps of the last output, `kernel` of them."""
        depth = int(self.graph.tensors[self.last].shape[3])
        weights = self.weights(channels, kernel, 1, depth, channels=channels)
        values = CONVOLUTION | values
        self.add("CONV_2D", (1, 1, 1, channels), weights, "Conv2DOptions", **values)

    def reshape(self, *shape: int) -> None:
        """Add a RESHAPE of the last output."""
        self.add("RESHAPE", shape, [], "ReshapeOptions", newShape=np.array(shape, np.int32))

    def _handle(self, graph: Any, name: str) -> int:
        handle = schema().TensorT()
        handle.shape, handle.type, handle.buffer = np.zeros(0, np.int32), RESOURCE, 0
        graph.tensors.append(handle)
        at = len(graph.tensors) - 1
        self.raw(graph, "VAR_HANDLE", [], [at], "VarHandleOptions", container="", sharedName=name)
        return at


def probability(net: StatefulNetwork, values: int, scale: float) -> None:
    """Add what gives microWakeWord's output, of so many values; scale: of the logit."""
    net.add("RESHAPE", (1, values), [], "ReshapeOptions", newShape=np.array([1, values], np.int32))
    weights = net.weights(1, values, channels=1)
    net.graph.tensors[weights[0]].quantization.scale = np.array([0.001], np.float32)
    net.add("FULLY_CONNECTED", (1, 1), weights, "FullyConnectedOptions", scale=scale, zero=7)
    net.add("LOGISTIC", (1, 1), [], "", scale=1 / 256, zero=-128)
    net.add("QUANTIZE", (1, 1), [], "", scale=1 / 256, zero=0)
    net.graph.tensors[net.last].type = UINT8
