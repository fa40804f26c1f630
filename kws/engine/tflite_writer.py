"""Write proven operators as a .tflite file, which TensorFlow Lite's interpreter can be given.

The interpreter trusts a file: it crashes on offsets that lead astray, and runs what kws does not
read. So it is never given a foreign file, but what was proven of it, written again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from math import prod
from typing import Any

import flatbuffers
import numpy as np
import numpy.typing as npt
import tflite

from kws.engine.operator_check import NO_PADS, WEIGHT_AXES, Step
from kws.engine.tflite_reader import INT8, INT32, Tensor

ALIGNMENT = 16  # of data, schema.fbs: Buffer.data


def rewritten(first: Tensor, steps: list[Step]) -> bytes:
    """Return a file with the same network; padding is explicit, shapes are planes."""
    writer = Writer()
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


class Writer:
    """Collect the tables of a file; each is complete before one that refers to it is begun."""

    def __init__(self) -> None:
        self._builder = flatbuffers.Builder(1 << 16)
        self._tensors: list[int] = []
        self._buffers = [self._buffer(None)]  # the first is empty, by convention
        self._operators: list[int] = []
        self._graphs: list[int] = []
        self._codes: dict[str, int] = {}  # index by name

    def tensor(
        self,
        shape: tuple[int, ...],
        kind: int,
        like: Tensor | None,
        data: npt.NDArray[Any] | None = None,
    ) -> int:
        """Add a tensor, quantised like another one, constant with data; return its index."""
        builder = self._builder
        dimensions = builder.CreateNumpyVector(np.array(shape, np.int32))
        quantisation = self._quantisation(like) if like is not None and like.scales.size else None
        if data is not None:
            self._buffers.append(self._buffer(data))
        tflite.TensorStart(builder)
        tflite.TensorAddShape(builder, dimensions)
        tflite.TensorAddType(builder, kind)
        tflite.TensorAddBuffer(builder, 0 if data is None else len(self._buffers) - 1)
        if quantisation is not None:
            tflite.TensorAddQuantization(builder, quantisation)
        self._tensors.append(tflite.TensorEnd(builder))
        return len(self._tensors) - 1

    def step(
        self, step: Step, source: int, added: list[int], time_steps: tuple[int, int] | None = None
    ) -> int:
        """Add the operators of a step that reads a tensor; return the tensor that it writes.

        added: the tensor that an ADD adds to it, or that a RECALL gives; time_steps: of the padded
        input and the output, other ones than in a window.
        """
        name, output, tensor = step.operator.name, step.output, step.source
        if name == "RECALL":
            return added[0]
        time_in, time_out = time_steps or (step.padded[0], output.plane[0])
        if step.pads != NO_PADS:
            sides = np.array([(0, 0), *step.pads, (0, 0)], np.int32)
            shape = (1, time_in, step.padded[1], tensor.plane[2])
            inputs = [source, self.tensor((4, 2), INT32, None, sides)]
            if step.pad_value != tensor.zero_point:
                inputs.append(self.tensor((1,), INT8, tensor, np.array([step.pad_value], np.int8)))
            pad = "PAD" if len(inputs) == 2 else "PADV2"
            source = self.operator(pad, inputs, self.tensor(shape, INT8, tensor))
        if name == "FULLY_CONNECTED" and tensor.plane[:2] != (1, 1):
            source = self.reshape(source, (1, prod(tensor.plane)), tensor)
        inputs = [source, *added]
        if name == "MEAN" and step.kernel == (1, 1):  # of one value, in a longer stream, too
            name = "QUANTIZE"
        elif name == "MEAN":
            axes = np.array([axis for axis in (1, 2) if step.kernel[axis - 1] > 1], np.int32)
            inputs.append(self.tensor(axes.shape, INT32, None, axes))
        for each in step.operator.inputs[1:3] if name in WEIGHT_AXES else ():
            if each.type == INT32:  # kws strips the scales of a bias, which TFLM compares
                each = bias_like(each, tensor, step.operator.inputs[1])
            inputs.append(self.tensor(each.shape, each.type, each, each.data))
        shape = (1, time_out, *output.plane[1:])
        written = (1, output.plane[2]) if name == "FULLY_CONNECTED" else shape
        options = self._step_options(name, step)
        return self.operator(name, inputs, self.tensor(written, INT8, output), options)

    def reshape(self, source: int, shape: tuple[int, ...], like: Tensor) -> int:
        """Add a RESHAPE of a tensor; return the tensor that it writes."""
        sizes = self.tensor((len(shape),), INT32, None, np.array(shape, np.int32))
        return self.operator("RESHAPE", [source, sizes], self.tensor(shape, INT8, like))

    def graph(self, inputs: list[int], outputs: list[int]) -> None:
        """End a graph, whose tensors and operators were added; what follows is of another."""
        builder = self._builder
        first = builder.CreateNumpyVector(np.array(inputs, np.int32))
        last = builder.CreateNumpyVector(np.array(outputs, np.int32))
        tensors, operators = self._vector(self._tensors), self._vector(self._operators)
        tflite.SubGraphStart(builder)
        tflite.SubGraphAddTensors(builder, tensors)
        tflite.SubGraphAddInputs(builder, first)
        tflite.SubGraphAddOutputs(builder, last)
        tflite.SubGraphAddOperators(builder, operators)
        self._graphs.append(tflite.SubGraphEnd(builder))
        self._tensors, self._operators = [], []

    def file(self) -> bytes:
        """Return the file of all graphs."""
        builder = self._builder
        graphs = self._vector(self._graphs)
        codes = self._vector([self._code(name) for name in self._codes])
        buffers = self._vector(self._buffers)
        tflite.ModelStart(builder)
        tflite.ModelAddVersion(builder, 3)
        tflite.ModelAddOperatorCodes(builder, codes)
        tflite.ModelAddSubgraphs(builder, graphs)
        tflite.ModelAddBuffers(builder, buffers)
        builder.Finish(tflite.ModelEnd(builder), b"TFL3")
        return bytes(builder.Output())

    def operator(
        self,
        name: str,
        inputs: list[int],
        output: int | None,
        options: tuple[int, int] | None = None,
    ) -> int:
        """Add an operator that writes a tensor, or none; return that tensor, -1 for none.

        options: the kind and the table of its options.
        """
        builder = self._builder
        sources = builder.CreateNumpyVector(np.array(inputs, np.int32))
        written = [] if output is None else [output]
        outputs = builder.CreateNumpyVector(np.array(written, np.int32))
        tflite.OperatorStart(builder)
        tflite.OperatorAddOpcodeIndex(builder, self._codes.setdefault(name, len(self._codes)))
        tflite.OperatorAddInputs(builder, sources)
        tflite.OperatorAddOutputs(builder, outputs)
        if options is not None:
            tflite.OperatorAddBuiltinOptionsType(builder, options[0])
            tflite.OperatorAddBuiltinOptions(builder, options[1])
        self._operators.append(tflite.OperatorEnd(builder))
        return -1 if output is None else output

    def options(self, kind: str, fields: dict[str, Any]) -> tuple[int, int]:
        """Return the kind and the table of options, with texts in place of their offsets."""
        builder = self._builder
        fields = {
            name: builder.CreateString(value) if isinstance(value, str) else value
            for name, value in fields.items()
        }
        getattr(tflite, f"{kind}Start")(builder)
        for field, value in fields.items():
            getattr(tflite, f"{kind}Add{field}")(builder, value)
        end: Callable[[Any], int] = getattr(tflite, f"{kind}End")
        return getattr(tflite.BuiltinOptions, kind), end(builder)

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
            "MEAN": ("ReducerOptions", {"KeepDims": True}),
            "QUANTIZE": ("QuantizeOptions", {}),
            "FULLY_CONNECTED": ("FullyConnectedOptions", activation),
            "SOFTMAX": ("SoftmaxOptions", {"Beta": options.beta}),
        }
        if name not in tables:
            return None
        return self.options(*tables[name])

    def _quantisation(self, like: Tensor) -> int:
        builder = self._builder
        scales = builder.CreateNumpyVector(like.scales.astype(np.float32))
        zero_points = np.zeros(like.scales.size, np.int64)
        zero_points[: like.zero_points.size] = like.zero_points[: like.scales.size]
        zeros = builder.CreateNumpyVector(zero_points)
        tflite.QuantizationParametersStart(builder)
        tflite.QuantizationParametersAddScale(builder, scales)
        tflite.QuantizationParametersAddZeroPoint(builder, zeros)
        tflite.QuantizationParametersAddQuantizedDimension(builder, like.channel_axis)
        end: int = tflite.QuantizationParametersEnd(builder)
        return end

    def _buffer(self, data: npt.NDArray[Any] | None) -> int:
        builder, content = self._builder, None
        if data is not None:
            flat = np.frombuffer(np.ascontiguousarray(data).tobytes(), np.uint8)
            builder.Prep(ALIGNMENT, flat.size)
            content = builder.CreateNumpyVector(flat)
        tflite.BufferStart(builder)
        if content is not None:
            tflite.BufferAddData(builder, content)
        end: int = tflite.BufferEnd(builder)
        return end

    def _code(self, name: str) -> int:
        code = getattr(tflite.BuiltinOperator, name)
        tflite.OperatorCodeStart(self._builder)
        tflite.OperatorCodeAddDeprecatedBuiltinCode(self._builder, min(code, 127))
        tflite.OperatorCodeAddBuiltinCode(self._builder, code)
        tflite.OperatorCodeAddVersion(self._builder, 1)
        end: int = tflite.OperatorCodeEnd(self._builder)
        return end

    def _vector(self, tables: list[int]) -> int:
        self._builder.StartVector(4, len(tables), 4)
        for table in reversed(tables):
            self._builder.PrependUOffsetTRelative(table)
        end: int = self._builder.EndVector()
        return end
