"""Batch normalisation as one operation: what Keras makes of it takes more than all convolutions."""

from __future__ import annotations

import keras
import tensorflow as tf
from keras import layers


class BatchNormalization(layers.BatchNormalization):  # type: ignore[misc]
    """Keras's layer over the last of four axes, which learns with TensorFlow's fused kernel.

    That is fastest by far with a multiple of 16 channels.
    """

    def call(self, inputs: keras.KerasTensor, training: bool = False) -> keras.KerasTensor:
        """As Keras's: the batch's mean and variance where it trains, else those that it kept."""
        if not training:
            return super().call(inputs, training=False)
        outputs, mean, variance = tf.compat.v1.nn.fused_batch_norm(
            inputs, self.gamma, self.beta, epsilon=self.epsilon, is_training=True
        )
        for kept, now in ((self.moving_mean, mean), (self.moving_variance, variance)):
            kept.assign(kept * self.momentum + now * (1 - self.momentum))
        return outputs
