"""Draw batches of examples: choose them from the pool, and augment their log mel frames."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from threading import Lock
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from kws.training.augmentation.spectrogram import (
    mix_background,
    perturb_tempo,
    spec_augment,
    tilt_log_mels,
)
from kws.training.example_store import ExamplePool
from kws.training.recipe import Recipe, Schedule

PREFETCHED = 4  # batches
LAG = 4 * PREFETCHED  # batches from a loss to the draws that it changes

Targets = Mapping[str, npt.NDArray[Any]]  # by name, each [n, ...]


class AuxiliaryInputs(NamedTuple):
    """Hold what an auxiliary task adds to a batch, and what the network learns from it."""

    log_mels: npt.NDArray[np.float16]  # [n, frames, filters]
    targets: Targets


class Batch(NamedTuple):
    """Hold a batch of examples, with the inputs of an auxiliary task appended."""

    indices: tf.Tensor  # [batch] of the examples in the pool, int64
    log_mels: tf.Tensor  # [batch + n, frames, filters]: augmented examples, then auxiliary inputs
    labels: tf.Tensor  # [batch, steps] of the examples, int8
    targets: Mapping[str, tf.Tensor]  # of the auxiliary inputs


class Sampler:
    """Choose the examples of a batch: keywords evenly, background half at random, half by loss.

    Most background is easy after the first minute. What still raises false alarms is drawn more
    often. Batches are drawn ahead of the training, in another thread; a loss changes draws LAG
    batches later, so that they do not depend on how fast the one and the other are.
    """

    def __init__(
        self, pool: ExamplePool, schedule: Schedule, chosen: npt.NDArray[np.int64], seed: int
    ) -> None:
        """Draw from the examples whose indices are `chosen`."""
        self._lock, self.epoch = Lock(), 0
        self.begin_epoch(seed)
        self._schedule = schedule
        keyword = pool.keywords[chosen]
        self._background = chosen[keyword == 0]
        self._keywords = [chosen[group] for group in group_by_keyword(keyword)]
        self._difficulty = np.ones(len(pool.labels), np.float32)

    def begin_epoch(self, seed: int) -> None:
        """Draw as this seed says from now on."""
        with self._lock:
            self.epoch += 1
            self._random = np.random.default_rng(seed)
            self._drawn = self._reported = 0  # batches of this epoch
            self._losses = deque[tuple[int, npt.NDArray[np.int64], npt.NDArray[np.float32]]]()

    def draw_ahead(self, epoch: int) -> npt.NDArray[np.int64] | None:
        """Return what draw() does; None where another epoch has begun, which draws by itself."""
        with self._lock:
            return self.draw() if epoch == self.epoch else None

    def draw(self) -> npt.NDArray[np.int64]:
        """Return the indices of a batch, [batch]."""
        self._take_losses(self._drawn - LAG)
        self._drawn += 1
        schedule, random = self._schedule, self._random
        each = round(schedule.batch_size * schedule.keyword_share / max(1, len(self._keywords)))
        backgrounds = schedule.batch_size - each * len(self._keywords)
        weights = np.cumsum(self._difficulty[self._background], dtype=np.float64)
        hard = self._background[draw_weighted(weights, backgrounds // 2, random)]
        drawn = [random.choice(group, each) for group in self._keywords]
        drawn += [hard, random.choice(self._background, backgrounds - len(hard))]
        return np.concatenate(drawn)

    def update(self, indices: npt.NDArray[np.int64], loss: npt.NDArray[np.float32]) -> None:
        """Set the difficulty of the examples [n] to their latest loss."""
        self._difficulty[indices] = loss + 0.01

    def report(self, indices: npt.NDArray[np.int64], loss: npt.NDArray[np.float32]) -> None:
        """Take the losses of the next batch in the order of draws; they count LAG batches later."""
        self._losses.append((self._reported, indices, loss))
        self._reported += 1

    def end_epoch(self) -> None:
        """Let all losses count that were reported."""
        self._take_losses(self._reported)

    def _take_losses(self, last: int) -> None:
        while self._losses and self._losses[0][0] <= last:
            _, indices, loss = self._losses.popleft()
            self.update(indices, loss)

    @property
    def state(self) -> list[npt.NDArray[Any]]:
        """Return copies of what the batches of the next epoch depend on, besides its seed."""
        return [self._difficulty.copy()]

    @state.setter
    def state(self, values: list[npt.NDArray[Any]]) -> None:
        (self._difficulty[:],) = values

    def easiest(self, count: int) -> npt.NDArray[np.int64]:
        """Return the indices of the easiest background examples, half of all at most."""
        order = np.argsort(self._difficulty[self._background], kind="stable")
        easiest: npt.NDArray[np.int64] = self._background[order[: min(count, len(order) // 2)]]
        return easiest


@dataclass(frozen=True)
class Batches:
    """Make the input pipeline of a training."""

    pool: ExamplePool
    sampler: Sampler
    recipe: Recipe
    draw_auxiliary: Callable[[], AuxiliaryInputs] | None = None

    def epoch(self) -> tf.data.Dataset:
        """Return an epoch's Batch elements as a dataset."""
        schedule, labels = self.recipe.schedule, self.pool.labels
        _, frames, filters = self.pool.log_mels.shape
        auxiliary = self.draw_auxiliary() if self.draw_auxiliary else None
        specs = [
            tf.TensorSpec((schedule.batch_size,), tf.int64),
            tf.TensorSpec((schedule.batch_size, frames, filters), tf.float16),
            tf.TensorSpec((schedule.batch_size, labels.shape[1]), tf.int8),
        ]
        if auxiliary is not None:
            specs.append(tf.nest.map_structure(_spec, auxiliary))

        def draw() -> Iterator[tuple[Any, ...]]:
            epoch = self.sampler.epoch
            for _ in range(schedule.steps_per_epoch):
                if (indices := self.sampler.draw_ahead(epoch)) is None:
                    return
                examples = indices, self.pool.log_mels[indices], labels[indices]
                extra = (self.draw_auxiliary(),) if self.draw_auxiliary else ()
                yield *examples, *extra

        batches = tf.data.Dataset.from_generator(draw, output_signature=tuple(specs))
        return batches.map(self._augmented, num_parallel_calls=1).prefetch(PREFETCHED)

    def _augmented(
        self,
        indices: tf.Tensor,
        log_mels: tf.Tensor,
        labels: tf.Tensor,
        auxiliary: AuxiliaryInputs | None = None,
    ) -> Batch:
        """Augment log mels: tempo (of the examples), background, spectral tilt, SpecAugment."""
        augmentation = self.recipe.augmentation
        stride = self.recipe.architecture.stride
        x = perturb_tempo(log_mels, labels, stride, augmentation.tempo_perturbation)
        if auxiliary is not None:
            x = tf.concat([x, auxiliary.log_mels], 0)
        x = tf.cast(x, tf.float32)
        # An auxiliary input may hold a keyword, so it is no background to mix into an example.
        unknown = tf.ones((x.shape[0] - labels.shape[0], labels.shape[1]), labels.dtype)
        x = mix_background(x, tf.concat([labels, unknown], 0), augmentation)
        x = spec_augment(tilt_log_mels(x, augmentation.spectral_tilt), augmentation)
        return Batch(indices, x, labels, {} if auxiliary is None else auxiliary.targets)


def draw_weighted(
    cumulative: npt.NDArray[np.float64], count: int, random: np.random.Generator
) -> npt.NDArray[np.int64]:
    """Return indices [count] drawn in proportion to weights, given by their cumulative sums."""
    values = random.uniform(0, cumulative[-1], count)
    return np.minimum(np.searchsorted(cumulative, values), len(cumulative) - 1)


def group_by_keyword(keywords: npt.NDArray[np.integer[Any]]) -> list[npt.NDArray[np.int64]]:
    """Return the indices of each keyword that occurs among keyword numbers [n]; 0 is none."""
    groups = (np.flatnonzero(keywords == k) for k in range(1, keywords.max(initial=0) + 1))
    return [group for group in groups if len(group)]


def _spec(array: npt.NDArray[Any]) -> tf.TensorSpec:
    return tf.TensorSpec(array.shape, array.dtype)
