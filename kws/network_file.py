"""Read an int8 .tflite into the layers that the C engine runs; refuse, by name, what it cannot."""

from __future__ import annotations

import struct
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import tflite

from kws.errors import KwsError
from kws.network import DEPTH_STEP, Layer, Network
from kws.quantisation import Channels, channels, exponentials

MAX_LAYERS = 40  # KWS_MAX_LAYERS
Pads = tuple[tuple[int, int], tuple[int, int]]  # (before, after) along time, along frequency
NO_PADS: Pads = ((0, 0), (0, 0))


@dataclass(frozen=True)
class Tensor:
    """A tensor's shape, int8 quantisation and constant data (None where it is computed)."""

    index: int
    name: str
    shape: tuple[int, ...]
    type: int
    scales: npt.NDArray[np.float32]
    zero: int
    data: npt.NDArray[Any] | None

    @property
    def scale(self) -> np.float32:
        """Its one scale."""
        return np.float32(self.scales[0])

    @property
    def plane(self) -> tuple[int, int, int]:
        """Columns, cells and channels; a flat tensor is one column of one cell."""
        if len(self.shape) == 4 and self.shape[0] == 1:
            return self.shape[1], self.shape[2], self.shape[3]
        return 1, 1, int(np.prod(self.shape))


def read(content: bytes, where: str) -> Network:
    """The network in a .tflite file; `where` names the file in errors."""
    try:
        return _Reader(content, where).network()
    except (struct.error, ValueError, IndexError, TypeError, AttributeError) as error:
        raise KwsError(f"{where}: the model file is damaged or cut short") from error


class _Reader:
    """Walks a chain of operators, one layer each."""

    def __init__(self, content: bytes, where: str) -> None:
        self.where = where
        self.model = tflite.Model.GetRootAs(content, 0)
        self.graph = self.model.Subgraphs(0)
        self.pads = NO_PADS  # of PAD operators not yet taken up by a layer

    def network(self) -> Network:
        if self.graph.InputsLength() != 1 or self.graph.OutputsLength() != 1:
            raise KwsError(f"{self.where}: a network has one input and one output")
        first = current = self.tensor(self.graph.Inputs(0))
        layers: list[Layer] = []
        for position in range(self.graph.OperatorsLength()):
            op = self.graph.Operators(position)
            if op.Inputs(0) != current.index or op.OutputsLength() != 1:
                raise KwsError(f"{self.where}: operator {position} is not in line with the others")
            layer, current = self.step(op, current)
            layers += [layer] if layer else []
        if current.index != self.graph.Outputs(0) or self.pads != NO_PADS:
            raise KwsError(f"{self.where}: the operators do not end in the output")
        if not 1 <= len(layers) <= MAX_LAYERS:
            raise KwsError(f"{self.where}: {len(layers)} layers are not 1 to {MAX_LAYERS}")
        rows, cells, values = first.plane
        return Network(
            layers=tuple(layers),
            window_rows=rows,
            row_values=cells * values,
            row_scale=float(first.scale),
            row_zero=first.zero,
            classes=layers[-1].output_cells * layers[-1].output_channels,
            score_scale=float(current.scale),
        )

    def step(self, op: Any, current: Tensor) -> tuple[Layer | None, Tensor]:
        """One operator: its layer, if it computes anything, and its output."""
        code = self.model.OperatorCodes(op.OpcodeIndex())
        name = tflite.opcode2name(max(code.BuiltinCode(), code.DeprecatedBuiltinCode()))
        out = self.tensor(op.Outputs(0))
        make = {
            "CONV_2D": self.convolution,
            "DEPTHWISE_CONV_2D": self.depthwise,
            "FULLY_CONNECTED": self.fully_connected,
            "AVERAGE_POOL_2D": self.average,
            "SOFTMAX": self.softmax,
        }.get(name)
        if name in ("RESHAPE", "SQUEEZE"):
            if np.prod(out.shape) != np.prod(current.shape):
                raise KwsError(f"{self.where}: {name} at {out.name} changes the number of values")
            return None, out
        if name == "PAD":
            self.pad(op)
            return None, replace(out, shape=current.shape)
        if make is None:
            raise KwsError(f"{self.where}: operator {name} is not supported (at {out.name})")
        for tensor in (current, out):
            if tensor.type != tflite.TensorType.INT8:
                raise KwsError(f"{self.where}: {name} at {tensor.name} is not int8")
        layer = make(op, current, out)
        self.pads = NO_PADS
        return layer, out

    def convolution(self, op: Any, source: Tensor, out: Tensor) -> Layer:
        options = self.options(op, tflite.Conv2DOptions())
        weights = self.constant(op, 1)
        count = weights.shape[0]
        assert weights.data is not None
        rows = weights.data.reshape(count, -1)
        shape = self.window(source, out, options, weights.shape[1:3])
        quantised = self.quantise(op, source, out, weights, rows)
        return self.layer("CONVOLUTION", shape, source, out, options, _padded(rows), quantised)

    def depthwise(self, op: Any, source: Tensor, out: Tensor) -> Layer:
        options = self.options(op, tflite.DepthwiseConv2DOptions())
        weights = self.constant(op, 1)
        count = weights.shape[3]
        assert weights.data is not None
        rows = weights.data.reshape(-1, count).T
        shape = self.window(source, out, options, weights.shape[1:3])
        quantised = self.quantise(op, source, out, weights, rows)
        if source.plane[2] == 1:  # every output channel sees the one input channel
            return self.layer("CONVOLUTION", shape, source, out, options, _padded(rows), quantised)
        if count != source.plane[2]:
            raise KwsError(f"{self.where}: DEPTHWISE_CONV_2D at {out.name} multiplies channels")
        return self.layer("DEPTHWISE", shape, source, out, options, _in_fours(rows), quantised)

    def fully_connected(self, op: Any, source: Tensor, out: Tensor) -> Layer:
        """A convolution whose kernel is the whole plane."""
        options = self.options(op, tflite.FullyConnectedOptions())
        weights = self.constant(op, 1)
        assert weights.data is not None
        columns, cells, values = source.plane
        if weights.shape[1] != columns * cells * values or self.pads != NO_PADS:
            raise KwsError(f"{self.where}: FULLY_CONNECTED at {out.name} does not fit its input")
        shape = {"time_kernel": columns, "time_stride": 1, "kernel": cells, "stride": 1}
        quantised = self.quantise(op, source, out, weights, weights.data, product32=True)
        out = replace(out, shape=(1, 1, 1, weights.shape[0]))
        return self.layer(
            "CONVOLUTION", shape, source, out, options, _padded(weights.data), quantised
        )

    def average(self, op: Any, source: Tensor, out: Tensor) -> Layer:
        options = self.options(op, tflite.Pool2DOptions())
        shape = self.window(source, out, options, (options.FilterHeight(), options.FilterWidth()))
        if any(shape.get(side) for side in ("time_before", "time_after", "cells_before")):
            raise KwsError(f"{self.where}: AVERAGE_POOL_2D at {out.name} pads")
        return self.layer("AVERAGE", shape, source, out, options)

    def softmax(self, op: Any, source: Tensor, out: Tensor) -> Layer:
        options = self.options(op, tflite.SoftmaxOptions())
        if out.scale != np.float32(1 / 256) or out.zero != -128 or source.plane[1] != 1:
            raise KwsError(f"{self.where}: SOFTMAX at {out.name} is not the int8 kind")
        empty = np.zeros(0, np.int32)
        table = Channels(exponentials(float(source.scale), options.Beta()), empty, np.zeros(0, "i1"))
        return self.layer("SOFTMAX", {}, source, out, None, quantised=table)

    def pad(self, op: Any) -> None:
        """Remember a PAD for the convolution that follows."""
        sides = self.constant(op, 1).data
        assert sides is not None
        (batch, time, frequency, channel) = sides.reshape(4, 2).tolist()
        if any(batch + channel) or self.pads != NO_PADS:
            raise KwsError(f"{self.where}: a PAD is not one of time and frequency")
        self.pads = (tuple(time), tuple(frequency))

    def window(
        self, source: Tensor, out: Tensor, options: Any, kernel: tuple[int, ...]
    ) -> dict[str, int]:
        """Kernel, stride and padding along both axes."""
        dilation = getattr(options, "DilationHFactor", lambda: 1)() * getattr(
            options, "DilationWFactor", lambda: 1
        )()
        if dilation != 1:
            raise KwsError(f"{self.where}: dilation is not supported (at {out.name})")
        strides = (options.StrideH(), options.StrideW())
        sides = []
        for axis in (0, 1):
            before, after = self.pads[axis]
            size, given = source.plane[axis], out.plane[axis]
            if options.Padding() == tflite.Padding.SAME:
                if self.pads != NO_PADS:
                    raise KwsError(f"{self.where}: padding twice is not supported (at {out.name})")
                total = max(0, (given - 1) * strides[axis] + kernel[axis] - size)
                before, after = total // 2, total - total // 2
            if (size + before + after - kernel[axis]) // strides[axis] + 1 != given:
                raise KwsError(f"{self.where}: the shape of {out.name} does not follow")
            sides.append((before, after))
        return {
            "time_kernel": kernel[0],
            "kernel": kernel[1],
            "time_stride": strides[0],
            "stride": strides[1],
            "time_before": sides[0][0],
            "time_after": sides[0][1],
            "cells_before": sides[1][0],
            "cells": source.plane[1] + sum(sides[1]),
        }

    def quantise(
        self,
        op: Any,
        source: Tensor,
        out: Tensor,
        weights: Tensor,
        rows: npt.NDArray[np.int8],
        product32: bool = False,
    ) -> Channels:
        """Bias with the input's zero point folded in, and multipliers, per channel of rows.

        product32: fully connected layers multiply the two scales in binary32.
        """
        if weights.type != tflite.TensorType.INT8 or weights.zero != 0:
            raise KwsError(f"{self.where}: the weights of {out.name} are not symmetric int8")
        scales = np.broadcast_to(weights.scales, len(rows))
        product = source.scale.astype(np.float64) * scales.astype(np.float64)
        if product32 and len(weights.scales) == 1:
            product = (source.scale * scales).astype(np.float64)
        bias = np.zeros(len(rows), np.int64)
        if op.InputsLength() > 2 and op.Inputs(2) >= 0:
            given = self.constant(op, 2).data
            assert given is not None
            bias += given
        bias -= rows.sum(axis=1, dtype=np.int64) * source.zero
        where = f"{self.where}: {out.name}"
        return channels(rows, bias, product / np.float64(out.scale), out.zero, where)

    def layer(
        self,
        kind: str,
        shape: dict[str, int],
        source: Tensor,
        out: Tensor,
        options: Any = None,
        weights: npt.NDArray[np.int8] | None = None,
        quantised: Channels | None = None,
    ) -> Layer:
        """Put the parts together; what shape leaves out is 1 of a kernel or stride, 0 of a pad."""
        _, cells, values = source.plane
        _, output_cells, output_values = out.plane
        least, greatest = self.activation(options, out)
        ones = dict.fromkeys(("time_kernel", "time_stride", "kernel", "stride"), 1)
        pads = dict.fromkeys(("time_before", "time_after", "cells_before"), 0)
        numbers = {**ones, **pads, "cells": cells, **shape}
        limits = {"cells": 65535, "time_stride": 255, "time_kernel": 255}
        if any(not 0 <= n <= limits.get(k, 255) for k, n in numbers.items()):
            raise KwsError(f"{self.where}: {out.name} is too large for the engine")
        if numbers["time_before"] >= numbers["time_kernel"]:
            raise KwsError(f"{self.where}: {out.name} pads more than its kernel")
        empty = np.zeros(0, np.int32)
        quantised = quantised or Channels(empty, empty, np.zeros(0, np.int8))
        return Layer(
            kind=kind,
            **numbers,
            channels=values,
            output_cells=output_cells,
            output_channels=output_values,
            zero=source.zero,
            output_zero=out.zero,
            least=least,
            greatest=greatest,
            weights=np.zeros(0, np.int8) if weights is None else np.ascontiguousarray(weights),
            bias=quantised.bias,
            multiplier=quantised.multiplier,
            shift=quantised.shift,
        )

    def activation(self, options: Any, out: Tensor) -> tuple[int, int]:
        """int8 range of the fused activation (CalculateActivationRangeQuantized)."""
        kinds = tflite.ActivationFunctionType
        kind = kinds.NONE if options is None else options.FusedActivationFunction()
        ranges = {kinds.NONE: (None, None), kinds.RELU: (0.0, None), kinds.RELU6: (0.0, 6.0)}
        if kind not in ranges:
            raise KwsError(f"{self.where}: the activation of {out.name} is not supported")
        least, greatest = (
            None if bound is None else out.zero + round(np.float32(bound) / out.scale)
            for bound in ranges[kind]
        )
        return (
            -128 if least is None else max(-128, least),
            127 if greatest is None else min(127, greatest),
        )

    def options(self, op: Any, options: Any) -> Any:
        table = op.BuiltinOptions()
        options.Init(table.Bytes, table.Pos)
        return options

    def constant(self, op: Any, position: int) -> Tensor:
        tensor = self.tensor(op.Inputs(position))
        if tensor.data is None:
            raise KwsError(f"{self.where}: {tensor.name} is not constant")
        return tensor

    def tensor(self, index: int) -> Tensor:
        tensor = self.graph.Tensors(index)
        quantisation = tensor.Quantization()
        quantised = quantisation is not None and quantisation.ScaleLength() > 0
        raw = self.model.Buffers(tensor.Buffer()).DataAsNumpy()
        types = {tflite.TensorType.INT8: "i1", tflite.TensorType.INT32: "<i4"}
        kind, shape = tensor.Type(), tuple(int(n) for n in tensor.ShapeAsNumpy())
        constant = not isinstance(raw, int) and kind in types
        return Tensor(
            index=index,
            name=tensor.Name().decode(errors="replace"),
            shape=shape,
            type=kind,
            scales=quantisation.ScaleAsNumpy() if quantised else np.ones(1, np.float32),
            zero=int(quantisation.ZeroPoint(0)) if quantised else 0,
            data=np.frombuffer(raw.tobytes(), types[kind]).reshape(shape) if constant else None,
        )


def _padded(rows: npt.NDArray[np.int8]) -> npt.NDArray[np.int8]:
    """Rows [channels, depth] with the depth padded to a multiple of DEPTH_STEP."""
    return np.pad(rows, ((0, 0), (0, -rows.shape[1] % DEPTH_STEP)))


def _in_fours(rows: npt.NDArray[np.int8]) -> npt.NDArray[np.int8]:
    """Rows [channels, taps] as [channels / 4, taps, 4], the channels padded to a multiple of 4."""
    channels = np.pad(rows, ((0, -rows.shape[0] % 4), (0, 0)))
    return channels.reshape(-1, 4, rows.shape[1]).swapaxes(1, 2)
