"""Write a network as a .tflite file that keeps its past itself, as microWakeWord models do.

Each call takes the frames of one step. Where a layer needs earlier time steps, they lie in a
resource variable; a second graph, called once, fills it with what stands for 0.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import tflite

from kws.engine.operator_check import Step
from kws.engine.step_writer import StepWriter
from kws.engine.tflite_reader import INT8, INT32, Tensor

RESOURCE, UINT8 = tflite.TensorType.RESOURCE, tflite.TensorType.UINT8
PROBABILITY = 1 / 256  # of int8 and uint8 outputs


def streaming(first: Tensor, steps: list[Step], stride: int, sigmoid: bool = False) -> bytes:
    """Return the file of a network that pads nothing along time, for `stride` frames a call.

    Its input is int8 [1, stride, values]. sigmoid: with the output of microWakeWord, uint8 [1, 1]:
    the sigmoid of the difference of the network's logits, background and keyword. Else with the
    network's own output.
    """
    return _StreamingWriter().network(first, steps, stride, sigmoid)


class _StreamingWriter(StepWriter):
    """Collect the states of a network while it is written."""

    def __init__(self) -> None:
        super().__init__()
        self._states: list[tuple[tuple[int, ...], Tensor]] = []

    def network(self, first: Tensor, steps: list[Step], stride: int, sigmoid: bool) -> bytes:
        _, bins, values = first.plane
        start = self.tensor((1, stride, bins * values), INT8, first)
        once = self.options("CallOnceOptions", {"InitSubgraphIndex": 1})
        self.operator("CALL_ONCE", [], None, once)
        sources = [self.reshape(start, (1, stride, bins, values), first)]
        time_steps = stride
        for step in steps:
            kernel, step_stride = step.kernel[0], step.operator.options.stride[0]
            source = self.as_plane(sources[-1], step.source)
            time_out = time_steps // step_stride
            if kernel > step_stride and (step.added is None or step.past):
                source = self._with_past(source, step, time_steps, kernel - step_stride)
                time_steps += kernel - step_stride
            added = [sources[len(sources) - 1 - step.back]] if step.added is not None else []
            sources.append(self.step(step, source, added, (time_steps, time_out)))
            time_steps = time_out
        last = self._probability(sources[-1], steps[-1].output) if sigmoid else sources[-1]
        self.graph([start], [last])
        for index, (shape, like) in enumerate(self._states):
            zeros = np.full(shape, like.zero_point, np.int8)
            inputs = [self._handle(index), self.tensor(shape, INT8, like, zeros)]
            self._assign(inputs)
        self.graph([], [])
        return self.file()

    def _with_past(self, source: int, step: Step, time_steps: int, kept: int) -> int:
        """Add what joins time steps to the `kept` ones before, and keeps the last; return it."""
        _, bins, values = step.source.plane
        shape, like = (1, kept, bins, values), step.source
        handle = self._handle(len(self._states))
        self._states.append((shape, like))
        read = self.options("ReadVariableOptions", {})
        past = self.operator("READ_VARIABLE", [handle], self.tensor(shape, INT8, like), read)
        joined = self.tensor((1, kept + time_steps, bins, values), INT8, like)
        options = self.options("ConcatenationOptions", {"Axis": 1})
        self.operator("CONCATENATION", [past, source], joined, options)
        self._assign([handle, self._last(joined, shape, time_steps, like)])
        return joined

    def _last(self, source: int, shape: tuple[int, ...], first: int, like: Tensor) -> int:
        """Add a slice of a tensor from a time step on; return it."""
        ends = (1, first + shape[1], *shape[2:])
        bounds = [(0, first, 0, 0), ends, (1, 1, 1, 1)]
        inputs = [self.tensor((4,), INT32, None, np.array(each, np.int32)) for each in bounds]
        options = self.options("StridedSliceOptions", {})
        output = self.tensor(shape, INT8, like)
        return self.operator("STRIDED_SLICE", [source, *inputs], output, options)

    def _handle(self, index: int) -> int:
        """Add the handle of a resource variable; both graphs know it by its name."""
        names = {"Container": "", "SharedName": f"state_{index}"}
        options = self.options("VarHandleOptions", names)
        return self.operator("VAR_HANDLE", [], self.tensor((), RESOURCE, None), options)

    def _assign(self, inputs: list[int]) -> None:
        self.operator("ASSIGN_VARIABLE", inputs, None, self.options("AssignVariableOptions", {}))

    def _probability(self, logits: int, like: Tensor) -> int:
        """Add the difference of two logits, exact but for its saturation, and its sigmoid."""
        difference = _quantised(like, float(like.scale), 0)
        weights = np.array([[-1, 1]], np.int8)
        inputs = [logits, self.tensor((1, 2), INT8, _quantised(like, 1.0, 0), weights)]
        inputs.append(self.tensor((1,), INT32, difference, np.zeros(1, np.int32)))
        options = self.options("FullyConnectedOptions", {})
        output = self.operator(
            "FULLY_CONNECTED", inputs, self.tensor((1, 1), INT8, difference), options
        )
        sigmoid = self.tensor((1, 1), INT8, _quantised(like, PROBABILITY, -128))
        self.operator("LOGISTIC", [output], sigmoid)
        result = self.tensor((1, 1), UINT8, _quantised(like, PROBABILITY, 0))
        return self.operator("QUANTIZE", [sigmoid], result, self.options("QuantizeOptions", {}))


def _quantised(like: Tensor, scale: float, zero_point: int) -> Tensor:
    """Return a tensor with one other scale and zero point."""
    quantisation: dict[str, Any] = {"scales": np.array([scale], np.float32)}
    quantisation["zero_points"] = np.array([zero_point], np.int64)
    return replace(like, channel_axis=0, **quantisation)
