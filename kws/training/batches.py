"""Batches of examples, each varied anew, and of the passages that guide."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from kws.training.embedding import SIZE
from kws.training.guide import Guide
from kws.training.layout import heard_rows
from kws.training.pool import Pool
from kws.training.recipe import Recipe
from kws.training.sampler import Sampler
from kws.training.spectrum import coloured, masked, overlaid, stretched


@dataclass(frozen=True)
class Batches:
    """Draws an epoch's batches."""

    pool: Pool
    sampler: Sampler
    guide: Guide | None
    recipe: Recipe

    def epoch(self) -> tf.data.Dataset:
        """Indices [batch], log mel rows, labels [batch, steps], embeddings.

        The rows [batch + guides, rows, filters] are masked: those of examples, then those of
        passages, whose embeddings are [guides, columns, SIZE].
        """
        schedule, labels = self.recipe.schedule, self.pool.labels
        _, rows, filters = self.pool.log_mels.shape
        heard = heard_rows(rows)
        guides, columns = (self.guide.count, self.guide.columns) if self.guide else (0, 0)
        signature = (
            tf.TensorSpec((schedule.batch,), tf.int64),
            tf.TensorSpec((schedule.batch, rows, filters), tf.float16),
            tf.TensorSpec((schedule.batch, labels.shape[1]), tf.int8),
            tf.TensorSpec((guides, heard, filters), tf.float16),
            tf.TensorSpec((guides, columns, SIZE), tf.float16),
        )
        none = np.zeros((0, heard, filters)), np.zeros((0, columns, SIZE))

        def draw() -> Iterator[tuple[npt.NDArray[Any], ...]]:
            for _ in range(schedule.epoch):
                chosen = self.sampler.draw()
                passages = self.guide.draw() if self.guide else none
                yield chosen, self.pool.log_mels[chosen], labels[chosen], *passages

        batches = tf.data.Dataset.from_generator(draw, output_signature=signature)
        return batches.map(self._varied, num_parallel_calls=1).prefetch(4)

    def _varied(
        self,
        chosen: tf.Tensor,
        log_mels: tf.Tensor,
        labels: tf.Tensor,
        passages: tf.Tensor,
        embeddings: tf.Tensor,
    ) -> tuple[tf.Tensor, ...]:
        schedule = self.recipe.schedule
        x = stretched(log_mels, labels, self.recipe.architecture, schedule.stretch)
        x = tf.cast(tf.concat([x, passages], 0), tf.float32)
        # Passages lie behind no example, as if they were keywords: some hold one.
        keywords = tf.ones((passages.shape[0], labels.shape[1]), labels.dtype)
        x = overlaid(x, tf.concat([labels, keywords], 0), schedule)
        x = masked(coloured(x, schedule.colour), schedule)
        return chosen, x, labels, embeddings
