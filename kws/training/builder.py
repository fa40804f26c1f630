"""The DS-CNN builder: depthwise-separable blocks that pad nothing along time.

Two families (DESIGN: Hello Edge's 2-D plane, Zhang et al. 2017, and the temporal one): a first
convolution of `kernel x coefficients` makes the coefficients channels and leaves time alone; a
narrower one keeps a plane of frequencies, which the blocks then convolve as well.
"""

from __future__ import annotations

from dataclasses import dataclass

import keras
from keras import layers

from kws.config import FrontEnd


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


def build(
    architecture: Architecture, front_end: FrontEnd, classes: int, rows: int | None = None
) -> keras.Model:
    """Features [batch, rows, coefficients, 1] to logits [batch, steps, 1, classes].

    rows None leaves the time axis open, as training wants it; the converter wants it fixed.
    """
    inputs = keras.Input((rows, front_end.coefficients, 1))
    plane = architecture.frequency_kernel > 0
    kernel = architecture.frequency_kernel if plane else front_end.coefficients
    strides = (architecture.stride, architecture.frequency_stride if plane else 1)
    x = layers.Conv2D(
        architecture.channels,
        (architecture.first_kernel, kernel),
        strides=strides if plane else architecture.stride,
        use_bias=False,
    )(inputs)
    x = _normalised(x)
    for length in architecture.kernels:
        x = _depthwise(x, length, 3 if plane else 1)
        x = layers.Conv2D(architecture.channels, 1, use_bias=False)(x)
        x = _normalised(x)
    x = _depthwise(x, architecture.head, x.shape[2])
    logits = layers.Conv2D(classes, 1)(x)
    return keras.Model(inputs, logits)


def _depthwise(x: keras.KerasTensor, length: int, width: int) -> keras.KerasTensor:
    if width > 1 and width < x.shape[2]:
        x = layers.ZeroPadding2D(((0, 0), (width // 2, width // 2)))(x)  # frequency alone
    return _normalised(layers.DepthwiseConv2D((length, width), use_bias=False)(x))


def _normalised(x: keras.KerasTensor) -> keras.KerasTensor:
    return layers.ReLU()(layers.BatchNormalization(momentum=0.98)(x))
