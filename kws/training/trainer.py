"""Fit a network to a pool of examples, epoch by epoch."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from kws.mfcc_tables import FrontEndTables
from kws.training.augmentation.spectrogram import warps
from kws.training.batches import Batches
from kws.training.distillation.task import Guide
from kws.training.example_store import Pool
from kws.training.log_mel import full_dct
from kws.training.losses import detection_loss, guidance_loss
from kws.training.model import telling
from kws.training.recipe import Recipe, Schedule
from kws.training.sampler import Sampler
from kws.training.weight_average import WeightAverage

Arrays = list[npt.NDArray[Any]]


class Trainer:
    """A network, its optimiser, and the examples it is trained on."""

    def __init__(
        self,
        model: keras.Model,
        recipe: Recipe,
        tables: FrontEndTables,
        pool: Pool,
        sampler: Sampler,
        guide: Guide | None = None,
    ) -> None:
        self.model, self.pool, self.sampler, self.guide = model, pool, sampler, guide
        self.trained = telling(model, recipe.architecture) if guide else model
        self.recipe, self.schedule = recipe, recipe.schedule
        schedule = recipe.schedule
        self.plain = tf.constant(full_dct(tables))
        self.warped = tf.constant(warps(tables.spec, recipe.augmentation.vtlp) @ full_dct(tables))
        self.bias = tf.constant(tables.bias)
        self.optimizer = keras.optimizers.AdamW(
            _learning_rate(schedule),
            weight_decay=schedule.weight_decay,
            use_ema=True,
            clipnorm=1.0,
        )
        self._average = WeightAverage(self.trained, self.optimizer, schedule.ema_steps)
        self.optimizer.build(self.trained.trainable_variables)
        self._step = tf.function(self._gradient_step)
        self.scores = tf.function(self._scores, reduce_retracing=True)
        self._batches = Batches(pool, sampler, guide, recipe).epoch()

    def run_epoch(self, seed: int) -> float:
        """Train for one epoch; the mean loss."""
        tf.random.set_seed(seed)
        self._average.widen()
        losses = []
        for chosen, log_mels, labels, *told in self._batches:
            loss, difficulty = self._step(log_mels, labels, *told)
            self.sampler.learn(chosen.numpy(), difficulty.numpy())
            losses.append(loss)
        return float(np.mean(losses))

    def averaged(self) -> AbstractContextManager[None]:
        """The network with the moving averages of its weights, which a model is made of."""
        return self._average.applied(
            self.warped_features(log_mels) for _, log_mels, *_ in self._batches
        )

    def _scores(self, log_mels: tf.Tensor) -> tf.Tensor:
        """Logits [batch, steps, classes] of log mel rows [batch, rows, filters] as they are."""
        features = tf.cast(log_mels, tf.float32) @ self.plain + self.bias
        return self.model(features[..., None], training=False)[:, :, 0, :]

    def loss(self, chosen: npt.NDArray[np.int64]) -> float:
        """Of examples [n] as they are."""
        total, batch = 0.0, self.schedule.batch_size
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
        return [*self.trained.variables, *self.optimizer.variables]

    def _gradient_step(
        self, log_mels: tf.Tensor, labels: tf.Tensor, *told: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Change the weights; the loss, and how hard each example was, [batch]."""
        features, labels = self.warped_features(log_mels), tf.cast(labels, tf.int32)
        examples = self.schedule.batch_size  # what comes behind them guides
        with tf.GradientTape() as tape:
            made = self.trained(features, training=True)
            logits, *outputs = made if self.guide else (made,)
            loss, difficulty = self._loss(logits[:examples, :, 0, :], labels)
            total = loss
            if self.guide:
                passages = [output[examples:, :, 0, :] for output in (*outputs, logits)]
                distillation = self.recipe.distillation
                weights = (
                    distillation.embedding_weight,
                    distillation.hidden_weight,
                    distillation.logits_weight,
                )
                total += guidance_loss(passages, told, weights)
        variables = self.trained.trainable_variables
        gradients = tape.gradient(total, variables)
        self.optimizer.apply_gradients(zip(gradients, variables, strict=True))
        return loss, difficulty

    def _loss(self, logits: tf.Tensor, labels: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        settings = self.recipe.loss
        return detection_loss(
            logits, labels, settings.max_pooling_steps, settings.worst_step_weight
        )

    def warped_features(self, log_mels: tf.Tensor) -> tf.Tensor:
        """[batch, rows, coefficients, 1] of log mel rows [batch, rows, filters].

        Each example gets a random vocal tract length (Jaitly and Hinton 2013).
        """
        throat = tf.random.uniform((log_mels.shape[0],), 0, self.warped.shape[0], tf.int32)
        return (log_mels @ tf.gather(self.warped, throat) + self.bias)[..., None]


def _learning_rate(schedule: Schedule) -> keras.optimizers.schedules.LearningRateSchedule:
    return keras.optimizers.schedules.CosineDecay(
        schedule.learning_rate / 20,
        schedule.epochs * schedule.steps_per_epoch,
        alpha=schedule.final_learning_rate_fraction,
        warmup_target=schedule.learning_rate,
        warmup_steps=schedule.warm_up_steps,
    )
