"""Write the tables of a .tflite file."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import flatbuffers
import numpy as np
import numpy.typing as npt
import tflite

from kws.engine.tflite_reader import INT8, INT32, Tensor

ALIGNMENT = 16  # of data, schema.fbs: Buffer.data


class Writer:
    """Collect the tables of a file; each is complete before one that refers to it is begun."""

    def __init__(self) -> None:
        self._builder = flatbuffers.Builder(1 << 16)
        self._tensors: list[int] = []
        self.shapes: list[tuple[int, ...]] = []  # of the tensors
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
        self.shapes.append(shape)
        return len(self._tensors) - 1

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
        self._tensors, self.shapes, self._operators = [], [], []

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
