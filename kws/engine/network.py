"""A network as the C engine runs it: its layers, and where in memory their columns lie.

firmware_export/src/ds_cnn.h is the twin; network_file.py makes one from a .tflite.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

CELLS_AT_ONCE = 5  # cells that a kernel works on side by side: KWS_CELLS_AT_ONCE
KINDS = ("CONVOLUTION", "DEPTHWISE", "AVERAGE", "SOFTMAX")
DEPTH_STEP = 8  # a convolution's depth is padded to a multiple of it
MAX_LAYERS = 40  # KWS_MAX_LAYERS
MAX_PHASES = 2  # KWS_MAX_PHASES


@dataclass(frozen=True)
class Layer:
    """One layer; a column holds cells (places along frequency) of channels."""

    kind: str  # of KINDS
    time_kernel: int  # columns
    time_stride: int
    time_before: int  # padding columns around a window
    time_after: int
    kernel: int  # cells
    stride: int
    cells_before: int  # padding cells below the lowest frequency
    cells: int  # of an input column, padding included
    channels: int
    output_cells: int
    output_channels: int
    zero: int  # int8 level of 0.0
    output_zero: int
    least: int  # the activation's range
    greatest: int
    weights: npt.NDArray[np.int8]
    bias: npt.NDArray[np.int32]
    multiplier: npt.NDArray[np.int32]
    shift: npt.NDArray[np.int8]  # TensorFlow Lite's: to the left where positive

    @property
    def column_bytes(self) -> int:
        """Size of an input column."""
        return self.cells * self.channels

    @property
    def scratch_bytes(self) -> int:
        """What the kernels need beside: 16-bit patches; for depthwise, three words per tap and
        five per channel of four."""
        if self.kind == "DEPTHWISE":
            return 12 * self.time_kernel * self.kernel + 80
        if self.kind != "CONVOLUTION":
            return 0
        return 2 * self.weights.shape[1] * min(CELLS_AT_ONCE, self.output_cells)

    @property
    def transient(self) -> bool:
        """Whether the input column is used up by the step that makes it, and holds no padding."""
        return self.time_kernel == 1 and self.kernel == 1


@dataclass(frozen=True)
class Network:
    """Layers in order, and what the network takes and gives."""

    layers: tuple[Layer, ...]
    window_frames: int
    row_values: int
    row_scale: float
    row_zero: int
    classes: int
    score_scale: float

    @property
    def stride(self) -> int:
        """Rows from one step of the network by itself to the next."""
        return int(np.prod([layer.time_stride for layer in self.layers]))

    def phases(self, stride: int) -> int:
        """How many of it hear a stream to give a step every `stride` rows; see phases_for()."""
        return phases_for(self.stride, stride)

    @property
    def receptive_field(self) -> int:
        """Rows that one step depends on, padding among them."""
        rows = 1
        for layer in reversed(self.layers):
            rows = (rows - 1) * layer.time_stride + layer.time_kernel
        return rows

    @property
    def streams(self) -> bool:
        """Whether nothing is padded along time and a step uses the whole window."""
        padded = any(layer.time_before or layer.time_after for layer in self.layers)
        return not padded and self.receptive_field == self.window_frames


def phases_for(own_stride: int, stride: int) -> int:
    """How many networks of the same weights give a step every `stride` rows, each every own_stride.

    Each begins `stride` rows behind the one before, so that they give a step in turn. What one
    takes for a keyword by chance, another seldom does. 0 where they cannot.
    """
    phases, rest = divmod(own_stride, stride)
    return 0 if rest or phases > MAX_PHASES else phases


@dataclass(frozen=True)
class Memory:
    """Byte offsets of a network's working memory: scratch, two areas for columns that are used up
    at once, then the rings of each phase."""

    columns: tuple[int, ...]  # per layer, of the first phase
    scratch: int
    rings: int
    phase_bytes: int
    phases: int
    total: int


def plan(network: Network, reserve: int = 0, phases: int = 1) -> Memory:
    """Lay out the memory; `reserve` bytes at its start hold nothing that outlives a step."""
    layers = network.layers
    scratch = _aligned(max(layer.scratch_bytes for layer in layers))
    area = _aligned(max((layer.column_bytes for layer in layers if layer.transient), default=0))
    rings = end = max(scratch + 2 * area, _aligned(reserve))
    columns, turn = [], 0
    for index, layer in enumerate(layers):
        if layer.transient and (index or phases == 1):  # a row waits until all phases have heard it
            columns.append(scratch + turn * area)
            turn = 1 - turn
        else:
            columns.append(end)
            end += _aligned(layer.time_kernel * layer.column_bytes)
    return Memory(tuple(columns), 0, rings, end - rings, phases, rings + phases * (end - rings))


def _aligned(size: int) -> int:
    return (size + 3) & ~3
