"""Make small models that add and multiply by what is the same for all bins or all time steps."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from hostile_models import Network, with_settings

VALID = {"padding": 1, "strideH": 1, "strideW": 1, "dilationHFactor": 1, "dilationWFactor": 1}


class BroadcastNetwork(Network):
    """Build a network for windows of 7 frames of 10 values, of 3 probabilities."""

    def __init__(self, seed: int) -> None:
        super().__init__((1, 7, 10, 1), np.random.default_rng(seed))
        self.convolve(4, (3, 3), scale=0.1)

    def convolve(self, channels: int, kernel: tuple[int, int], **values: Any) -> None:
        """Add a convolution without padding."""
        _, time_steps, bins, depth = (int(n) for n in self.graph.tensors[self.last].shape)
        shape = (1, time_steps - kernel[0] + 1, bins - kernel[1] + 1, channels)
        weights = self.weights(channels, *kernel, depth, channels=channels)
        self.add("CONV_2D", shape, weights, "Conv2DOptions", **VALID | values)

    def excite(self, axes: tuple[int, ...]) -> None:
        """Multiply by what convolutions, hard swish and a sigmoid give of a mean."""
        source = self.last
        shape = tuple(int(n) for n in self.graph.tensors[source].shape)
        over = self.tensor((len(axes),), 0, 0, np.array(axes, np.int32))
        pooled = tuple(1 if axis in axes else size for axis, size in enumerate(shape))
        self.add("MEAN", pooled, [over], "ReducerOptions", keepDims=True, scale=0.05)
        self.convolve(3, (1, 1), scale=0.06)
        self.add("HARD_SWISH", (*pooled[:3], 3), [], "", zero=-100)
        self.convolve(shape[3], (1, 1), scale=0.05, zero=9)
        self.add("LOGISTIC", pooled, [], "", scale=1 / 256, zero=-128)
        factor, self.last = self.last, source
        self.add("MUL", shape, [factor], "MulOptions", scale=0.06, zero=-3)

    def broadcast(self, axis: int) -> None:
        """Add what a convolution gives of a whole axis, or of all channels."""
        source = self.last
        shape = tuple(int(n) for n in self.graph.tensors[source].shape)
        kernel = (1, shape[2] if axis == 2 else 1)
        self.convolve(1 if axis == 3 else shape[3], kernel, scale=0.1, zero=5)
        self.add("ADD", shape, [source], "AddOptions", scale=0.15, zero=-20)

    def with_keywords(self) -> bytes:
        """Convolve all that there is to three probabilities; return a model of two keywords."""
        _, time_steps, bins, _ = (int(n) for n in self.graph.tensors[self.last].shape)
        self.convolve(3, (time_steps, bins), scale=0.05, zero=0)
        weights = self.graph.operators[-1].inputs[1]
        self.graph.tensors[weights].quantization.scale = np.array([0.0005], np.float32)
        self.add("LOGISTIC", (1, 1, 1, 3), [], "", scale=1 / 256, zero=-128)
        return with_settings(self, 1)


@cache
def broadcast_model() -> bytes:
    """Return a model of sums and products of time steps and of what their bins or channels give."""
    net = BroadcastNetwork(5)
    net.broadcast(2)
    net.excite((2,))
    net.convolve(4, (3, 3), scale=0.2)
    net.broadcast(3)
    return net.with_keywords()


@cache
def excited_model() -> bytes:
    """Return a model of products of a window and of what all its time steps give.

    It runs on windows, not on a stream.
    """
    net = BroadcastNetwork(6)
    net.excite((1, 2))
    net.convolve(4, (3, 3), scale=0.2)
    net.excite((1,))
    return net.with_keywords()
