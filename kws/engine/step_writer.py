"""Write proven operators as a .tflite file, which TensorFlow Lite's interpreter can be given.

The interpreter trusts a file: it crashes on offsets that lead astray, and runs what kws does not
read. So it is never given a foreign file, but what was proven of it, written again.
"""

from __future__ import annotations

from dataclasses import replace
from math import prod
from typing import Any

import numpy as np
import tflite

from kws.engine.operator_check import NO_PADS, WEIGHT_AXES, Step
from kws.engine.tflite_reader import INT8, INT32, Tensor
from kws.engine.tflite_writer import Writer


def rewritten(first: Tensor, steps: list[Step]) -> bytes:
    """Return a file with the same network; padding is explicit, shapes are planes."""
    writer = StepWriter()
    sources = [writer.tensor((1, *first.plane), INT8, first)]
    for step in steps:
        added = [sources[len(sources) - 1 - step.back]] if step.added is not None else []
        sources.append(writer.step(step, sources[-1], added))
    writer.graph([sources[0]], [sources[-1]])
    return writer.file()


def takes_whole_window(step: Step) -> bool:
    """Return whether a step, as it is written, gives one output for any number of time steps."""
    averages = step.operator.name == "MEAN" and step.kernel[0] > 1
    return averages or (step.operator.name == "FULLY_CONNECTED" and step.kernel != (1, 1))


def bias_like(bias: Tensor, source: Tensor, weights: Tensor) -> Tensor:
    """Return a bias with the scales that it has: the products of those of input and weights."""
    scales = (weights.scales * source.scale).astype(np.float32)
    return replace(bias, scales=scales, zero_points=np.zeros(len(scales), np.int64), channel_axis=0)


class StepWriter(Writer):
    """Collect the operators of proven steps."""

    def __init__(self) -> None:
        super().__init__()
        self._planes: dict[tuple[int, int, int], int] = {}  # by tensor, frequency bins, channels

    def step(
        self, step: Step, source: int, added: list[int], time_steps: tuple[int, int] | None = None
    ) -> int:
        """Add the operators of a step that reads a tensor; return the tensor that it writes.

        added: the tensor that it takes besides, or that a RECALL gives; time_steps: of the padded
        input and the output, other ones than in a window.
        """
        name, output, tensor = step.operator.name, step.output, step.source
        if name == "RECALL":
            return added[0]
        source = self.as_plane(source, tensor)
        added = [self.as_plane(each, step.other) for each in added]
        time_in, time_out = time_steps or (step.padded[0], output.plane[0])
        if step.pads != NO_PADS:
            source = self._padded(step, source, time_in)
        if name == "FULLY_CONNECTED" and tensor.plane[:2] != (1, 1):
            source = self.reshape(source, (1, prod(tensor.plane)), tensor)
        inputs = [*added, source] if added and step.other_first else [source, *added]
        if name == "MEAN" and step.kernel == (1, 1):  # of one value, in a longer stream, too
            name = "QUANTIZE"
        elif name == "MEAN":
            axes = np.array([axis for axis in (1, 2) if step.kernel[axis - 1] > 1], np.int32)
            inputs.append(self.tensor(axes.shape, INT32, None, axes))
        constant = step.added is None and name in (*WEIGHT_AXES, "ADD", "MUL")
        for each in step.operator.inputs[1:3] if constant else ():
            if each.type == INT32:  # kws strips the scales of a bias, which TFLM compares
                each = bias_like(each, tensor, step.operator.inputs[1])
            inputs.append(self.tensor(each.shape, each.type, each, each.data))
        shape = (1, time_out, *output.plane[1:])
        written = (1, output.plane[2]) if name == "FULLY_CONNECTED" else shape
        options = self._step_options(name, step)
        if name == "MUL" and time_in != time_out:  # whose bins are the time steps of its source
            written = (1, time_in, *tensor.plane[1:])
            product = self.operator(name, inputs, self.tensor(written, INT8, output), options)
            return self.reshape(product, shape, output)
        return self.operator(name, inputs, self.tensor(written, INT8, output), options)

    def as_plane(self, source: int, like: Tensor) -> int:
        """Return a tensor whose frequency bins and channels are those of another one.

        It is reshaped once: TensorFlow Lite lets several reshaped ones share its memory, and
        overwrites that at the last use of one, before the others are used.
        """
        shape, plane = self.shapes[source], like.plane
        if len(shape) < 4 or shape[2:] == plane[1:]:
            return source
        key = source, *plane[1:]
        if key not in self._planes:
            sizes = self.tensor((4,), INT32, None, np.array((1, -1, *plane[1:]), np.int32))
            output = self.tensor((*shape[:2], *plane[1:]), INT8, like)
            self._planes[key] = self.operator("RESHAPE", [source, sizes], output)
        return self._planes[key]

    def _padded(self, step: Step, source: int, time_steps: int) -> int:
        """Return the padded input of a step."""
        tensor = step.source
        sides = np.array([(0, 0), *step.pads, (0, 0)], np.int32)
        shape = (1, time_steps, step.padded[1], tensor.plane[2])
        inputs = [source, self.tensor((4, 2), INT32, None, sides)]
        if step.pad_value != tensor.zero_point:
            inputs.append(self.tensor((1,), INT8, tensor, np.array([step.pad_value], np.int8)))
        pad = "PAD" if len(inputs) == 2 else "PADV2"
        return self.operator(pad, inputs, self.tensor(shape, INT8, tensor))

    def _step_options(self, name: str, step: Step) -> tuple[int, int] | None:
        """Return the kind and the table of an operator's options, if it has any."""
        options = step.operator.options
        plane = {"StrideH": options.stride[0], "StrideW": options.stride[1]}
        plane["Padding"] = tflite.Padding.VALID
        dilation = {"DilationHFactor": options.dilation[0], "DilationWFactor": options.dilation[1]}
        activation = {"FusedActivationFunction": options.activation}
        pool = {"FilterHeight": step.kernel[0], "FilterWidth": step.kernel[1]}
        depth = {"DepthMultiplier": max(1, step.output.plane[2] // step.source.plane[2])}
        tables: dict[str, tuple[str, dict[str, Any]]] = {
            "CONV_2D": ("Conv2DOptions", plane | activation | dilation),
            "DEPTHWISE_CONV_2D": ("DepthwiseConv2DOptions", plane | activation | dilation | depth),
            "AVERAGE_POOL_2D": ("Pool2DOptions", plane | activation | pool),
            "MAX_POOL_2D": ("Pool2DOptions", plane | activation | pool),
            "ADD": ("AddOptions", activation),
            "MUL": ("MulOptions", activation),
            "CONCATENATION": ("ConcatenationOptions", {"Axis": 3}),
            "MEAN": ("ReducerOptions", {"KeepDims": True}),
            "QUANTIZE": ("QuantizeOptions", {}),
            "FULLY_CONNECTED": ("FullyConnectedOptions", activation),
            "SOFTMAX": ("SoftmaxOptions", {"Beta": options.beta}),
        }
        if name not in tables:
            return None
        return self.options(*tables[name])
