"""Make networks that were never trained, and models of them."""

from __future__ import annotations

import numpy as np
from training_signals import FRONT_END

from kws.config import ModelConfig
from kws.model_file import ModelFile
from kws.training.architecture import Architecture

SMALL = Architecture(channels=8, kernels=(3, 5), last_kernel=4)

FAMILIES = {
    "temporal": SMALL,
    "planar": Architecture(
        channels=8, kernels=(3, 5), last_kernel=3, frequency_kernel=4, first_kernel=6, stride=3
    ),
}


def adapted_network(architecture: Architecture, classes: int, features: np.ndarray):
    """Return a network of random weights, its batch normalisation adapted to the features."""
    import keras

    from kws.training.model import build_model

    keras.utils.set_random_seed(3)
    network = build_model(architecture, FRONT_END, classes)
    random = np.random.default_rng(5)
    for variable in network.variables:
        if variable.name in ("gamma", "beta"):
            low, high = (0.5, 1.5) if variable.name == "gamma" else (-0.3, 0.3)
            variable.assign(random.uniform(low, high, variable.shape))
    for _ in range(200):
        network(features, training=True)
    return network


def quantised(network, architecture: Architecture, features: np.ndarray, classes: int) -> ModelFile:
    from kws.training.model import build_model, copy_weights
    from kws.training.quantise import embed, quantise

    window = build_model(architecture, FRONT_END, classes, architecture.window_frames)
    copy_weights(network, window)
    content = quantise(window, features[:, : architecture.window_frames, :, 0])
    keywords = tuple(f"word {n}" for n in range(1, classes))
    config = ModelConfig(keywords, (1.0,) * (classes - 1), architecture.stride, FRONT_END)
    return ModelFile.parse(embed(content, config), "it.tflite")
