"""The shape of a network."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Architecture:
    """Shape of a network; kernels are in rows before the stride and in columns behind it."""

    channels: int = 56
    first_kernel: int = 5  # rows
    stride: int = 2  # rows per step
    kernels: tuple[int, ...] = (5, 7, 9, 11)  # columns along time, one block each
    head: int = 5  # columns that the last depthwise convolution joins
    frequency_kernel: int = 0  # coefficients seen at once by the first layer; 0 is all of them
    frequency_stride: int = 2  # of the first layer, where it keeps a plane

    @property
    def columns(self) -> int:
        """Columns behind the first convolution that one step sees."""
        return 1 + sum(kernel - 1 for kernel in self.kernels) + self.head - 1

    @property
    def window_rows(self) -> int:
        """Feature rows that one step sees."""
        return (self.columns - 1) * self.stride + self.first_kernel
