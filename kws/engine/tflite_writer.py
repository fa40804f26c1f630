"""Write proven operators as a .tflite file, which TensorFlow Lite's interpreter can be given.

The interpreter trusts a file: it crashes on offsets that lead astray, and runs what kws does not
read. So it is never given a foreign file, but what was proven of it, written again.
"""

from __future__ import annotations

from collections.abc import Callable
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
    writer = _Writer()
    sources = [writer.tensor((1, *first.plane), INT8, first)]
    for step in steps:
        added = [sources[len(sources) - 1 - step.back]] if step.added is not None else []
        sources.append(writer.step(step, sources[-1], added))
    return writer.file(sources[0], sources[-1])


class _Writer:
    """Collect the tables of a file; each is complete before one that refers to it is begun."""

    def __init__(self) -> None:
        self._builder = flatbuffers.Builder(1 << 16)
        self._tensors: list[int] = []
        self._buffers = [self._buffer(None)]  # the first is empty, by convention
        self._operators: list[int] = []
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

    def step(self, step: Step, source: int, added: list[int]) -> int:
        """Add the operators of a step that reads a tensor; return the tensor that it writes.

        added: the tensor that an ADD adds to it.
        """
        name, output, tensor = step.operator.name, step.output, step.source
        if step.pads != NO_PADS:
            sides = np.array([(0, 0), *step.pads, (0, 0)], np.int32)
            shape = (1, *step.padded, tensor.plane[2])
            inputs = [source, self.tensor((4, 2), INT32, None, sides)]
            if step.pad_value != tensor.zero_point:
                inputs.append(self.tensor((1,), INT8, tensor, np.array([step.pad_value], np.int8)))
            pad = "PAD" if len(inputs) == 2 else "PADV2"
            source = self._operator(pad, inputs, self.tensor(shape, INT8, tensor))
        if name == "FULLY_CONNECTED" and tensor.plane[:2] != (1, 1):
            flat = np.array((1, prod(tensor.plane)), np.int32)
            inputs = [source, self.tensor((2,), INT32, None, flat)]
            source = self._operator("RESHAPE", inputs, self.tensor(tuple(flat), INT8, tensor))
        inputs = [source, *added]
        if name == "MEAN":
            axes = np.array([axis for axis in (1, 2) if step.kernel[axis - 1] > 1] or [1], np.int32)
            inputs.append(self.tensor(axes.shape, INT32, None, axes))
        for each in step.operator.inputs[1:3] if name in WEIGHT_AXES else ():
            inputs.append(self.tensor(each.shape, each.type, each, each.data))
        written = (1, output.plane[2]) if name == "FULLY_CONNECTED" else (1, *output.plane)
        return self._operator(name, inputs, self.tensor(written, INT8, output), self._options(step))

    def file(self, start: int, end: int) -> bytes:
        """Return the file of a network that leads from one tensor to another."""
        builder = self._builder
        inputs = builder.CreateNumpyVector(np.array([start], np.int32))
        outputs = builder.CreateNumpyVector(np.array([end], np.int32))
        tensors, operators = self._vector(self._tensors), self._vector(self._operators)
        tflite.SubGraphStart(builder)
        tflite.SubGraphAddTensors(builder, tensors)
        tflite.SubGraphAddInputs(builder, inputs)
        tflite.SubGraphAddOutputs(builder, outputs)
        tflite.SubGraphAddOperators(builder, operators)
        graphs = self._vector([tflite.SubGraphEnd(builder)])
        codes = self._vector([self._code(name) for name in self._codes])
        buffers = self._vector(self._buffers)
        tflite.ModelStart(builder)
        tflite.ModelAddVersion(builder, 3)
        tflite.ModelAddOperatorCodes(builder, codes)
        tflite.ModelAddSubgraphs(builder, graphs)
        tflite.ModelAddBuffers(builder, buffers)
        builder.Finish(tflite.ModelEnd(builder), b"TFL3")
        return bytes(builder.Output())

    def _operator(
        self, name: str, inputs: list[int], output: int, options: tuple[int, int] | None = None
    ) -> int:
        builder = self._builder
        sources = builder.CreateNumpyVector(np.array(inputs, np.int32))
        outputs = builder.CreateNumpyVector(np.array([output], np.int32))
        tflite.OperatorStart(builder)
        tflite.OperatorAddOpcodeIndex(builder, self._codes.setdefault(name, len(self._codes)))
        tflite.OperatorAddInputs(builder, sources)
        tflite.OperatorAddOutputs(builder, outputs)
        if options is not None:
            tflite.OperatorAddBuiltinOptionsType(builder, options[0])
            tflite.OperatorAddBuiltinOptions(builder, options[1])
        self._operators.append(tflite.OperatorEnd(builder))
        return output

    def _options(self, step: Step) -> tuple[int, int] | None:
        """Return the kind and the table of an operator's options, if it has any."""
        name, options = step.operator.name, step.operator.options
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
        kind, fields = tables[name]
        getattr(tflite, f"{kind}Start")(self._builder)
        for field, value in fields.items():
            getattr(tflite, f"{kind}Add{field}")(self._builder, value)
        end: Callable[[Any], int] = getattr(tflite, f"{kind}End")
        return getattr(tflite.BuiltinOptions, kind), end(self._builder)

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
        tflite.OperatorCodeAddDeprecatedBuiltinCode(self._builder, code)
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
