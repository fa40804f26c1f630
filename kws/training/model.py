"""Build the network: a DS-CNN in Keras that pads nothing along time.

There are two families (Hello Edge, Zhang et al. 2017). The temporal one begins with a convolution
of `kernel x coefficients`, which makes the coefficients channels and leaves time alone. The planar
one begins with a narrower kernel and keeps a plane of frequencies, which its blocks convolve too.
"""

from __future__ import annotations

import math

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf
from keras import layers

from kws.config import FrontEnd
from kws.engine.tflite_reader import Operator
from kws.errors import KwsError
from kws.model_file import ModelFile
from kws.training.architecture import Architecture, convolutions

Float = npt.NDArray[np.float32]


def build_model(
    architecture: Architecture,
    front_end: FrontEnd,
    classes: int,
    frames: int | None = None,
    normalised: bool = True,
) -> keras.Model:
    """Build a network.

    It maps features [batch, frames, coefficients, 1] to logits [batch, steps, 1, classes].

    Args:
        architecture: The shape of the network.
        front_end: Its number of coefficients is the width of the input.
        classes: Keywords and background.
        frames: The length of the input; None leaves the time axis open, as training wants it,
            while the converter wants it fixed.
        normalised: Whether each convolution but the last is followed by batch normalisation, else
            by a bias, as in a model file.
    """
    inputs = keras.Input((frames, front_end.coefficients, 1))
    x = _activated(_first_convolution(inputs, architecture, not normalised), normalised)
    width = 3 if architecture.frequency_kernel else 1
    for length in architecture.kernels:
        x = _depthwise(x, length, width, normalised)
        x = layers.Conv2D(architecture.channels, 1, use_bias=not normalised)(x)
        x = _activated(x, normalised)
    x = _depthwise(x, architecture.last_kernel, x.shape[2], normalised)
    logits = layers.Conv2D(classes, 1)(x)
    return keras.Model(inputs, logits)


def block_outputs(model: keras.Model) -> list[keras.KerasTensor]:
    """Return the activations that auxiliary heads may read, [batch, time steps, width, channels].

    They are those of the first convolution, of each block, and of the last depthwise convolution.
    """
    activations = [layer.output for layer in model.layers if isinstance(layer, layers.ReLU)]
    return activations[::2] + activations[-1:]


def copy_weights(source: keras.Model, target: keras.Model) -> None:
    """Copy the weights of a network to another of its architecture, open or fixed in time."""
    weights = zip(source.get_weights(), target.get_weights(), strict=True)
    target.set_weights([given.reshape(taken.shape) for given, taken in weights])


def initialise_from(
    model: ModelFile, network: keras.Model, features: Float, last_layer: bool = False
) -> None:
    """Initialise a network with the weights of a model file, all but those of its last layer.

    The int8 weights are dequantised. Quantisation folded batch normalisation into them, so it is
    set to change nothing on typical features. The keywords of both may differ.

    Args:
        model: The model file.
        network: The network that is changed.
        features: Typical input, [n, frames, coefficients, 1].
        last_layer: Whether the keywords are the same, so that the last layer is initialised too.

    Raises:
        KwsError: The shapes differ.
    """
    operators = convolutions(model)
    targets = [layer for layer in network.layers if isinstance(layer, _CONVOLUTIONS)]
    norms = [n for n in network.layers if isinstance(n, layers.BatchNormalization)]
    if len(operators) != len(targets):
        raise _shape_error(model)
    for operator, convolution, norm in zip(operators, targets, norms, strict=False):
        kernel, bias = _dequantised(operator, model)
        (initial,) = convolution.get_weights()
        if kernel.size != initial.size:
            raise _shape_error(model)
        convolution.set_weights([kernel.reshape(initial.shape)])
        output = keras.Model(network.input, norm.input)(features, training=False)
        mean, variance = (np.array(f(output, axis=(0, 1, 2))) for f in (np.mean, np.var))
        norm.set_weights([np.sqrt(variance + norm.epsilon), bias + mean, mean, variance])
    if last_layer:
        kernel, bias = _dequantised(operators[-1], model)
        initial, _ = targets[-1].get_weights()
        if kernel.size != initial.size:
            raise _shape_error(model)
        targets[-1].set_weights([kernel.reshape(initial.shape), bias])


def dequantised(model: ModelFile) -> keras.Model:
    """Return a model file's first network with the values of its int8 weights, open in time.

    Raises:
        KwsError: It is not a network of build_model().
    """
    config, architecture = model.config, Architecture.of(model)
    network = build_model(architecture, config.front_end, len(config.classes), normalised=False)
    targets = [layer for layer in network.layers if isinstance(layer, _CONVOLUTIONS)]
    operators = convolutions(model)
    if len(operators) != len(targets):
        raise _shape_error(model)
    for operator, target in zip(operators, targets, strict=True):
        kernel, bias = _dequantised(operator, model)
        shapes = [weights.shape for weights in target.get_weights()]
        if [kernel.size, bias.shape] != [math.prod(shapes[0]), shapes[1]]:
            raise _shape_error(model)
        target.set_weights([kernel.reshape(shapes[0]), bias])
    return network


class BatchNormalization(layers.BatchNormalization):  # type: ignore[misc]
    """Normalise the last of four axes with TensorFlow's fused kernel while training.

    Keras composes it of single operations, which take more time than all convolutions. The fused
    kernel is fastest by far with a multiple of 16 channels.
    """

    def call(self, inputs: keras.KerasTensor, training: bool = False) -> keras.KerasTensor:
        """Normalise with the batch's statistics in training, else with the moving ones."""
        if not training:
            return super().call(inputs, training=False)
        outputs, mean, variance = tf.compat.v1.nn.fused_batch_norm(
            inputs, self.gamma, self.beta, epsilon=self.epsilon, is_training=True
        )
        for moving, batch in ((self.moving_mean, mean), (self.moving_variance, variance)):
            moving.assign(moving * self.momentum + batch * (1 - self.momentum))
        return outputs


_CONVOLUTIONS = (layers.Conv2D, layers.DepthwiseConv2D)


def _first_convolution(
    inputs: keras.KerasTensor, architecture: Architecture, biased: bool
) -> keras.KerasTensor:
    """Return the first convolution of features, which tells the two families apart."""
    _, frames, coefficients, _ = inputs.shape
    planar = architecture.frequency_kernel > 0
    stride, channels = architecture.stride, architecture.channels
    if frames is None and not planar:
        # The same sums in training, in a quarter of the time: coefficients are channels, frames
        # lie where a picture has its width.
        x = layers.Reshape((1, -1, coefficients))(inputs)
        size, strides = (1, architecture.first_kernel), (1, stride)
        x = layers.Conv2D(channels, size, strides=strides, use_bias=biased)(x)
        return layers.Reshape((-1, 1, channels))(x)
    kernel = architecture.frequency_kernel if planar else coefficients
    frequency_stride = architecture.frequency_stride if planar else stride
    size, strides = (architecture.first_kernel, kernel), (stride, frequency_stride)
    return layers.Conv2D(channels, size, strides=strides, use_bias=biased)(inputs)


def _depthwise(
    x: keras.KerasTensor, length: int, width: int, normalised: bool
) -> keras.KerasTensor:
    if width > 1 and width < x.shape[2]:
        x = layers.ZeroPadding2D(((0, 0), (width // 2, width // 2)))(x)  # frequency alone
    x = layers.DepthwiseConv2D((length, width), use_bias=not normalised)(x)
    return _activated(x, normalised)


def _activated(x: keras.KerasTensor, normalised: bool) -> keras.KerasTensor:
    return layers.ReLU()(BatchNormalization(momentum=0.98)(x) if normalised else x)


def _dequantised(operator: Operator, model: ModelFile) -> tuple[Float, Float]:
    """Return the kernel of a convolution in Keras's layout, and its bias."""
    scales = operator.inputs[1].scales
    kernel = operator.constant(1, model.name).astype(np.float32)
    depthwise = operator.name == "DEPTHWISE_CONV_2D"
    kernel = kernel * (scales if depthwise else scales[:, None, None, None])
    bias = operator.constant(2, model.name) * scales * operator.inputs[0].scale
    return kernel.transpose(1, 2, 3, 0), bias.astype(np.float32)


def _shape_error(model: ModelFile) -> KwsError:
    return KwsError(f"{model.name}: its network has another shape; only models of kws train serve")
