"""Read the operators and tensors of a .tflite file as plain values."""

from __future__ import annotations

import struct
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt
import tflite

from kws.engine.tflite_options import Options, read_options
from kws.errors import KwsError

INT8, INT32, UINT8 = tflite.TensorType.INT8, tflite.TensorType.INT32, tflite.TensorType.UINT8
_DATA_TYPES = {INT8: "i1", INT32: "<i4"}
MAX_OPERATORS = 200
MAX_INPUTS = 8  # of an operator
MAX_DIMENSIONS = 8
MAX_NAME = 40  # bytes of a custom operator's name that a message shows
UNREADABLE = (struct.error, ValueError, LookupError, TypeError, AttributeError, ArithmeticError)
# Operators whose inputs and outputs are not one input at least and one output.
_INPUTS = {"CALL_ONCE": 0, "VAR_HANDLE": 0}
_OUTPUTS = {
    **dict.fromkeys(("CALL_ONCE", "ASSIGN_VARIABLE"), (0, 0)),
    **dict.fromkeys(("SPLIT_V", "SPLIT"), (1, MAX_INPUTS)),
}


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

    def quantised_as(self, other: Tensor) -> bool:
        """Return whether values of one scale stand for what those of another tensor do."""
        return (
            (self.type, len(self.scales), len(other.scales)) == (other.type, 1, 1)
            and self.scale == other.scale
            and self.zero_point == other.zero_point
        )


@dataclass(frozen=True)
class Operator:
    """Hold an operator; number: its position in its graph, from 1."""

    number: int
    name: str
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    options: Options
    past: int = 0  # time steps of earlier calls that a CONCATENATION puts before its one input

    @property
    def output(self) -> Tensor:
        """Return the first output."""
        return self.outputs[0]

    def constant(self, position: int, where: str) -> npt.NDArray[Any]:
        """Return the data of an input that must be constant.

        Raises:
            KwsError: it is not.
        """
        if position >= len(self.inputs) or (data := self.inputs[position].data) is None:
            raise KwsError(f"{where}: an input of {self.name} is not constant")
        return data


@dataclass(frozen=True)
class Graph:
    """Hold the inputs, the outputs and the operators of a graph."""

    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    operators: tuple[Operator, ...]


@contextmanager
def readable(where: str) -> Iterator[None]:
    """Turn what the schema's readers raise on a damaged file into one KwsError."""
    try:
        yield
    except UNREADABLE as error:
        raise KwsError(f"{where}: the model file is damaged or cut short") from error


def read_graphs(
    content: bytes, where: str, names: Collection[str], names_in_two: Collection[str]
) -> list[Graph]:
    """Return the one or two graphs of a file; names: of the operators that each may have.

    Raises:
        KwsError: an operator has another name, or the file is damaged.
    """
    model = tflite.Model.GetRootAs(content, 0)
    count = model.SubgraphsLength()
    known = names if count == 1 else names_in_two
    found = [_names(model, index, where) for index in range(min(count, 2))]
    for name in (name for of_graph in found for name in of_graph):
        if name not in known:
            raise KwsError(f"{where}: operator {name} is not supported")
    if not 1 <= count <= 2:
        raise KwsError(f"{where}: {count} graphs are not one, or one and what it calls once")
    return [_graph(model, index, of_graph, where) for index, of_graph in enumerate(found)]


def _names(model: Any, index: int, where: str) -> list[str]:
    graph = model.Subgraphs(index)
    count = graph.OperatorsLength()
    if count > MAX_OPERATORS:
        raise KwsError(f"{where}: {count} operators are more than {MAX_OPERATORS}")
    return [_name(model, graph.Operators(position)) for position in range(count)]


def _name(model: Any, operator: Any) -> str:
    """Return the name of an operator, of a custom one or one of a later schema, too."""
    code = model.OperatorCodes(operator.OpcodeIndex())
    number = max(code.BuiltinCode(), code.DeprecatedBuiltinCode())
    name: str = tflite.BUILTIN_OPCODE2NAME.get(number, str(number))
    if name != "CUSTOM":
        return name
    custom = (code.CustomCode() or b"")[:MAX_NAME].decode("ascii", "replace")
    return f"CUSTOM {custom!a}"


def _graph(model: Any, index: int, names: list[str], where: str) -> Graph:
    graph = model.Subgraphs(index)
    if max(graph.InputsLength(), graph.OutputsLength()) > 1:
        raise KwsError(f"{where}: a network has one graph with one input and one output")
    return Graph(
        tuple(_tensor(model, graph, graph.Inputs(i), where) for i in range(graph.InputsLength())),
        tuple(_tensor(model, graph, graph.Outputs(i), where) for i in range(graph.OutputsLength())),
        tuple(_operator(model, graph, i, name, where) for i, name in enumerate(names)),
    )


def _operator(model: Any, graph: Any, position: int, name: str, where: str) -> Operator:
    where = f"{where}: operator {position + 1} ({name})"
    operator = graph.Operators(position)
    fewest, (least, most) = _INPUTS.get(name, 1), _OUTPUTS.get(name, (1, 1))
    if not (
        fewest <= operator.InputsLength() <= MAX_INPUTS
        and least <= operator.OutputsLength() <= most
    ):
        raise KwsError(f"{where} has not {fewest} to {MAX_INPUTS} inputs and its outputs")
    inputs = [operator.Inputs(i) for i in range(operator.InputsLength())]
    return Operator(
        position + 1,
        name,
        tuple(_tensor(model, graph, index, where) for index in inputs if index != -1),
        tuple(
            _tensor(model, graph, operator.Outputs(i), where)
            for i in range(operator.OutputsLength())
        ),
        read_options(operator, name, where),
    )


def _tensor(model: Any, graph: Any, index: int, where: str) -> Tensor:
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
