"""Score feature frames with an int8 DS-CNN, run by the TensorFlow Lite interpreter.

Each step has one score vector. The network pads nothing along time, so that one call of the
interpreter on a longer window gives the scores of every step in it, unless a layer takes a window
whole; the scores of a step depend on its own window only.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib import import_module
from math import prod
from types import ModuleType
from typing import Any

import numpy as np
import numpy.typing as npt

from kws.engine.model_check import proven
from kws.engine.network import phases_for
from kws.engine.past_check import no_stream
from kws.engine.step_writer import rewritten, takes_whole_window
from kws.errors import KwsError
from kws.model_file import ModelFile
from kws.types import Frames, StepScores


def _reference_runtime() -> ModuleType | None:
    """Import the interpreter of the extra `reference`; None where it is not installed."""
    for package in ("tflite_runtime", "ai_edge_litert"):  # the latter for Python 3.12 and later
        with suppress(ImportError):
            return import_module(f"{package}.interpreter")
    return None


_runtime = _reference_runtime()  # at once: after TensorFlow the first of both cannot be loaded
REFERENCE_AVAILABLE = _runtime is not None
MISSING = (
    "the backend 'numpy' needs TensorFlow Lite's interpreter (pip install 'kws[reference]'),"
    " the backend 'c' a C compiler while kws is installed"
)

Int8 = npt.NDArray[np.int8]

MAX_STEPS = 512  # steps in one call of the interpreter; bounds the memory of its activations
FEATURE_LIMIT = np.float32(1 << 20)  # features are clamped to it: no scale in use comes near


class DsCnn:
    """Run the network of a model on a stream; the division into pushes changes no bit.

    Step i covers the frames [i * stride, i * stride + window_frames). Where the network itself has
    a longer stride, several phases of it complete the steps in turn (phases_for).
    """

    def __init__(self, model: ModelFile) -> None:
        """Load the network of a model.

        Raises:
            KwsError: the network does not stream, or does not fit the model's settings.
        """
        first, steps = proven(model.content, model.name)
        self._name = model.name
        if reason := no_stream(first, steps):
            raise KwsError(f"{self._name}: the network does not stream: {reason}")
        with refusals(self._name):
            self._interpreter = open_interpreter(rewritten(first, steps))
            self._interpreter.allocate_tensors()
        (self._input,) = self._interpreter.get_input_details()
        (self._output,) = self._interpreter.get_output_details()
        self.classes = prod(steps[-1].output.plane[1:])
        _check(self._input, self.classes, model)
        _, self.window_frames, self.coefficients, _ = (int(n) for n in self._input["shape"])
        self.stride = model.config.stride
        self._network_stride = prod(step.operator.options.stride[0] for step in steps)
        self._steps_at_once = 1 if any(map(takes_whole_window, steps)) else MAX_STEPS
        self._phases = phases_for(self._network_stride, self.stride)
        if not self._phases:
            raise _misfit(model)
        self._quantisation = self._input["quantization"]
        self.score_scale = float(self._output["quantization"][0])
        self._allocated_frames = self.window_frames
        self.reset()

    def reset(self) -> None:
        """Forget the stream."""
        self._pending = np.zeros((0, self.coefficients), np.int8)

    def push(self, frames: Frames) -> StepScores:
        """Take frames [n, coefficients]; return the scores they complete, [steps, classes]."""
        stream = np.concatenate([self._pending, self.quantise(frames)])
        count = max(0, (len(stream) - self.window_frames) // self.stride + 1)
        self._pending = stream[count * self.stride :]
        scores = np.empty((count, self.classes), np.int8)
        for phase in range(self._phases):
            of_phase = scores[phase :: self._phases]
            of_phase[:] = self._steps(stream[phase * self.stride :], len(of_phase))
        return scores

    def quantise(self, frames: Frames) -> Int8:
        """Return frames as the network takes them."""
        return quantised(frames, *self._quantisation)

    def _steps(self, frames: Int8, count: int) -> StepScores:
        """Return the scores of the first `count` steps of one phase, [count, classes]."""
        scores = np.empty((count, self.classes), np.int8)
        for first in range(0, count, self._steps_at_once):
            steps = min(self._steps_at_once, count - first)
            start = first * self._network_stride
            stop = start + self.window_frames + (steps - 1) * self._network_stride
            scores[first : first + steps] = self._scores(frames[start:stop], steps)
        return scores

    def _scores(self, frames: Int8, steps: int) -> StepScores:
        """Call the interpreter on frames [n, coefficients]; return the scores [steps, classes]."""
        if len(frames) != self._allocated_frames:
            shape = [1, len(frames), self.coefficients, 1]
            with refusals(self._name):
                self._interpreter.resize_tensor_input(self._input["index"], shape)
                self._interpreter.allocate_tensors()
            self._allocated_frames = len(frames)
        self._interpreter.set_tensor(self._input["index"], frames[None, :, :, None])
        self._interpreter.invoke()
        scores: StepScores = self._interpreter.get_tensor(self._output["index"])
        if scores.size != steps * self.classes:
            raise KwsError(f"{self._name}: {scores.size} scores are not those of {steps} steps")
        return scores.reshape(steps, self.classes)


def quantised(frames: Frames, scale: float, zero_point: int) -> Int8:
    """Return frames as quantised values: times 1 / scale, rounded half to even, saturated."""
    gain = np.float32(1) / np.float32(scale)
    scaled = np.clip(frames * gain, -FEATURE_LIMIT, FEATURE_LIMIT)
    values = np.rint(scaled) + np.float32(zero_point)
    return np.clip(values, -128, 127).astype(np.int8)


@contextmanager
def refusals(name: str) -> Iterator[None]:
    """Turn what the interpreter raises on a network that it cannot run into a KwsError."""
    try:
        yield
    except (RuntimeError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise KwsError(f"{name}: TensorFlow Lite cannot run it: {reason}") from error


def open_interpreter(content: bytes, reference: bool = True) -> Any:
    """Open a .tflite file in TensorFlow Lite's interpreter, with one thread.

    The reference kernels define the bits of a model: the fast ones round ties on negative sums
    differently and delegate a lot, and the board could not follow them.

    Raises:
        KwsError: the interpreter is not installed.
    """
    if _runtime is None:
        raise KwsError(MISSING)
    kinds = _runtime.OpResolverType
    return _runtime.Interpreter(
        model_content=content,
        num_threads=1,
        experimental_op_resolver_type=kinds.BUILTIN_REF if reference else kinds.AUTO,
    )


def _check(input_: dict[str, npt.ArrayLike], classes: int, model: ModelFile) -> None:
    """Refuse a network whose input or output is not what the model's settings say."""
    config = model.config
    expected = ("int8", [1, config.front_end.coefficients, 1], len(config.classes))
    shape = np.asarray(input_["shape"]).tolist()
    found = (
        np.dtype(input_["dtype"]).name,  # type: ignore[arg-type]
        [shape[0], *shape[2:]],
        classes,
    )
    if found != expected or len(shape) != 4:
        raise _misfit(model)


def _misfit(model: ModelFile) -> KwsError:
    return KwsError(f"{model.name}: the network does not fit the model's own settings")
