"""Learn the posteriors of a model file, as an auxiliary task of the trainer.

The mean posterior of a committee is less a matter of chance than that of one network. A small
network learns it on the augmented examples, of which the teacher gets the same features.
"""

from __future__ import annotations

from collections.abc import Sequence

import keras
import numpy as np
import tensorflow as tf

from kws.model_file import ModelFile
from kws.training.architecture import Architecture
from kws.training.batches import AuxiliaryInputs
from kws.training.features import ExampleLayout, network_frames
from kws.training.losses import soft_target_loss
from kws.training.model import dequantised
from kws.training.recipe import Teacher
from kws.training.trainer import LOGITS, Tensors

LEAST = 1e-6  # posterior, whose logarithm is a soft target


class ModelTask:
    """Compute how far a network's posteriors are from a teacher's. It is an AuxiliaryTask."""

    def __init__(
        self, networks: Sequence[ModelFile], layout: ExampleLayout, settings: Teacher
    ) -> None:
        """Dequantise the teacher's networks, which with_teacher() has found to fit.

        Raises:
            KwsError: A network is not one that kws trains.
        """
        self._settings = settings
        scale, zero_point = networks[0].input_quantisation
        self._input_range = [(limit - zero_point) * scale for limit in (-128, 127)]
        self._networks = []
        for model in networks:
            shape = Architecture.of(model)
            frames = shape.window_frames + (layout.steps - 1) * shape.stride
            self._networks.append((dequantised(model), frames))
        nothing = 0, network_frames(layout.frames), layout.front_end.mel_filters
        self._inputs = AuxiliaryInputs(np.zeros(nothing, np.float16), {})

    def draw(self) -> AuxiliaryInputs:
        """Return no inputs: the examples serve."""
        return self._inputs

    def heads(self, network: keras.Model) -> dict[str, keras.KerasTensor]:
        """Return no heads: the network's own output learns."""
        return {}

    def loss(self, features: tf.Tensor, outputs: Tensors, targets: Tensors) -> tf.Tensor:
        """Return the weighted divergence of the posteriors of a batch from the teacher's."""
        soft = tf.math.log(tf.maximum(self.posteriors(features), LEAST))
        divergence = soft_target_loss(outputs[LOGITS], soft, self._settings.temperature)
        return self._settings.weight * divergence

    def posteriors(self, features: tf.Tensor) -> tf.Tensor:
        """Return the mean posterior of the teacher's networks, [batch, steps, classes].

        Each gets as many of the last frames as its steps take, so that a step ends at the same
        frame for all of them and for the network that learns.
        """
        within_range = tf.clip_by_value(features, *self._input_range)
        found = [
            tf.nn.softmax(network(within_range[:, -frames:], training=False)[:, :, 0, :])
            for network, frames in self._networks
        ]
        return tf.add_n(found) / len(found)
