"""The int8 DS-CNN: feature rows in, one int8 score vector per step out.

The network pads nothing along time, so one interpreter call on a longer window gives the scores
of every step in it; the scores of a step depend on its own window alone.
"""

from __future__ import annotations

from math import prod

import numpy as np
import numpy.typing as npt

from kws.engine.interpreter import tflite
from kws.engine.network import phases_for
from kws.engine.tflite_reader import chain
from kws.errors import KwsError
from kws.model_file import ModelFile

Int8 = npt.NDArray[np.int8]

MAX_STEPS = 512  # steps in one interpreter call; bounds the memory of its activations
LIMIT = np.float32(1 << 20)  # features are clamped to it: no scale in use comes near


class DsCnn:
    """A model's network as a stream; how the rows are cut into pieces changes no bit.

    Step i covers rows [i * stride, i * stride + window_frames). Where the network by itself gives
    fewer, several phases of it give a step in turn (phases_for).
    """

    def __init__(self, model: ModelFile) -> None:
        self._interpreter = tflite.Interpreter(
            model_content=model.content,
            num_threads=1,
            # The reference kernels define the bits: the fast ones round ties on negative sums
            # otherwise, delegates much else, and the board could not follow them.
            experimental_op_resolver_type=tflite.OpResolverType.BUILTIN_REF,
        )
        self._interpreter.allocate_tensors()
        (self._input,) = self._interpreter.get_input_details()
        (self._output,) = self._interpreter.get_output_details()
        _check(self._input, self._output, model)
        _, self.window_frames, self.coefficients, _ = (int(n) for n in self._input["shape"])
        self.classes = int(self._output["shape"][-1])
        self.stride = model.config.stride
        self._own_stride = _stride(model)
        self._phases = phases_for(self._own_stride, self.stride)
        if not self._phases:
            raise _unfit(model)
        scale, self._zero = self._input["quantization"]
        self._gain = np.float32(1) / np.float32(scale)
        self.score_scale = float(self._output["quantization"][0])
        self._allocated_rows = self.window_frames
        self.reset()

    def reset(self) -> None:
        """Forget the stream."""
        self._pending = np.zeros((0, self.coefficients), np.int8)

    def push(self, rows: npt.NDArray[np.float32]) -> Int8:
        """Take rows [n, coefficients]; return the scores they complete, [steps, classes]."""
        stream = np.concatenate([self._pending, self.quantise(rows)])
        count = max(0, (len(stream) - self.window_frames) // self.stride + 1)
        self._pending = stream[count * self.stride :]
        scores = np.empty((count, self.classes), np.int8)
        for phase in range(self._phases):
            of_phase = scores[phase :: self._phases]
            of_phase[:] = self._steps(stream[phase * self.stride :], len(of_phase))
        return scores

    def quantise(self, rows: npt.NDArray[np.float32]) -> Int8:
        """Rows to the network's int8: times 1 / scale, rounded half to even, saturated."""
        scaled = np.clip(rows * self._gain, -LIMIT, LIMIT)
        levels: npt.NDArray[np.float32] = np.rint(scaled) + np.float32(self._zero)
        return np.clip(levels, -128, 127).astype(np.int8)

    def _steps(self, rows: Int8, count: int) -> Int8:
        """The first `count` steps of one phase, [count, classes]."""
        scores = np.empty((count, self.classes), np.int8)
        for first in range(0, count, MAX_STEPS):
            steps = min(MAX_STEPS, count - first)
            start = first * self._own_stride
            stop = start + self.window_frames + (steps - 1) * self._own_stride
            scores[first : first + steps] = self._scores(rows[start:stop])
        return scores

    def _scores(self, rows: Int8) -> Int8:
        """One interpreter call: rows [n, coefficients] to scores [steps, classes]."""
        if len(rows) != self._allocated_rows:
            self._interpreter.resize_tensor_input(
                self._input["index"], [1, len(rows), self.coefficients, 1]
            )
            self._interpreter.allocate_tensors()
            self._allocated_rows = len(rows)
        self._interpreter.set_tensor(self._input["index"], rows[None, :, :, None])
        self._interpreter.invoke()
        scores: Int8 = self._interpreter.get_tensor(self._output["index"])
        return scores.reshape(-1, self.classes)


def _check(
    input_: dict[str, npt.ArrayLike], output: dict[str, npt.ArrayLike], model: ModelFile
) -> None:
    """The network must take and give what the model's settings say."""
    config = model.config
    expected = ("int8", [1, config.front_end.coefficients, 1], len(config.classes))
    shape = np.asarray(input_["shape"]).tolist()
    found = (
        np.dtype(input_["dtype"]).name,  # type: ignore[arg-type]
        [shape[0], *shape[2:]],
        np.asarray(output["shape"]).tolist()[-1],
    )
    if found != expected or len(shape) != 4:
        raise _unfit(model)


def _stride(model: ModelFile) -> int:
    """Rows from one step of the network by itself to the next."""
    _, operators = chain(model.content, model.name)
    return prod(o.options.StrideH() for o in operators if hasattr(o.options, "StrideH"))


def _unfit(model: ModelFile) -> KwsError:
    return KwsError(f"{model.name}: the network does not fit the model's own settings")
