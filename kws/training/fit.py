"""Fit a network to a pool of examples."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from kws.config import FrontEnd
from kws.mfcc_tables import FrontEndTables, mel_of
from kws.training.pool import Pool


FOUND_STEPS = 4  # network steps in which a keyword must be found: what the smoothing averages


@dataclass(frozen=True)
class Schedule:
    """How long and how fast to train."""

    steps: int = 6000
    batch: int = 128  # examples
    positives: float = 0.4  # share of a batch, spread evenly over the keywords
    learning_rate: float = 3e-3  # at its peak; a cosine takes it to zero
    warm_up: int = 200  # steps
    weight_decay: float = 1e-4
    average: float = 0.998  # decay of the moving average of the weights, which is what is kept
    hardest: float = 0.5  # weight of each background example's worst step against its mean
    time_masks: int = 2
    time_mask: int = 8  # rows at most
    band_masks: int = 2
    band_mask: int = 6  # mel bands at most
    warp: float = 0.1  # share by which frequencies are stretched at most, as other throats do


class Trainer:
    """One network, its optimiser and its input pipeline."""

    def __init__(self, model: keras.Model, tables: FrontEndTables, schedule: Schedule) -> None:
        self.model, self.schedule = model, schedule
        self.to_features = tf.constant(full_dct(tables))
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
        return batches.map(self._masked, num_parallel_calls=1).prefetch(4)

    def _masked(
        self, chosen: tf.Tensor, log_mels: tf.Tensor, labels: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """SpecAugment (Park et al. 2019): stretches of time and bands take the batch's mean."""
        x = tf.cast(log_mels, tf.float32)
        mean = tf.reduce_mean(x, axis=(0, 1), keepdims=True)
        schedule = self.schedule
        for axis, count, widest in (
            (1, schedule.time_masks, schedule.time_mask),
            (2, schedule.band_masks, schedule.band_mask),
        ):
            for _ in range(count):
                x = tf.where(_stretch(x.shape, axis, widest), mean, x)
        return chosen, x, labels

    @tf.function
    def _step(self, log_mels: tf.Tensor, labels: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        features = self.warped_features(log_mels)
        with tf.GradientTape() as tape:
            logits = self.model(features, training=True)[:, :, 0, :]
            loss, difficulty = detection_loss(
                logits, tf.cast(labels, tf.int32), self.schedule.hardest
            )
        gradients = tape.gradient(loss, self.model.trainable_variables)
        self.optimizer.apply_gradients(zip(gradients, self.model.trainable_variables))
        return loss, difficulty

    def features(self, log_mels: tf.Tensor) -> tf.Tensor:
        """Log mel rows [batch, rows, filters] to the network's input [batch, rows, coefficients, 1]."""
        return (tf.cast(log_mels, tf.float32) @ self.to_features + self.bias)[..., None]

    def warped_features(self, log_mels: tf.Tensor) -> tf.Tensor:
        """The same with a random vocal tract length for each example (Jaitly and Hinton 2013)."""
        chosen = tf.random.uniform((log_mels.shape[0],), 0, self.warped.shape[0], tf.int32)
        return (log_mels @ tf.gather(self.warped, chosen) + self.bias)[..., None]


class Sampler:
    """Draws batches: keywords evenly, of the background half at random and half by difficulty.

    Most background is easy from the first minute on; what still raises alarms is seen more often.
    """

    def __init__(self, pool: Pool, schedule: Schedule, seed: int) -> None:
        self._random = np.random.default_rng(seed)
        self._schedule = schedule
        keyword = pool.labels.max(axis=1)
        self._background, *self._keywords = (
            np.flatnonzero(keyword == k) for k in range(keyword.max() + 1)
        )
        self._difficulty = np.ones(len(keyword))

    def draw(self) -> npt.NDArray[np.int64]:
        """[batch] indices into the pool."""
        schedule, random = self._schedule, self._random
        each = round(schedule.batch * schedule.positives / len(self._keywords))
        backgrounds = schedule.batch - each * len(self._keywords)
        weights = np.cumsum(self._difficulty[self._background])
        places = random.uniform(0, weights[-1], backgrounds // 2)
        hard = self._background[np.searchsorted(weights, places)]
        drawn = [random.choice(group, each) for group in self._keywords]
        drawn += [hard, random.choice(self._background, backgrounds - len(hard))]
        return np.concatenate(drawn)

    def learn(self, chosen: npt.NDArray[np.int64], difficulty: npt.NDArray[np.float32]) -> None:
        """Note how hard [batch] examples were."""
        self._difficulty[chosen] = difficulty + 0.01


def detection_loss(
    logits: tf.Tensor, labels: tf.Tensor, hardest: float
) -> tuple[tf.Tensor, tf.Tensor]:
    """Cross entropy of [batch, steps, classes] where the label is not IGNORE.

    Returns the loss and each example's worst background step, [batch].

    A keyword counts where it is found best, FOUND_STEPS of its steps: where exactly a word ends is
    known but roughly (max pooling, Sun et al. 2016). Of background, each example's worst step
    counts as much as all of them, since one is enough for a false alarm.
    """
    entropy = tf.nn.sparse_softmax_cross_entropy_with_logits(tf.maximum(labels, 0), logits)
    background = tf.cast(labels == 0, tf.float32)
    keyword = tf.reduce_any(labels > 0, axis=1)
    best = -tf.math.top_k(tf.where(labels > 0, -entropy, -1e3), FOUND_STEPS).values
    found = tf.reduce_mean(tf.boolean_mask(best, keyword))
    mean = tf.reduce_sum(entropy * background) / tf.maximum(1.0, tf.reduce_sum(background))
    worst = tf.reduce_max(entropy * background, axis=1)
    return found + (1 - hardest) * mean + hardest * tf.reduce_mean(worst), worst


def _stretch(shape: tf.TensorShape, axis: int, widest: int) -> tf.Tensor:
    """A random run of up to `widest` along an axis of each example: [batch, rows or 1, bands or 1]."""
    batch, size = shape[0], shape[axis]
    width = tf.random.uniform((batch, 1), 0, widest + 1, tf.int32)
    start = tf.cast(tf.random.uniform((batch, 1)) * tf.cast(size - width, tf.float32), tf.int32)
    index = tf.range(size)[None]
    inside = (index >= start) & (index < start + width)
    return tf.expand_dims(inside, 3 - axis)


def warps(spec: FrontEnd, most: float, count: int = 21) -> npt.NDArray[np.float32]:
    """[count, filters, filters] matrices that stretch log mel rows in frequency, 1 - most to 1 + most."""
    edges = np.linspace(mel_of(spec.low_hz), mel_of(spec.high_hz), spec.mel_filters + 2)
    centers = edges[1:-1]
    hz = 700 * np.expm1(centers / 1127)
    bands = np.arange(spec.mel_filters)
    matrices = []
    for factor in np.linspace(1 - most, 1 + most, count):
        place = np.interp(mel_of(hz * factor), centers, bands)
        matrices.append(np.maximum(0, 1 - np.abs(bands[:, None] - place)))
    return np.stack(matrices).astype(np.float32)


def full_dct(tables: FrontEndTables) -> npt.NDArray[np.float32]:
    """[filters, coefficients] the front end's halved DCT, unfolded."""
    sign = np.where(np.arange(len(tables.dct)) % 2, -1, 1).astype(np.float32)[:, None]
    return np.concatenate([tables.dct, sign * tables.dct[:, ::-1]], axis=1).T
