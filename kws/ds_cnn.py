"""The int8 DS-CNN: feature rows in, one int8 score vector per step out.

The network pads nothing along time, so one interpreter call on a longer window gives the scores
of every step in it; the scores of a step depend on its own window alone.
"""

from __future__ import annotations

from math import prod
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from kws.errors import KwsError
from kws.model_file import ModelFile
from kws.network import lanes_for
from kws.runtime import tflite
from kws.tflite_graph import chain

Int8 = npt.NDArray[np.int8]

MAX_STEPS = 512  # steps in one interpreter call; bounds the memory of its activations
LIMIT = np.float32(1 << 20)  # features are clamped to it: no scale in use comes near


class DsCnn:
    """A model's network as a stream; how the rows are cut into pieces changes no bit.

    Step i covers rows [i * stride, i * stride + window_rows). Where the network by itself gives
    fewer, several lanes give a step in turn, all by it or by a network each (lanes_for).
    """

    def __init__(self, model: ModelFile) -> None:
        self._networks = [_Network(content, model) for content in model.networks]
        if any(network.interface != self._networks[0].interface for network in self._networks):
            raise _unfit(model)
        window, scores = self._networks[0].interface
        _, self.window_rows, self.coefficients, _ = window.shape
        self.classes = scores.shape[-1]
        self.stride = model.config.stride
        self._own_stride = _stride(model)
        self._lanes = lanes_for(self._own_stride, self.stride)
        if not self._lanes or len(self._networks) not in (1, self._lanes):
            raise _unfit(model)
        self._zero, self._gain = window.zero, np.float32(1) / np.float32(window.scale)
        self.score_scale = scores.scale
        self.reset()

    def reset(self) -> None:
        """Forget the stream."""
        self._pending = np.zeros((0, self.coefficients), np.int8)
        self._turn = 0  # lane that gives the next step

    def push(self, rows: npt.NDArray[np.float32]) -> Int8:
        """Take rows [n, coefficients]; return the scores they complete, [steps, classes]."""
        stream = np.concatenate([self._pending, self.quantise(rows)])
        count = max(0, (len(stream) - self.window_rows) // self.stride + 1)
        self._pending = stream[count * self.stride :]
        scores = np.empty((count, self.classes), np.int8)
        for turn in range(self._lanes):
            of_lane = scores[turn :: self._lanes]
            network = self._networks[(self._turn + turn) % len(self._networks)]
            of_lane[:] = self._steps(network, stream[turn * self.stride :], len(of_lane))
        self._turn = (self._turn + count) % self._lanes
        return scores

    def quantise(self, rows: npt.NDArray[np.float32]) -> Int8:
        """Rows to the network's int8: times 1 / scale, rounded half to even, saturated."""
        scaled = np.clip(rows * self._gain, -LIMIT, LIMIT)
        levels: npt.NDArray[np.float32] = np.rint(scaled) + np.float32(self._zero)
        return np.clip(levels, -128, 127).astype(np.int8)

    def _steps(self, network: _Network, rows: Int8, count: int) -> Int8:
        """The first `count` steps of one lane, [count, classes]."""
        scores = np.empty((count, self.classes), np.int8)
        for first in range(0, count, MAX_STEPS):
            steps = min(MAX_STEPS, count - first)
            start = first * self._own_stride
            stop = start + self.window_rows + (steps - 1) * self._own_stride
            scores[first : first + steps] = network.scores(rows[start:stop])
        return scores


class _Network:
    """One network in an interpreter of its own."""

    def __init__(self, content: bytes, model: ModelFile) -> None:
        self._interpreter = tflite.Interpreter(
            model_content=content,
            num_threads=1,
            # The reference kernels define the bits: the fast ones round ties on negative sums
            # otherwise, delegates much else, and the board could not follow them.
            experimental_op_resolver_type=tflite.OpResolverType.BUILTIN_REF,
        )
        self._interpreter.allocate_tensors()
        (input_,) = self._interpreter.get_input_details()
        (output,) = self._interpreter.get_output_details()
        self._input, self._output = input_["index"], output["index"]
        self.interface = _Plug.of(input_), _Plug.of(output)
        _check(*self.interface, model)
        self._allocated_rows = self.interface[0].shape[1]

    def scores(self, rows: Int8) -> Int8:
        """One interpreter call: rows [n, coefficients] to scores [steps, classes]."""
        if len(rows) != self._allocated_rows:
            self._interpreter.resize_tensor_input(self._input, [1, *rows.shape, 1])
            self._interpreter.allocate_tensors()
            self._allocated_rows = len(rows)
        self._interpreter.set_tensor(self._input, rows[None, :, :, None])
        self._interpreter.invoke()
        scores: Int8 = self._interpreter.get_tensor(self._output)
        return scores.reshape(-1, scores.shape[-1])


class _Plug(NamedTuple):
    """What a network takes or gives."""

    type: str
    shape: tuple[int, ...]
    scale: float
    zero: int

    @staticmethod
    def of(details: dict[str, Any]) -> _Plug:
        scale, zero = details["quantization"]
        shape = tuple(int(size) for size in details["shape"])
        return _Plug(np.dtype(details["dtype"]).name, shape, float(scale), int(zero))


def _check(window: _Plug, scores: _Plug, model: ModelFile) -> None:
    """The network must take and give what the model's settings say."""
    config = model.config
    expected = ("int8", 4, (1, config.front_end.coefficients, 1), len(config.classes))
    shape = window.shape
    found = window.type, len(shape), (shape[0], *shape[2:]), scores.shape[-1]
    if found != expected:
        raise _unfit(model)


def _stride(model: ModelFile) -> int:
    """Rows from one step of the network by itself to the next."""
    _, operators = chain(model.content, model.name)
    return prod(o.options.StrideH() for o in operators if hasattr(o.options, "StrideH"))


def _unfit(model: ModelFile) -> KwsError:
    return KwsError(f"{model.name}: the network does not fit the model's own settings")
