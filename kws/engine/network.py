"""Describe a network as the C engine runs it: its layers, and its working memory.

firmware_export/src/ds_cnn.h is the twin; lowering.py makes a Network from a .tflite file.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

BINS_AT_ONCE = 5  # frequency bins that a kernel computes at once: KWS_BINS_AT_ONCE
KINDS = (
    "CONVOLUTION",
    "DEPTHWISE",
    "AVERAGE",
    "SOFTMAX",
    "MAXIMUM",
    "MEAN",
    "TABLE",
    "KEEP",
    "ADD",
    "RECALL",
    "MULTIPLY",
    "JOIN",
)
DEPTH_STEP = 8  # the depth of a convolution is padded to a multiple of it
MAX_LAYERS = 255  # KWS_MAX_LAYERS
MAX_PHASES = 2  # KWS_MAX_PHASES
LAYER_STATE_BYTES = 2  # sizeof kws_layer_state


@dataclass(frozen=True)
class Layer:
    """Describe a layer, whose time steps hold frequency bins of channels."""

    kind: str  # of KINDS
    time_kernel: int  # time steps
    time_stride: int
    time_padding_before: int  # time steps around a window
    time_padding_after: int
    frequency_kernel: int  # bins
    frequency_stride: int
    frequency_padding: int  # bins below the lowest frequency
    bins: int  # of an input time step, padding included
    channels: int
    output_bins: int
    output_channels: int
    zero_point: int
    output_zero_point: int
    activation_min: int
    activation_max: int
    weights: npt.NDArray[np.int8]
    bias: npt.NDArray[np.int32]
    multiplier: npt.NDArray[np.int32]
    shift: npt.NDArray[np.int8]  # TensorFlow Lite's: to the left where positive

    @property
    def time_step_bytes(self) -> int:
        """Return the size of an input time step."""
        return self.bins * self.channels

    @property
    def scratch_bytes(self) -> int:
        """Return the size of the kernels' scratch memory.

        A convolution has patches of 16-bit values there; a depthwise one three words per tap and
        five per channel of four.
        """
        if self.kind == "DEPTHWISE":
            return 12 * self.time_kernel * self.frequency_kernel + 80
        if self.kind != "CONVOLUTION":
            return 0
        return 2 * self.weights.shape[1] * min(BINS_AT_ONCE, self.output_bins)

    @property
    def transient(self) -> bool:
        """Return whether an input time step is used at once, by one output, and has no padding."""
        of_one = self.time_kernel == 1 and self.frequency_kernel == 1
        return of_one and self.kind != "KEEP"


@dataclass(frozen=True)
class Network:
    """Hold the layers in order, and describe the input and the output."""

    layers: tuple[Layer, ...]
    window_frames: int
    frame_values: int
    input_scale: float
    input_zero_point: int
    classes: int
    score_scale: float
    no_stream: str = ""  # why it does not run on a stream, step by step

    @property
    def stride(self) -> int:
        """Return the frames from one step of a single phase to the next."""
        return int(np.prod([layer.time_stride for layer in self.layers]))

    def phases(self, stride: int) -> int:
        """Return how many phases complete a step every `stride` frames; see phases_for()."""
        return phases_for(self.stride, stride)

    @property
    def receptive_field(self) -> int:
        """Return the frames that a step depends on, padding and past included."""
        frames = 1
        for layer in reversed(self.layers):
            frames = (frames - 1) * layer.time_stride + layer.time_kernel
        return frames


def phases_for(network_stride: int, stride: int) -> int:
    """Return how many phases of a network complete a step every `stride` frames; 0 if none can.

    A phase completes a step every network_stride frames. Each begins `stride` frames after the one
    before, so that they complete the steps in turn. What one phase takes for a keyword by chance,
    another seldom does.
    """
    phases, rest = divmod(network_stride, stride)
    return 0 if rest or phases > MAX_PHASES else phases


def pad_depth(weights: npt.NDArray[np.int8]) -> npt.NDArray[np.int8]:
    """Return weights [channels, depth] with the depth padded to a multiple of DEPTH_STEP."""
    return np.pad(weights, ((0, 0), (0, -weights.shape[1] % DEPTH_STEP)))


def group_channels(weights: npt.NDArray[np.int8]) -> npt.NDArray[np.int8]:
    """Return weights [channels, taps] as [channels / 4, taps, 4], padded to a multiple of 4."""
    padded = np.pad(weights, ((0, -weights.shape[0] % 4), (0, 0)))
    return padded.reshape(-1, 4, weights.shape[1]).swapaxes(1, 2)


@dataclass(frozen=True)
class Memory:
    """Hold the layout of a network's working memory, in bytes.

    First lie the scratch memory and two areas for time steps that are used at once, then, for each
    phase, the rings of input time steps, at last the states of all layers.
    """

    inputs: tuple[int, ...]  # offset of each layer's input time steps, of the first phase
    scratch_at: int
    phases_at: int
    phase_bytes: int
    phases: int
    states_at: int
    total: int


def plan(network: Network, reserve: int = 0, phases: int = 1) -> Memory:
    """Lay out the memory; `reserve` bytes at its start hold nothing that outlives a step."""
    layers = network.layers
    scratch, area = _scratch(network), _area(network)
    phases_at = end = max(scratch + 2 * area, aligned(reserve))
    inputs, turn = [], 0
    for index, layer in enumerate(layers):
        # A frame stays in place until all phases have taken it.
        if layer.transient and (index or phases == 1):
            inputs.append(scratch + turn * area)
            turn = 1 - turn
        else:
            inputs.append(end)
            end += aligned(layer.time_kernel * layer.time_step_bytes)
    size = end - phases_at
    states_at = phases_at + phases * size
    total = aligned(states_at + LAYER_STATE_BYTES * phases * len(layers))
    return Memory(tuple(inputs), 0, phases_at, size, phases, states_at, total)


def transient_bytes(network: Network) -> int:
    """Return the size of what outlives no step, which networks may share."""
    return _scratch(network) + 2 * _area(network)


def _scratch(network: Network) -> int:
    return aligned(max(layer.scratch_bytes for layer in network.layers))


def _area(network: Network) -> int:
    sizes = (layer.time_step_bytes for layer in network.layers if layer.transient)
    return aligned(max(sizes, default=0))


def aligned(size: int) -> int:
    """Return a size rounded up to words."""
    return (size + 3) & ~3
