"""Distil the speech embedding and a teacher into the network, as an auxiliary task of the trainer.

People who say the keywords are few; the embedding, of a network that was trained on far more, is
much the same for one word in many voices. A layer half way up the student learns the embedding of
clean speech from augmented speech: noise, rooms, other vocal tracts and tempos. Its last layer
learns the outputs of a teacher of the keywords.
"""

from __future__ import annotations

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf
from keras import layers

from kws.errors import KwsError
from kws.training.batches import AuxiliaryInputs, draw_weighted
from kws.training.distillation.corpus import (
    FRAMES_PER_POSITION,
    DistillationCorpus,
    half_window,
    position_samples,
)
from kws.training.distillation.embedding import SIZE
from kws.training.distillation.teacher import (
    HIDDEN,
    TeacherTargets,
    keyword_probability,
)
from kws.training.features import OVERSAMPLING, ExampleLayout, network_frames
from kws.training.losses import soft_target_loss
from kws.training.model import block_outputs
from kws.training.recipe import Recipe
from kws.training.trainer import LOGITS, Tensors

EMBEDDINGS, HIDDEN_LAYER = "embeddings", "hidden"  # names of the heads and of their targets
# Blocks of the student below the embeddings' head: its receptive field is about an embedding's.
BLOCKS = 3
# Share of the passages that are drawn around a keyword, and around what the teacher is in doubt
# about; the rest is drawn from anywhere, where neither is often near.
KEYWORD_PASSAGES, DOUBTFUL_PASSAGES = 0.25, 0.25
ENDS = (0.62, 0.93)  # share of such a passage after which the word ends: within its steps
TEMPERATURE = 2.0  # of the teacher's logits


class DistillationTask:
    """Draw passages of a corpus with targets, build the heads, and compute their loss.

    It is an AuxiliaryTask of the trainer.
    """

    def __init__(
        self,
        corpus: DistillationCorpus,
        teacher: TeacherTargets,
        layout: ExampleLayout,
        recipe: Recipe,
    ) -> None:
        """Prepare to draw passages.

        Raises:
            KwsError: The corpus is shorter than a passage, or has no keyword.
        """
        settings, self._tempo = recipe.distillation, recipe.augmentation.tempo_perturbation
        self.count = settings.passages_per_batch
        weights = settings.embedding_weight, settings.hidden_weight, settings.logits_weight
        self._weights = dict(zip((EMBEDDINGS, HIDDEN_LAYER, LOGITS), weights, strict=True))
        self._corpus, self._teacher = corpus, teacher
        self._random = np.random.default_rng(recipe.seed)
        architecture = recipe.architecture
        self._frames = np.arange(network_frames(layout.frames))
        kernels = architecture.kernels[:BLOCKS]
        self._blocks = len(kernels)
        field = architecture.first_kernel + architecture.stride * sum(k - 1 for k in kernels)
        self._middles = np.arange(field // 2, len(self._frames) - field // 2, architecture.stride)
        self._ends = layout.window_frames - 1 + layout.stride * np.arange(layout.steps)
        self._half_window = half_window(layout)
        # Positions from a step's last frame to the last embedding that ends with the step's window.
        self._early = layout.front_end.window / position_samples(layout) - self._half_window
        fastest = np.exp(max(self._tempo))
        longest = len(self._frames) * OVERSAMPLING * fastest / FRAMES_PER_POSITION
        self._last = len(corpus.embeddings) - int(longest) - 2
        if self._last <= 0 or not len(corpus.keywords):
            raise KwsError(
                "there is too little speech to teach a network; train without --embedding"
            )
        self._keyword_weights = np.cumsum(corpus.keywords[:, 3])
        probability = keyword_probability(teacher.logits, TEMPERATURE)
        self._doubt = np.cumsum(probability * (1 - probability), dtype=np.float64)

    def draw(self) -> AuxiliaryInputs:
        """Return passages, each at a random tempo, and their targets.

        The targets are EMBEDDINGS [n, time steps, SIZE], those around the middle of a time step's
        receptive field, and of the teacher HIDDEN_LAYER [n, steps, HIDDEN] and LOGITS [n, steps,
        classes], those of speech that ends where a step's window does.
        """
        tempo = OVERSAMPLING * np.exp(self._random.uniform(*self._tempo, (self.count, 1)))
        lengths = len(self._frames) * tempo[:, 0] / FRAMES_PER_POSITION
        firsts = self._first_positions(lengths)[:, None]
        frames = firsts * FRAMES_PER_POSITION + _nearest(self._frames * tempo)
        middles = firsts + _nearest(self._middles * tempo / FRAMES_PER_POSITION)
        ends = _nearest(self._ends * tempo / FRAMES_PER_POSITION + self._early)
        steps = np.maximum(0, firsts + ends)
        targets = {
            EMBEDDINGS: self._corpus.embeddings[middles],
            HIDDEN_LAYER: self._teacher.hidden[steps],
            LOGITS: self._teacher.logits[steps],
        }
        return AuxiliaryInputs(self._corpus.log_mels[frames], targets)

    def heads(self, network: keras.Model) -> dict[str, keras.KerasTensor]:
        """Return heads on the middle and the last layer of a network, by name.

        They are EMBEDDINGS [batch, time steps, 1, SIZE] and HIDDEN_LAYER [batch, steps, 1, HIDDEN].
        """
        outputs = block_outputs(network)
        return {
            EMBEDDINGS: layers.Conv2D(SIZE, 1)(outputs[self._blocks]),
            HIDDEN_LAYER: layers.Conv2D(HIDDEN, 1)(outputs[-1]),
        }

    def loss(self, features: tf.Tensor, outputs: Tensors, targets: Tensors) -> tf.Tensor:
        """Return the weighted distances of a network's outputs for the passages from their targets.

        Embeddings and hidden layer, whose variance is 1, count by mean squares, and the logits by
        their divergence from the teacher's soft targets.
        """
        floats = {name: tf.cast(target, tf.float32) for name, target in targets.items()}
        distances = {
            name: tf.reduce_mean(tf.square(outputs[name][-self.count :] - floats[name]))
            for name in (EMBEDDINGS, HIDDEN_LAYER)
        }
        distances[LOGITS] = soft_target_loss(
            outputs[LOGITS][-self.count :], floats[LOGITS], TEMPERATURE
        )
        return tf.add_n([self._weights[name] * value for name, value in distances.items()])

    def _first_positions(self, lengths: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
        """Return where passages begin that are so many positions long, [count]."""
        random = self._random
        firsts = random.integers(self._last, size=self.count)
        shares = KEYWORD_PASSAGES, DOUBTFUL_PASSAGES
        spoken, doubtful = (round(share * self.count) for share in shares)
        words = self._corpus.keywords[draw_weighted(self._keyword_weights, spoken, random)]
        doubts = draw_weighted(self._doubt, doubtful, random) + self._half_window
        ends = np.concatenate([words[:, 2], doubts])
        chosen = ends - random.uniform(*ENDS, len(ends)) * lengths[: len(ends)]
        firsts[: len(ends)] = np.clip(_nearest(chosen), 0, self._last - 1)
        return firsts


def _nearest(values: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
    return np.rint(values).astype(np.int64)
