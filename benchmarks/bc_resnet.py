"""Build and train BC-ResNet, with which benchmarks/speech_commands.py compares.

Kim et al. 2021, "Broadcasted residual learning for efficient keyword spotting": an image of 40 log
mel bins; blocks that convolve frequencies, average over them, convolve time with a dilation, and
add the result to all frequencies; subspectral normalisation (Chang et al. 2021). Layers and
training follow the paper: SGD with momentum and a cosine, and for BC-ResNet-1 no SpecAugment.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf
from keras import layers

from kws.training.model import BatchNormalization

BINS = 40
HOP = 160  # samples
WINDOW = 480  # samples
BASE_CHANNELS = 8  # of BC-ResNet-1
# Of each stage: channels as a multiple of the base, number of blocks, stride of the frequencies.
STAGES = ((1.0, 2, 1), (1.5, 2, 2), (2.0, 4, 2), (2.5, 4, 1))
SUB_BANDS = 5
DROPOUT = 0.1
BATCH = 100
LEARNING_RATE, WEIGHT_DECAY, MOMENTUM = 0.1, 1e-3, 0.9
WARM_UP = 0.025  # share of the steps
REPORTED_STEPS = 10  # between reports of progress

Float = npt.NDArray[np.float32]
Int = npt.NDArray[np.int64]


def build_bc_resnet(classes: int, frames: int) -> keras.Model:
    """Build BC-ResNet-1 for log mels [batch, BINS, frames, 1]; it gives logits [batch, classes]."""
    x = inputs = keras.Input((BINS, frames, 1))
    x = layers.ZeroPadding2D(2)(x)
    x = layers.Conv2D(2 * BASE_CHANNELS, 5, strides=(2, 1), use_bias=False)(x)
    x = layers.ReLU()(_normalised(x))
    for stage, (width, blocks, stride) in enumerate(STAGES):
        for block in range(blocks):
            channels = round(BASE_CHANNELS * width)
            x = _block(x, channels, 1 if block else stride, 2**stage, transition=not block)
    x = layers.ZeroPadding2D(((0, 0), (2, 2)))(x)
    x = layers.DepthwiseConv2D(5, use_bias=False)(x)
    x = layers.Conv2D(4 * BASE_CHANNELS, 1, use_bias=False)(x)
    x = layers.ReLU()(_normalised(x))
    x = layers.GlobalAveragePooling2D(keepdims=True)(x)
    return keras.Model(inputs, layers.Flatten()(layers.Conv2D(classes, 1)(x)))


def _block(
    x: keras.KerasTensor, channels: int, stride: int, dilation: int, transition: bool
) -> keras.KerasTensor:
    """Return a block's output; one of transition changes the channels and has no shortcut."""
    shortcut = x
    if transition:
        x = layers.Conv2D(channels, 1, use_bias=False)(x)
        x = layers.ReLU()(_normalised(x))
    x = layers.ZeroPadding2D(((1, 1), (0, 0)))(x)
    x = Depthwise(3, axis=1, stride=stride)(x)
    x = planes = SubspectralNormalization()(x)
    x = keras.ops.mean(x, axis=1, keepdims=True)
    x = layers.ZeroPadding2D(((0, 0), (dilation, dilation)))(x)
    x = Depthwise(3, axis=2, dilation=dilation)(x)
    x = keras.ops.silu(_normalised(x))
    x = layers.Conv2D(channels, 1, use_bias=False)(x)
    x = layers.SpatialDropout2D(DROPOUT)(x)
    x = planes + x  # broadcast to all frequencies
    return layers.ReLU()(x if transition else x + shortcut)


class Depthwise(layers.Layer):  # type: ignore[misc]
    """Convolve each channel along one axis, as a sum of shifted inputs.

    On a CPU that takes a part of the time of the general kernels, above all with a dilation.
    """

    def __init__(self, length: int, axis: int, stride: int = 1, dilation: int = 1) -> None:
        super().__init__()
        self._length, self._axis, self._stride, self._dilation = length, axis, stride, dilation

    def build(self, shape: tuple[int, ...]) -> None:
        """Create the kernel, [length, channels]."""
        limit = (3 / self._length) ** 0.5  # He et al. 2015, uniform
        initial = keras.initializers.RandomUniform(-limit, limit)
        self.kernel = self.add_weight(shape=(self._length, shape[-1]), initializer=initial)

    def call(self, x: keras.KerasTensor) -> keras.KerasTensor:
        """Return the valid part of the convolution."""
        reach = x.shape[self._axis] - (self._length - 1) * self._dilation
        total = 0.0
        for tap in range(self._length):
            first = tap * self._dilation
            piece = slice(first, first + reach, self._stride)
            total += self.kernel[tap] * (x[:, piece] if self._axis == 1 else x[:, :, piece])
        return total


class SubspectralNormalization(layers.Layer):  # type: ignore[misc]
    """Normalise each of SUB_BANDS bands of frequencies by statistics of its own."""

    def build(self, shape: tuple[int, ...]) -> None:
        """Prepare a normalisation of bands times channels."""
        _, bins, frames, channels = shape
        self._bands = layers.Reshape((SUB_BANDS, bins // SUB_BANDS, frames, channels))
        self._order = layers.Permute((2, 3, 1, 4))
        self._joined = layers.Reshape((bins // SUB_BANDS, frames, SUB_BANDS * channels))
        self._norm = BatchNormalization(momentum=0.9, epsilon=1e-5)
        self._norm.build((None, bins // SUB_BANDS, frames, SUB_BANDS * channels))
        self._split = layers.Reshape((bins // SUB_BANDS, frames, SUB_BANDS, channels))
        self._back = layers.Permute((3, 1, 2, 4))
        self._whole = layers.Reshape((bins, frames, channels))

    def call(self, x: keras.KerasTensor, training: bool = False) -> keras.KerasTensor:
        """Return the normalised planes."""
        x = self._joined(self._order(self._bands(x)))
        x = self._norm(x, training=training)
        return self._whole(self._back(self._split(x)))


def _normalised(x: keras.KerasTensor) -> keras.KerasTensor:
    return BatchNormalization(momentum=0.9, epsilon=1e-5)(x)


def train_bc_resnet(
    log_mels: npt.NDArray[np.float16],
    labels: Int,
    classes: int,
    steps: int,
    seed: int,
    progress: Callable[[str, float], None],
) -> keras.Model:
    """Train BC-ResNet-1 on clips of each class in turn.

    Args:
        log_mels: Of augmented clips, [n, frames, BINS].
        labels: Of the clips, [n].
        classes: How many there are.
        steps: Batches; the learning rate falls to 0 in them.
        seed: Of the weights and all draws.
        progress: Called with what is done and the share that is.
    """
    keras.utils.set_random_seed(seed)
    random = np.random.default_rng(seed)
    model = build_bc_resnet(classes, log_mels.shape[1])
    warm_up = round(WARM_UP * steps)
    rate = keras.optimizers.schedules.CosineDecay(
        0.0, steps - warm_up, warmup_target=LEARNING_RATE, warmup_steps=warm_up
    )
    optimizer = keras.optimizers.SGD(rate, momentum=MOMENTUM)
    train = tf.function(_training_step(model, optimizer))
    groups = [np.flatnonzero(labels == label) for label in range(classes)]
    for step in range(1, steps + 1):
        drawn = [random.choice(groups[i % classes]) for i in range(BATCH)]
        train(images(log_mels[drawn]), labels[drawn])
        if step % REPORTED_STEPS == 0:
            progress("training", step / steps)
    return model


def images(log_mels: npt.NDArray[np.float16]) -> Float:
    """Return log mels [n, frames, BINS] as the network takes them."""
    return log_mels.transpose(0, 2, 1)[..., None].astype(np.float32)


def _training_step(
    model: keras.Model, optimizer: keras.optimizers.Optimizer
) -> Callable[[Any, Any], None]:
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    variables = model.trainable_variables

    def step(batch: Any, labels: Any) -> None:
        with tf.GradientTape() as tape:
            error = loss(labels, model(batch, training=True))
        gradients = tape.gradient(error, variables)
        decayed = [g + WEIGHT_DECAY * v for g, v in zip(gradients, variables, strict=True)]
        optimizer.apply_gradients(zip(decayed, variables, strict=True))

    return step


def multiplications(model: keras.Model) -> int:
    """Return the multiplications of the convolutions for one image."""
    total = 0
    for layer in model.layers:
        if isinstance(layer, (layers.Conv2D, layers.DepthwiseConv2D, Depthwise)):
            height, width, channels = layer.output.shape[1:]
            inputs = layer.kernel.shape[2] if type(layer) is layers.Conv2D else 1
            taps = np.prod(layer.kernel.shape[: 1 if isinstance(layer, Depthwise) else 2])
            total += int(height * width * channels * inputs * taps)
    return total
