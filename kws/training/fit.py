"""Fit a network to a pool of examples."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from kws.mfcc_tables import FrontEndTables
from kws.training.architecture import Architecture
from kws.training.log_mels import full_dct
from kws.training.loss import detection_loss
from kws.training.pool import Pool
from kws.training.sampler import Sampler
from kws.training.schedule import Schedule
from kws.training.spectrum import coloured, masked, overlaid, stretched, warps


class Trainer:
    """One network, its optimiser and its input pipeline."""

    def __init__(
        self,
        model: keras.Model,
        architecture: Architecture,
        tables: FrontEndTables,
        schedule: Schedule,
    ) -> None:
        self.model, self.architecture, self.schedule = model, architecture, schedule
        self.warped = tf.constant(warps(tables.spec, schedule.warp) @ full_dct(tables))
        self.bias = tf.constant(tables.bias)
        decay = keras.optimizers.schedules.CosineDecay(
            schedule.learning_rate / 20,
            schedule.steps,
            warmup_target=schedule.learning_rate,
            warmup_steps=schedule.warm_up,
        )
        self.optimizer = keras.optimizers.AdamW(
            decay,
            weight_decay=schedule.weight_decay,
            use_ema=True,
            ema_momentum=schedule.average,
            clipnorm=1.0,
        )
        self.optimizer.build(model.trainable_variables)
        self._step = tf.function(self._gradient_step)

    def fit(
        self,
        pool: Pool,
        seed: int,
        progress: Callable[[int, float], None] = lambda step, loss: None,
    ) -> None:
        """Train for the whole schedule and leave the averaged weights in the model."""
        tf.random.set_seed(seed)
        losses = []
        sampler = Sampler(pool, self.schedule, seed)
        for step, (chosen, log_mels, labels) in enumerate(self._batches(pool, sampler), 1):
            loss, difficulty = self._step(log_mels, labels)
            sampler.learn(chosen.numpy(), difficulty.numpy())
            losses.append(loss)
            if step % 100 == 0:
                progress(step, float(np.mean(losses[-100:])))
        self.optimizer.finalize_variable_values(self.model.trainable_variables)

    def _batches(self, pool: Pool, sampler: Sampler) -> tf.data.Dataset:
        """Batches of indices, masked log mel rows and labels."""
        batch = self.schedule.batch
        signature = (
            tf.TensorSpec((batch,), tf.int64),
            tf.TensorSpec((batch, *pool.log_mels.shape[1:]), tf.float16),
            tf.TensorSpec((batch, pool.labels.shape[1]), tf.int8),
        )

        def draw() -> Iterator[tuple[npt.NDArray[Any], ...]]:
            for _ in range(self.schedule.steps):
                chosen = sampler.draw()
                yield chosen, pool.log_mels[chosen], pool.labels[chosen]

        batches = tf.data.Dataset.from_generator(draw, output_signature=signature)
        return batches.map(self._varied, num_parallel_calls=1).prefetch(4)

    def _varied(
        self, chosen: tf.Tensor, log_mels: tf.Tensor, labels: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        x = tf.cast(log_mels, tf.float32)
        x = stretched(x, labels, self.architecture, self.schedule.stretch)
        x = coloured(overlaid(x, labels, self.schedule), self.schedule.colour)
        return chosen, masked(x, self.schedule), labels

    def _gradient_step(self, log_mels: tf.Tensor, labels: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Change the weights; the loss, and how hard each example was, [batch]."""
        features = self.warped_features(log_mels)
        with tf.GradientTape() as tape:
            logits = self.model(features, training=True)[:, :, 0, :]
            loss, difficulty = detection_loss(
                logits, tf.cast(labels, tf.int32), self.schedule.hardest
            )
        gradients = tape.gradient(loss, self.model.trainable_variables)
        self.optimizer.apply_gradients(zip(gradients, self.model.trainable_variables, strict=True))
        return loss, difficulty

    def warped_features(self, log_mels: tf.Tensor) -> tf.Tensor:
        """Log mel rows [batch, rows, filters] to network input [batch, rows, coefficients, 1].

        Each example gets a random vocal tract length (Jaitly and Hinton 2013).
        """
        chosen = tf.random.uniform((log_mels.shape[0],), 0, self.warped.shape[0], tf.int32)
        return (log_mels @ tf.gather(self.warped, chosen) + self.bias)[..., None]
