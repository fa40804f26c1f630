"""The DS-CNN builder: depthwise-separable blocks that pad nothing along time.

Two families (DESIGN: Hello Edge's 2-D plane, Zhang et al. 2017, and the temporal one): a first
convolution of `kernel x coefficients` makes the coefficients channels and leaves time alone; a
narrower one keeps a plane of frequencies, which the blocks then convolve as well.
"""

from __future__ import annotations

import keras
from keras import layers

from kws.config import FrontEnd
from kws.training.distillation.embedding import SIZE
from kws.training.distillation.task import BLOCKS, HIDDEN
from kws.training.normalisation import BatchNormalization
from kws.training.recipe import Architecture


def build(
    architecture: Architecture, front_end: FrontEnd, classes: int, rows: int | None = None
) -> keras.Model:
    """Features [batch, rows, coefficients, 1] to logits [batch, steps, 1, classes].

    rows None leaves the time axis open, as training wants it; the converter wants it fixed.
    """
    x = inputs = keras.Input((rows, front_end.coefficients, 1))
    plane = architecture.frequency_kernel > 0
    stride, channels = architecture.stride, architecture.channels
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
        x = layers.Conv2D(architecture.channels, 1, use_bias=False)(x)
        x = _normalised(x)
    x = _depthwise(x, architecture.last_kernel, x.shape[2])
    logits = layers.Conv2D(classes, 1)(x)
    return keras.Model(inputs, logits)


def copy_weights(source: keras.Model, target: keras.Model) -> None:
    """Between networks of one architecture; open or fixed in time, they hold the same numbers."""
    weights = zip(source.get_weights(), target.get_weights(), strict=True)
    target.set_weights([given.reshape(taken.shape) for given, taken in weights])


def telling(model: keras.Model, architecture: Architecture) -> keras.Model:
    """The network, which tells as well what a Guide's passages are to be.

    Its outputs: logits; embeddings [batch, columns, 1, SIZE] from half way up; what a teacher makes
    of them [batch, steps, 1, HIDDEN] from its last layer.
    """
    behind = [layer.output for layer in model.layers if isinstance(layer, layers.ReLU)]
    middle = behind[2 * len(architecture.kernels[:BLOCKS])]
    embeddings, hidden = layers.Conv2D(SIZE, 1)(middle), layers.Conv2D(HIDDEN, 1)(behind[-1])
    return keras.Model(model.input, [model.output, embeddings, hidden])


def _depthwise(x: keras.KerasTensor, length: int, width: int) -> keras.KerasTensor:
    if width > 1 and width < x.shape[2]:
        x = layers.ZeroPadding2D(((0, 0), (width // 2, width // 2)))(x)  # frequency alone
    return _normalised(layers.DepthwiseConv2D((length, width), use_bias=False)(x))


def _normalised(x: keras.KerasTensor) -> keras.KerasTensor:
    return layers.ReLU()(BatchNormalization(momentum=0.98)(x))
