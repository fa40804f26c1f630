"""Read the operators and tensors of a .tflite file as plain values."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt
import tflite

from kws.errors import KwsError

INT8, INT32 = tflite.TensorType.INT8, tflite.TensorType.INT32
_DATA_TYPES = {INT8: "i1", INT32: "<i4"}
_OPTIONS = {
    "CONV_2D": tflite.Conv2DOptions,
    "DEPTHWISE_CONV_2D": tflite.DepthwiseConv2DOptions,
    "FULLY_CONNECTED": tflite.FullyConnectedOptions,
    "AVERAGE_POOL_2D": tflite.Pool2DOptions,
    "MAX_POOL_2D": tflite.Pool2DOptions,
    "ADD": tflite.AddOptions,
    "SOFTMAX": tflite.SoftmaxOptions,
}
_PLAIN = ("MEAN", "LOGISTIC", "QUANTIZE")  # whose options say nothing that shapes do not
_MOVES = ("RESHAPE", "SQUEEZE", "PAD")  # operators that compute nothing
_OF_SHAPES = ("SHAPE", "STRIDED_SLICE", "PACK")  # by which Keras computes shapes
MAX_OPERATORS = 200
MAX_INPUTS = 8  # of an operator
MAX_DIMENSIONS = 8
MAX_NAME = 40  # bytes of a custom operator's name that a message shows
UNREADABLE = (struct.error, ValueError, LookupError, TypeError, AttributeError, ArithmeticError)


@dataclass(frozen=True)
class Tensor:
    """Hold the shape and the quantisation of a tensor, and its data where it is constant."""

    index: int
    shape: tuple[int, ...]
    type: int
    scales: npt.NDArray[np.float32]  # one, one per channel, or none
    zero_points: npt.NDArray[np.int64]
    channel_axis: int  # that scales per channel belong to
    data: npt.NDArray[Any] | None

    @property
    def scale(self) -> np.float32:
        """Return the scale of a tensor that has one."""
        return np.float32(self.scales[0])

    @property
    def zero_point(self) -> int:
        """Return the zero point of a tensor that has a scale."""
        return int(self.zero_points[0]) if self.zero_points.size else 0

    @property
    def plane(self) -> tuple[int, int, int]:
        """Return time steps, frequency bins and channels; a flat tensor has one step of one bin."""
        if len(self.shape) == 4 and self.shape[0] == 1:
            return self.shape[1], self.shape[2], self.shape[3]
        return 1, 1, prod(self.shape)


@dataclass(frozen=True)
class Options:
    """Hold what an operator's table says, along time and frequency; 1, 0 where it says nothing."""

    kernel: tuple[int, int] = (1, 1)  # of a pool
    stride: tuple[int, int] = (1, 1)
    dilation: tuple[int, int] = (1, 1)
    padding: int = tflite.Padding.VALID
    activation: int = tflite.ActivationFunctionType.NONE
    weights_format: int = 0
    beta: float = 1.0


@dataclass(frozen=True)
class Operator:
    """Hold an operator; number: its position in the file, from 1."""

    number: int
    name: str
    inputs: tuple[Tensor, ...]
    output: Tensor
    options: Options

    def constant(self, position: int, where: str) -> npt.NDArray[Any]:
        """Return the data of an input that must be constant.

        Raises:
            KwsError: it is not.
        """
        if position >= len(self.inputs) or (data := self.inputs[position].data) is None:
            raise KwsError(f"{where}: an input of {self.name} is not constant")
        return data


@contextmanager
def readable(where: str) -> Iterator[None]:
    """Turn what the schema's readers raise on a damaged file into one KwsError."""
    try:
        yield
    except UNREADABLE as error:
        raise KwsError(f"{where}: the model file is damaged or cut short") from error


def chain(content: bytes, where: str) -> tuple[Tensor, list[Operator]]:
    """Return the input of the network in a file, and its operators.

    Raises:
        KwsError: an operator is not supported or does not take the output of the one before it, or
            the file is damaged.
    """
    with readable(where):
        model = tflite.Model.GetRootAs(content, 0)
        graph = model.Subgraphs(0)
        count = graph.OperatorsLength()
        if count > MAX_OPERATORS:
            raise KwsError(f"{where}: {count} operators are more than {MAX_OPERATORS}")
        names = [_name(model, graph.Operators(position)) for position in range(count)]
        for name in names:
            if name not in (*_OPTIONS, *_PLAIN, *_MOVES, *_OF_SHAPES):
                raise KwsError(f"{where}: operator {name} is not supported")
        if (model.SubgraphsLength(), graph.InputsLength(), graph.OutputsLength()) != (1, 1, 1):
            raise KwsError(f"{where}: a network has one graph with one input and one output")
        source = _tensor(model, graph.Inputs(0), where)
        operators = [_operator(model, i, name, where) for i, name in enumerate(names)]
        # The shapes of the tensors are known without the operators that compute them.
        operators = [o for o in operators if o.name not in _OF_SHAPES or o.output.type != INT32]
        operators = _in_line(source, operators, where)
        if (operators[-1].output if operators else source).index != graph.Outputs(0):
            raise KwsError(f"{where}: the operators do not end in the output")
        return source, operators


def _in_line(source: Tensor, operators: list[Operator], where: str) -> list[Operator]:
    """Return operators, each of which takes the output of the one before it as its first input.

    Raises:
        KwsError: one does not.
    """
    line: list[Operator] = []
    current = source
    for operator in operators:
        if operator.name in _OF_SHAPES:
            raise KwsError(f"{where}: operator {operator.name} is not supported")
        inputs = operator.inputs
        if operator.name == "ADD" and inputs[0].index != current.index:
            inputs = inputs[::-1]  # its operands may be swapped
        if inputs[0].index != current.index:
            raise KwsError(f"{where}: {operator.name} is not in line with the other operators")
        line.append(replace(operator, inputs=inputs))
        current = operator.output
    return line


def _name(model: Any, operator: Any) -> str:
    """Return the name of an operator, of a custom one or one of a later schema, too."""
    code = model.OperatorCodes(operator.OpcodeIndex())
    number = max(code.BuiltinCode(), code.DeprecatedBuiltinCode())
    name: str = tflite.BUILTIN_OPCODE2NAME.get(number, str(number))
    if name != "CUSTOM":
        return name
    custom = (code.CustomCode() or b"")[:MAX_NAME].decode("ascii", "replace")
    return f"CUSTOM {custom!a}"


def _operator(model: Any, position: int, name: str, where: str) -> Operator:
    where = f"{where}: operator {position + 1} ({name})"
    operator = model.Subgraphs(0).Operators(position)
    if not 1 <= operator.InputsLength() <= MAX_INPUTS or operator.OutputsLength() != 1:
        raise KwsError(f"{where} has not 1 to {MAX_INPUTS} inputs and one output")
    inputs = [operator.Inputs(i) for i in range(operator.InputsLength())]
    return Operator(
        position + 1,
        name,
        tuple(_tensor(model, index, where) for index in inputs if index != -1),
        _tensor(model, operator.Outputs(0), where),
        _options(operator, name, where),
    )


def _options(operator: Any, name: str, where: str) -> Options:
    """Return the options of an operator."""
    if name not in _OPTIONS:
        return Options()
    table, kind = operator.BuiltinOptions(), _OPTIONS[name]
    if table is None or operator.BuiltinOptionsType() != getattr(
        tflite.BuiltinOptions, kind.__name__
    ):
        raise KwsError(f"{where} lacks its options")
    options = kind()
    options.Init(table.Bytes, table.Pos)
    if name == "SOFTMAX":
        return Options(beta=options.Beta())
    activation = options.FusedActivationFunction()
    if name == "ADD":
        return Options(activation=activation)
    if name == "FULLY_CONNECTED":
        return Options(activation=activation, weights_format=options.WeightsFormat())
    stride, padding = (options.StrideH(), options.StrideW()), options.Padding()
    if name in ("AVERAGE_POOL_2D", "MAX_POOL_2D"):
        kernel = (options.FilterHeight(), options.FilterWidth())
        return Options(kernel, stride, padding=padding, activation=activation)
    dilation = (options.DilationHFactor(), options.DilationWFactor())
    return Options((1, 1), stride, dilation, padding, activation)


def _tensor(model: Any, index: int, where: str) -> Tensor:
    graph = model.Subgraphs(0)
    if not 0 <= index < graph.TensorsLength():
        raise KwsError(f"{where}: there is no tensor {index}")
    tensor, where = graph.Tensors(index), f"{where}: tensor {index}"
    if tensor.ShapeLength() > MAX_DIMENSIONS:
        raise KwsError(f"{where} has more than {MAX_DIMENSIONS} dimensions")
    shape = tuple(tensor.Shape(i) for i in range(tensor.ShapeLength()))
    kind, quantisation = tensor.Type(), tensor.Quantization()
    scales, zero_points = np.zeros(0, np.float32), np.zeros(0, np.int64)
    if quantisation is not None and quantisation.ScaleLength():
        scales = quantisation.ScaleAsNumpy()
        zero_points = np.atleast_1d(quantisation.ZeroPointAsNumpy())
    data = model.Buffers(tensor.Buffer()).DataAsNumpy()
    constant = not isinstance(data, int) and kind in _DATA_TYPES
    if constant:
        data_type = np.dtype(_DATA_TYPES[kind])
        if min(shape, default=1) < 1 or data.nbytes != prod(shape) * data_type.itemsize:
            raise KwsError(f"{where}: {data.nbytes} bytes of data do not have shape {shape}")
        data = data.view(data_type).reshape(shape)
    return Tensor(
        index=index,
        shape=shape,
        type=kind,
        scales=scales,
        zero_points=zero_points,
        channel_axis=quantisation.QuantizedDimension() if scales.size else 0,
        data=data if constant else None,
    )
