"""Read the operators and tensors of a .tflite file as plain values."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import tflite

from kws.errors import KwsError

INT8 = tflite.TensorType.INT8
_DATA_TYPES = {tflite.TensorType.INT8: "i1", tflite.TensorType.INT32: "<i4"}
_OPTIONS = {
    "CONV_2D": tflite.Conv2DOptions,
    "DEPTHWISE_CONV_2D": tflite.DepthwiseConv2DOptions,
    "FULLY_CONNECTED": tflite.FullyConnectedOptions,
    "AVERAGE_POOL_2D": tflite.Pool2DOptions,
    "SOFTMAX": tflite.SoftmaxOptions,
}


@dataclass(frozen=True)
class Tensor:
    """Hold the shape and the quantisation of a tensor, and its data where it is constant."""

    index: int
    name: str
    shape: tuple[int, ...]
    type: int
    scales: npt.NDArray[np.float32]  # one, or one per channel
    zero_point: int
    data: npt.NDArray[Any] | None

    @property
    def scale(self) -> np.float32:
        """Return the scale of a tensor that has one."""
        return np.float32(self.scales[0])

    @property
    def plane(self) -> tuple[int, int, int]:
        """Return time steps, frequency bins and channels; a flat tensor has one step of one bin."""
        if len(self.shape) == 4 and self.shape[0] == 1:
            return self.shape[1], self.shape[2], self.shape[3]
        return 1, 1, int(np.prod(self.shape))


@dataclass(frozen=True)
class Operator:
    """Hold an operator; options: its table in the schema, where it has one."""

    name: str
    inputs: tuple[Tensor, ...]
    output: Tensor
    options: Any

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
    except (struct.error, ValueError, IndexError, TypeError, AttributeError) as error:
        raise KwsError(f"{where}: the model file is damaged or cut short") from error


def chain(content: bytes, where: str) -> tuple[Tensor, list[Operator]]:
    """Return the input of the network in a file, and its operators.

    Raises:
        KwsError: an operator does not take the output of the one before it, or the file is damaged.
    """
    with readable(where):
        model = tflite.Model.GetRootAs(content, 0)
        graph = model.Subgraphs(0)
        if graph.InputsLength() != 1 or graph.OutputsLength() != 1:
            raise KwsError(f"{where}: a network has one input and one output")
        source = _tensor(model, graph.Inputs(0))
        operators = [_operator(model, i) for i in range(graph.OperatorsLength())]
        # Keras computes shapes in the graph; those of the tensors are known without.
        operators = [
            operator
            for operator in operators
            if operator.name not in ("SHAPE", "STRIDED_SLICE", "PACK")
            or operator.output.type != tflite.TensorType.INT32
        ]
        current = source
        for operator in operators:
            if operator.inputs[0].index != current.index:
                raise KwsError(f"{where}: {operator.name} is not in line with the other operators")
            current = operator.output
        if current.index != graph.Outputs(0):
            raise KwsError(f"{where}: the operators do not end in the output")
        return source, operators


def _operator(model: Any, position: int) -> Operator:
    operator = model.Subgraphs(0).Operators(position)
    code = model.OperatorCodes(operator.OpcodeIndex())
    name = tflite.opcode2name(max(code.BuiltinCode(), code.DeprecatedBuiltinCode()))
    options = _OPTIONS[name]() if name in _OPTIONS else None
    if options is not None:
        table = operator.BuiltinOptions()
        options.Init(table.Bytes, table.Pos)
    inputs = [operator.Inputs(i) for i in range(operator.InputsLength())]
    return Operator(
        name,
        tuple(_tensor(model, index) for index in inputs if index >= 0),
        _tensor(model, operator.Outputs(0)),
        options,
    )


def _tensor(model: Any, index: int) -> Tensor:
    tensor = model.Subgraphs(0).Tensors(index)
    quantisation = tensor.Quantization()
    quantised = quantisation is not None and quantisation.ScaleLength() > 0
    raw = model.Buffers(tensor.Buffer()).DataAsNumpy()
    kind, shape = tensor.Type(), tuple(int(n) for n in tensor.ShapeAsNumpy())
    constant = not isinstance(raw, int) and kind in _DATA_TYPES
    return Tensor(
        index=index,
        name=tensor.Name().decode(errors="replace"),
        shape=shape,
        type=kind,
        scales=quantisation.ScaleAsNumpy() if quantised else np.ones(1, np.float32),
        zero_point=int(quantisation.ZeroPoint(0)) if quantised else 0,
        data=np.frombuffer(raw.tobytes(), _DATA_TYPES[kind]).reshape(shape) if constant else None,
    )
