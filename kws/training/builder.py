"""The DS-CNN builder: depthwise-separable blocks that pad nothing along time.

Two families (DESIGN: Hello Edge's 2-D plane, Zhang et al. 2017, and the temporal one): a first
convolution of `kernel x coefficients` makes the coefficients channels and leaves time alone; a
narrower one keeps a plane of frequencies, which the blocks then convolve as well.

Several small networks side by side are one whose pointwise convolutions go in groups: what one of
them takes for a keyword by chance, another seldom does (deep ensembles, Lakshminarayanan et al.
2017).
"""

from __future__ import annotations

import keras
from keras import layers, ops

from kws.config import FrontEnd
from kws.training.architecture import Architecture


def build(
    architecture: Architecture, front_end: FrontEnd, classes: int, rows: int | None = None
) -> keras.Model:
    """Features [batch, rows, coefficients, 1] to logits [batch, steps, networks, classes].

    rows None leaves the time axis open, as training wants it; the converter wants it fixed, and
    then gets the mean of the networks, [batch, steps, 1, classes].
    """
    x = inputs = keras.Input((rows, front_end.coefficients, 1))
    plane = architecture.frequency_kernel > 0
    stride, channels, groups = architecture.stride, architecture.channels, architecture.networks
    apart = rows is None and groups > 1
    pointwise = _Grouped if apart else layers.Conv2D
    if rows is None and not plane:
        # The same sums in training, in a quarter of the time: coefficients are channels, rows lie
        # where a picture has its width.
        x = layers.Reshape((1, -1, front_end.coefficients))(x)
        size, strides = (1, architecture.first_kernel), (1, stride)
        x = layers.Conv2D(channels, size, strides=strides, use_bias=False)(x)
        x = layers.Reshape((-1, 1, channels))(x)
    else:
        kernel = architecture.frequency_kernel if plane else front_end.coefficients
        across = architecture.frequency_stride if plane else stride
        size, strides = (architecture.first_kernel, kernel), (stride, across)
        x = layers.Conv2D(channels, size, strides=strides, use_bias=False)(x)
    x = _normalised(x)
    for length in architecture.kernels:
        x = _depthwise(x, length, 3 if plane else 1)
        x = pointwise(channels, 1, groups=groups, use_bias=False)(x)
        x = _normalised(x)
    x = _depthwise(x, architecture.head, x.shape[2])
    last = _Apart(groups, classes) if apart else layers.Conv2D(classes, 1)
    return keras.Model(inputs, last(x))


class _Grouped(layers.Conv2D):  # type: ignore[misc]  # Keras is not typed
    """A convolution in groups of channels as several; TensorFlow has no other on a processor."""

    def call(self, inputs: keras.KerasTensor) -> keras.KerasTensor:
        pairs = zip(_split(inputs, self.groups), _split(self.kernel, self.groups), strict=True)
        return ops.concatenate([ops.conv(x, kernel) for x, kernel in pairs], axis=-1)


class _Apart(layers.Conv2D):  # type: ignore[misc]
    """The last convolution, whose logits are the mean of the networks', for each network."""

    def __init__(self, networks: int, classes: int) -> None:
        super().__init__(classes, 1)
        self.networks = networks

    def call(self, inputs: keras.KerasTensor) -> keras.KerasTensor:
        kernels = ops.split(self.networks * self.kernel, self.networks, axis=2)
        pairs = zip(_split(inputs, self.networks), kernels, strict=True)
        return ops.concatenate([ops.conv(x, kernel) + self.bias for x, kernel in pairs], axis=2)


def _split(x: keras.KerasTensor, groups: int) -> list[keras.KerasTensor]:
    """Its channels in groups."""
    pieces: list[keras.KerasTensor] = ops.split(x, groups, axis=-1)
    return pieces


def copy_weights(source: keras.Model, target: keras.Model) -> None:
    """Between networks of one architecture; open or fixed in time, they hold the same numbers."""
    weights = zip(source.get_weights(), target.get_weights(), strict=True)
    target.set_weights([given.reshape(taken.shape) for given, taken in weights])


def _depthwise(x: keras.KerasTensor, length: int, width: int) -> keras.KerasTensor:
    if width > 1 and width < x.shape[2]:
        x = layers.ZeroPadding2D(((0, 0), (width // 2, width // 2)))(x)  # frequency alone
    return _normalised(layers.DepthwiseConv2D((length, width), use_bias=False)(x))


def _normalised(x: keras.KerasTensor) -> keras.KerasTensor:
    return layers.ReLU()(layers.BatchNormalization(momentum=0.98)(x))
