"""Score feature frames with a network that keeps its past itself, in TensorFlow Lite's interpreter.

kws/engine/native.py runs such a network in C, with the same bits.
"""

from __future__ import annotations

from math import prod

import numpy as np

from kws.ds_cnn import Int8, open_interpreter, quantised, refusals
from kws.engine.model_check import proven
from kws.engine.streaming_writer import streaming
from kws.model_file import ModelFile
from kws.types import Frames, StepScores


class StatefulDsCnn:
    """Run a network on a stream, call by call; the division into pushes changes no bit.

    Each call takes `stride` frames and gives a step, from the first frames on.
    """

    def __init__(self, model: ModelFile) -> None:
        """Load the network of a model."""
        first, steps = proven(model.content, model.name)
        self._name = model.name
        self.window_frames = self.stride = first.plane[0]
        self.coefficients = prod(first.plane[1:])
        self.classes = prod(steps[-1].output.plane)
        self.score_scale = float(steps[-1].output.scale)
        self._quantisation = float(first.scale), first.zero_point
        self._content = streaming(first, steps, self.stride)
        self.reset()

    def reset(self) -> None:
        """Forget the stream: the interpreter has no other way to empty its variables."""
        self._pending: Int8 = np.zeros((0, self.coefficients), np.int8)
        with refusals(self._name):
            self._interpreter = open_interpreter(self._content)
            self._interpreter.allocate_tensors()
        (self._input,) = self._interpreter.get_input_details()
        (self._output,) = self._interpreter.get_output_details()

    def push(self, frames: Frames) -> StepScores:
        """Take frames [n, coefficients]; return the scores they complete, [steps, classes]."""
        stream = np.concatenate([self._pending, quantised(frames, *self._quantisation)])
        count = len(stream) // self.stride
        self._pending = stream[count * self.stride :]
        scores = np.empty((count, self.classes), np.int8)
        calls = stream[: count * self.stride].reshape(count, *self._input["shape"])
        for values, step in zip(calls, scores, strict=True):
            self._interpreter.set_tensor(self._input["index"], values)
            self._interpreter.invoke()
            step[:] = self._interpreter.get_tensor(self._output["index"]).reshape(-1)
        return scores
