"""Batches of examples, each varied anew, and of the passages that guide."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from kws.training.augmentation.spectrogram import coloured, masked, overlaid, stretched
from kws.training.distillation.embedding import SIZE
from kws.training.distillation.task import HIDDEN, Guide, Passages
from kws.training.example_layout import heard_rows
from kws.training.example_store import Pool
from kws.training.recipe import Recipe
from kws.training.sampler import Sampler


@dataclass(frozen=True)
class Batches:
    """Draws an epoch's batches."""

    pool: Pool
    sampler: Sampler
    guide: Guide | None
    recipe: Recipe

    def epoch(self) -> tf.data.Dataset:
        """Indices [batch], rows, labels [batch, steps], and what is to be told of passages.

        Log mel rows [batch + guides, rows, filters], masked: of examples, then of passages. Of
        those, embeddings, hidden numbers and logits, as Passages has them.
        """
        schedule, labels = self.recipe.schedule, self.pool.labels
        _, rows, filters = self.pool.log_mels.shape
        signature = (
            tf.TensorSpec((schedule.batch_size,), tf.int64),
            tf.TensorSpec((schedule.batch_size, rows, filters), tf.float16),
            tf.TensorSpec((schedule.batch_size, labels.shape[1]), tf.int8),
            *(tf.TensorSpec(array.shape, tf.float16) for array in self._passages()),
        )

        def draw() -> Iterator[tuple[npt.NDArray[Any], ...]]:
            for _ in range(schedule.steps_per_epoch):
                chosen = self.sampler.draw()
                yield chosen, self.pool.log_mels[chosen], labels[chosen], *self._passages()

        batches = tf.data.Dataset.from_generator(draw, output_signature=signature)
        return batches.map(self._varied, num_parallel_calls=1).prefetch(4)

    def _passages(self) -> Passages:
        """Those that guide, if there are any."""
        if self.guide:
            return self.guide.draw()
        _, rows, filters = self.pool.log_mels.shape
        shapes = (0, heard_rows(rows), filters), (0, 0, SIZE), (0, 0, HIDDEN), (0, 0, 0)
        return Passages(*(np.zeros(shape, np.float16) for shape in shapes))

    def _varied(
        self,
        chosen: tf.Tensor,
        log_mels: tf.Tensor,
        labels: tf.Tensor,
        passages: tf.Tensor,
        *told: tf.Tensor,
    ) -> tuple[tf.Tensor, ...]:
        augmentation = self.recipe.augmentation
        x = stretched(log_mels, labels, self.recipe.architecture, augmentation.tempo_perturbation)
        x = tf.cast(tf.concat([x, passages], 0), tf.float32)
        # Passages lie behind no example, as if they were keywords: some hold one.
        keywords = tf.ones((passages.shape[0], labels.shape[1]), labels.dtype)
        x = overlaid(x, tf.concat([labels, keywords], 0), augmentation)
        x = masked(coloured(x, augmentation.spectral_tilt), augmentation)
        return chosen, x, labels, *told
