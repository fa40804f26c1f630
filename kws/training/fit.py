"""Fit a network to a pool of examples, epoch by epoch."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
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

Arrays = list[npt.NDArray[Any]]


class Trainer:
    """A network, its optimiser, and the examples it is trained on."""

    def __init__(
        self,
        model: keras.Model,
        architecture: Architecture,
        tables: FrontEndTables,
        schedule: Schedule,
        pool: Pool,
        sampler: Sampler,
    ) -> None:
        self.model, self.architecture, self.schedule = model, architecture, schedule
        self.pool, self.sampler = pool, sampler
        self.plain = tf.constant(full_dct(tables))
        self.warped = tf.constant(warps(tables.spec, schedule.warp) @ full_dct(tables))
        self.bias = tf.constant(tables.bias)
        self.optimizer = keras.optimizers.AdamW(
            _learning_rate(schedule),
            weight_decay=schedule.weight_decay,
            use_ema=True,
            ema_momentum=schedule.average,
            clipnorm=1.0,
        )
        self.optimizer.build(model.trainable_variables)
        self._step = tf.function(self._gradient_step)
        self.scores = tf.function(self._scores, reduce_retracing=True)
        self._batches = self._epoch_of_batches()

    def run_epoch(self, seed: int) -> float:
        """Train for one epoch; the mean loss."""
        tf.random.set_seed(seed)
        losses = []
        for chosen, log_mels, labels in self._batches:
            loss, difficulty = self._step(log_mels, labels)
            self.sampler.learn(chosen.numpy(), difficulty.numpy())
            losses.append(loss)
        return float(np.mean(losses))

    @contextmanager
    def averaged(self) -> Iterator[None]:
        """The network with the moving averages of its weights, which a model is made of."""
        variables = self.model.trainable_variables
        current = [variable.numpy() for variable in variables]
        self.optimizer.finalize_variable_values(variables)
        try:
            yield
        finally:
            for variable, value in zip(variables, current, strict=True):
                variable.assign(value)

    def _scores(self, log_mels: tf.Tensor) -> tf.Tensor:
        """Logits [batch, steps, classes] of log mel rows [batch, rows, filters] as they are."""
        features = tf.cast(log_mels, tf.float32) @ self.plain + self.bias
        return self.model(features[..., None], training=False)[:, :, 0, :]

    def loss(self, chosen: npt.NDArray[np.int64]) -> float:
        """Of examples [n] as they are."""
        total, batch = 0.0, self.schedule.batch
        for first in range(0, len(chosen), batch):
            piece = chosen[first : first + batch]
            logits = self.scores(tf.constant(self.pool.heard(piece)))
            labels = tf.cast(self.pool.labels[piece], tf.int32)
            total += len(piece) * float(self._loss(logits, labels)[0])
        return total / max(1, len(chosen))

    @property
    def state(self) -> Arrays:
        """All that training changes."""
        return [variable.numpy() for variable in self._variables]

    @state.setter
    def state(self, values: Arrays) -> None:
        for variable, value in zip(self._variables, values, strict=True):
            variable.assign(value)

    @property
    def _variables(self) -> list[Any]:
        return [*self.model.variables, *self.optimizer.variables]

    def _epoch_of_batches(self) -> tf.data.Dataset:
        """Batches of indices, masked log mel rows and labels."""
        batch, pool = self.schedule.batch, self.pool
        signature = (
            tf.TensorSpec((batch,), tf.int64),
            tf.TensorSpec((batch, *pool.log_mels.shape[1:]), tf.float16),
            tf.TensorSpec((batch, pool.labels.shape[1]), tf.int8),
        )

        def draw() -> Iterator[tuple[npt.NDArray[Any], ...]]:
            for _ in range(self.schedule.epoch):
                chosen = self.sampler.draw()
                yield chosen, pool.log_mels[chosen], pool.labels[chosen]

        batches = tf.data.Dataset.from_generator(draw, output_signature=signature)
        return batches.map(self._varied, num_parallel_calls=1).prefetch(4)

    def _varied(
        self, chosen: tf.Tensor, log_mels: tf.Tensor, labels: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        x = stretched(log_mels, labels, self.architecture, self.schedule.stretch)
        x = tf.cast(x, tf.float32)
        x = coloured(overlaid(x, labels, self.schedule), self.schedule.colour)
        return chosen, masked(x, self.schedule), labels

    def _gradient_step(self, log_mels: tf.Tensor, labels: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Change the weights; the loss, and how hard each example was, [batch]."""
        features, labels = self.warped_features(log_mels), tf.cast(labels, tf.int32)
        with tf.GradientTape() as tape:
            loss, difficulty = self._loss(self.model(features, training=True)[:, :, 0, :], labels)
        variables = self.model.trainable_variables
        gradients = tape.gradient(loss, variables)
        self.optimizer.apply_gradients(zip(gradients, variables, strict=True))
        return loss, difficulty

    def _loss(self, logits: tf.Tensor, labels: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        return detection_loss(logits, labels, self.schedule.found_steps, self.schedule.hardest)

    def warped_features(self, log_mels: tf.Tensor) -> tf.Tensor:
        """[batch, rows, coefficients, 1] of log mel rows [batch, rows, filters].

        Each example gets a random vocal tract length (Jaitly and Hinton 2013).
        """
        throat = tf.random.uniform((log_mels.shape[0],), 0, self.warped.shape[0], tf.int32)
        return (log_mels @ tf.gather(self.warped, throat) + self.bias)[..., None]


def _learning_rate(schedule: Schedule) -> keras.optimizers.schedules.LearningRateSchedule:
    return keras.optimizers.schedules.CosineDecay(
        schedule.learning_rate / 20,
        schedule.epochs * schedule.epoch,
        alpha=schedule.last,
        warmup_target=schedule.learning_rate,
        warmup_steps=schedule.warm_up,
    )
