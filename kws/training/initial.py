"""Start a network from the weights of a model file, whatever keywords that one hears.

Its int8 weights are taken back to floats. Batch normalisation, which quantisation folded into them,
is set so that it changes nothing on typical features.
"""

from __future__ import annotations

import keras
import numpy as np
import numpy.typing as npt
from keras import layers

from kws.engine.tflite_reader import Operator
from kws.errors import KwsError
from kws.model_file import ModelFile
from kws.training.recipe import convolutions

Float = npt.NDArray[np.float32]


def start_from(model: ModelFile, network: keras.Model, features: Float) -> None:
    """Give a network the weights of a model, all but those of the last layer, its classes.

    features: typical input [n, rows, coefficients, 1]. KwsError where the shapes differ.
    """
    operators = convolutions(model)
    untrained = [layer for layer in network.layers if isinstance(layer, _LAYERS)]
    norms = [n for n in network.layers if isinstance(n, layers.BatchNormalization)]
    if len(operators) != len(untrained):
        raise _unlike(model)
    for operator, convolution, norm in zip(operators, untrained, norms, strict=False):
        kernel, bias = _floats(operator, model)
        (wanted,) = convolution.get_weights()
        if kernel.size != wanted.size:
            raise _unlike(model)
        convolution.set_weights([kernel.reshape(wanted.shape)])
        before = keras.Model(network.inputs, norm.input)(features, training=False)
        mean, variance = (np.array(f(before, axis=(0, 1, 2))) for f in (np.mean, np.var))
        norm.set_weights([np.sqrt(variance + norm.epsilon), bias + mean, mean, variance])


_LAYERS = (layers.Conv2D, layers.DepthwiseConv2D)


def _floats(operator: Operator, model: ModelFile) -> tuple[Float, Float]:
    """A convolution's kernel as Keras has it, and its bias."""
    scales = operator.inputs[1].scales
    kernel = operator.constant(1, model.name).astype(np.float32)
    depthwise = operator.name == "DEPTHWISE_CONV_2D"
    kernel = kernel * (scales if depthwise else scales[:, None, None, None])
    bias = operator.constant(2, model.name) * scales * operator.inputs[0].scale
    return kernel.transpose(1, 2, 3, 0), bias.astype(np.float32)


def _unlike(model: ModelFile) -> KwsError:
    return KwsError(f"{model.name}: its network has another shape; only models of kws train serve")
