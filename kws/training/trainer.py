"""Fit a network to a pool of examples, epoch by epoch, and average its weights."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from itertools import islice
from typing import Any, Protocol

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from kws.mfcc_tables import FrontEndTables
from kws.training.augmentation.spectrogram import vtlp_matrices
from kws.training.batches import AuxiliaryInputs, Batch, Batches, Sampler
from kws.training.example_store import ExamplePool
from kws.training.features import ExampleLayout, dct_matrix
from kws.training.losses import detection_loss
from kws.training.recipe import Recipe, Schedule

Arrays = list[npt.NDArray[Any]]
Tensors = Mapping[str, tf.Tensor]

REPORTED_STEPS = 10  # between reports of progress
LOGITS = "logits"  # name of the network's own output

# The normalisations' moving statistics follow the last 50 steps. They fit a weight average of up to
# STATISTICS_FIT steps; for a longer one they are measured again, in so many batches.
STATISTICS_FIT, STATISTICS_BATCHES = 500, 150


class AuxiliaryTask(Protocol):
    """Describe a task that a network learns besides the keywords.

    It learns from inputs of the task's own, which may be none, or from the examples.
    """

    def draw(self) -> AuxiliaryInputs:
        """Return inputs that a batch gets besides its examples, and their targets by name."""

    def heads(self, network: keras.Model) -> dict[str, keras.KerasTensor]:
        """Return outputs by name that are built on a network; no model file gets them."""

    def loss(self, features: tf.Tensor, outputs: Tensors, targets: Tensors) -> tf.Tensor:
        """Return the loss of what a network makes of a batch.

        Args:
            features: Of the examples and then of the task's n inputs, as the batch holds them,
                [batch + n, frames, coefficients, 1].
            outputs: Of both, each [batch + n, steps, ...]: LOGITS and the heads.
            targets: Of the inputs.
        """


class WeightAverage:
    """Apply the moving average of a network's weights, which an optimiser with `use_ema` keeps.

    A model is made of the average. Over a third of a training whose learning rate stays high, it
    lies amid the weights that were passed (Izmailov et al. 2018, "Averaging weights leads to wider
    optima and better generalization").
    """

    def __init__(
        self, network: keras.Model, optimizer: keras.optimizers.Optimizer, limits: tuple[int, int]
    ) -> None:
        """Average over a third of the steps taken, between limits; start_epoch() sets how many."""
        self._network, self._optimizer, self._limits = network, optimizer, limits
        self._momentum = tf.Variable(0.0, trainable=False)
        optimizer.ema_momentum = self._momentum
        self._update_statistics = tf.function(lambda features: network(features, training=True))

    @property
    def _length(self) -> float:
        return float(np.clip(int(self._optimizer.iterations) / 3, *self._limits))

    def start_epoch(self) -> None:
        """Set the length of the average to what fits the steps taken so far."""
        self._momentum.assign(1 - 1 / self._length)

    @contextmanager
    def applied(self, batches: Iterable[tf.Tensor]) -> Iterator[None]:
        """Give the network the averages while the context lasts.

        Args:
            batches: Features in which the normalisations' statistics are measured if need be.
        """
        variables = self._network.variables
        current = [variable.numpy() for variable in variables]
        self._optimizer.finalize_variable_values(self._network.trainable_variables)
        try:
            if self._length > STATISTICS_FIT:
                for features in islice(batches, STATISTICS_BATCHES):
                    self._update_statistics(features)
            yield
        finally:
            for variable, value in zip(variables, current, strict=True):
                variable.assign(value)


class Trainer:
    """Fit a network with an optimiser to the examples of a pool, and to an auxiliary task."""

    def __init__(
        self,
        model: keras.Model,
        recipe: Recipe,
        tables: FrontEndTables,
        pool: ExamplePool,
        sampler: Sampler,
        task: AuxiliaryTask | None = None,
    ) -> None:
        """Prepare the training of `model`; a task adds heads, which are trained along with it."""
        self.model, self.pool, self.sampler, self._task = model, pool, sampler, task
        heads = task.heads(model) if task else {}
        self._outputs = [LOGITS, *heads]
        outputs = [model.output, *heads.values()]
        self._network = keras.Model(model.input, outputs) if heads else model
        self.recipe, schedule = recipe, recipe.schedule
        layout = ExampleLayout.of_examples(
            tables.spec, recipe.architecture.stride, pool.log_mels.shape[1], pool.labels.shape[1]
        )
        # Frames of an example before the window of the first step, which a teacher may need.
        self._lead = layout.window_frames - recipe.architecture.window_frames
        dct = dct_matrix(tables)
        self.dct = tf.constant(dct)
        self._vtlp_dct = tf.constant(vtlp_matrices(tables.spec, recipe.augmentation.vtlp) @ dct)
        self.bias = tf.constant(tables.bias)
        self.optimizer = keras.optimizers.AdamW(
            _learning_rate(schedule),
            weight_decay=schedule.weight_decay,
            use_ema=True,
            clipnorm=1.0,
        )
        self._average = WeightAverage(self._network, self.optimizer, schedule.ema_steps)
        self.optimizer.build(self._network.trainable_variables)
        self._step = tf.function(self._train_step)
        self.logits = tf.function(self._logits, reduce_retracing=True)
        self._batches = Batches(pool, sampler, recipe, task.draw if task else None).epoch()

    def run_epoch(self, seed: int, progress: Callable[[float], None] = lambda share: None) -> float:
        """Train for one epoch, and return the mean loss of the keywords.

        progress: called with the share that is done, every REPORTED_STEPS.
        """
        tf.random.set_seed(seed)
        self.sampler.begin_epoch(seed)
        self._average.start_epoch()
        losses = []
        for batch in self._batches:
            loss, difficulty = self._step(batch)
            self.sampler.report(batch.indices.numpy(), difficulty.numpy())
            losses.append(loss)
            if len(losses) % REPORTED_STEPS == 0:
                progress(len(losses) / self.recipe.schedule.steps_per_epoch)
        self.sampler.end_epoch()
        return float(np.mean(losses))

    def averaged(self) -> AbstractContextManager[None]:
        """Give the network the moving averages of its weights while a context lasts."""
        return self._average.applied(
            self._perturbed_features(batch.log_mels)[:, self._lead :] for batch in self._batches
        )

    def outputs(self, features: tf.Tensor, training: bool = False) -> dict[str, tf.Tensor]:
        """Return what the network and its heads make of features, each [batch, steps, ...]."""
        outputs = self._network(features[:, self._lead :], training=training)
        outputs = outputs if len(self._outputs) > 1 else [outputs]
        return {
            name: output[:, :, 0, :] for name, output in zip(self._outputs, outputs, strict=True)
        }

    def _logits(self, log_mels: tf.Tensor) -> tf.Tensor:
        """Return logits [batch, steps, classes] of log mels [batch, frames, filters]."""
        features = tf.cast(log_mels, tf.float32) @ self.dct + self.bias
        return self.model(features[:, self._lead :, :, None], training=False)[:, :, 0, :]

    def loss(self, indices: npt.NDArray[np.int64]) -> float:
        """Return the mean loss of examples of the pool [n], which are not augmented again."""
        total, batch = 0.0, self.recipe.schedule.batch_size
        for first in range(0, len(indices), batch):
            piece = indices[first : first + batch]
            logits = self.logits(tf.constant(self.pool.network_log_mels(piece)))
            labels = tf.cast(self.pool.labels[piece], tf.int32)
            total += len(piece) * float(self._detection_loss(logits, labels)[0])
        return total / max(1, len(indices))

    def resume(self, state: Arrays, first_seed: int) -> None:
        """Go on from a state as a training that was never interrupted, given its first seed.

        TensorFlow's random operations keep the seed of when their function was traced.
        """
        self.state = state
        tf.random.set_seed(first_seed)
        self._step.get_concrete_function(self._batches.element_spec)

    @property
    def state(self) -> Arrays:
        """Return copies of all variables that training changes."""
        return [variable.numpy() for variable in self._variables]

    @state.setter
    def state(self, values: Arrays) -> None:
        for variable, value in zip(self._variables, values, strict=True):
            variable.assign(value)

    @property
    def _variables(self) -> list[Any]:
        return [*self._network.variables, *self.optimizer.variables]

    def _train_step(self, batch: Batch) -> tuple[tf.Tensor, tf.Tensor]:
        """Update the weights; return the loss, and that of each example's background, [batch]."""
        features = self._perturbed_features(batch.log_mels)
        labels = tf.cast(batch.labels, tf.int32)
        with tf.GradientTape() as tape:
            outputs = self.outputs(features, training=True)
            loss, difficulty = self._detection_loss(outputs[LOGITS][: labels.shape[0]], labels)
            total = loss
            if self._task:
                total += self._task.loss(features, outputs, batch.targets)
        variables = self._network.trainable_variables
        gradients = tape.gradient(total, variables)
        self.optimizer.apply_gradients(zip(gradients, variables, strict=True))
        return loss, difficulty

    def _detection_loss(self, logits: tf.Tensor, labels: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        loss = self.recipe.loss
        return detection_loss(logits, labels, loss.max_pooling_steps, loss.worst_step_weight)

    def _perturbed_features(self, log_mels: tf.Tensor) -> tf.Tensor:
        """Return features [batch, frames, coefficients, 1] of log mels [batch, frames, filters].

        Each input gets a random vocal tract length (VTLP, Jaitly and Hinton 2013).
        """
        index = tf.random.uniform((log_mels.shape[0],), 0, self._vtlp_dct.shape[0], tf.int32)
        return (log_mels @ tf.gather(self._vtlp_dct, index) + self.bias)[..., None]


def _learning_rate(schedule: Schedule) -> keras.optimizers.schedules.LearningRateSchedule:
    return keras.optimizers.schedules.CosineDecay(
        schedule.learning_rate / 20,
        schedule.epochs * schedule.steps_per_epoch,
        alpha=schedule.final_learning_rate_fraction,
        warmup_target=schedule.learning_rate,
        warmup_steps=schedule.warm_up_steps,
    )
