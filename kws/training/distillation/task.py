"""Passages of speech that tell a network, beside the keywords, what speech is made of.

People who say the keywords are few; a network that has heard far more of them (embedding.py) makes
much the same of one word by many voices. A layer half way up learns to tell what that network makes
of speech before noise, room, other throats and other tempos came over it; the last layer, what a
teacher of the keywords (teacher.py) makes of the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf
from keras import layers

from kws.errors import KwsError
from kws.training.batches import AuxiliaryInputs, draw_weighted
from kws.training.distillation.corpus import GRID, GuidingSpeech, Halfs, lag, spacing
from kws.training.distillation.embedding import SIZE
from kws.training.example_layout import DETAIL, Layout, heard_rows
from kws.training.losses import soft_target_loss
from kws.training.model import block_outputs
from kws.training.recipe import Recipe
from kws.training.trainer import LOGITS

# Behind how many blocks of the network: it has then seen about as much as an embedding rests on.
BLOCKS = 3
HIDDEN = 64  # numbers in the teacher's last layer but one
# Share of the passages around a keyword, and around what the teacher is in doubt about; the rest is
# drawn from anywhere, where neither is often near.
SPOKEN, DOUBTFUL = 0.25, 0.25
ENDS = (0.62, 0.93)  # share of such a passage behind which the word ends: within its steps
EMBEDDINGS, HIDDEN_LAYER = "embeddings", "hidden"  # names of the heads and their targets
TEMPERATURE = 2.0  # of the teacher's scores (Hinton et al. 2015)


@dataclass(frozen=True)
class TeacherTargets:
    """Hold what a teacher makes of a corpus, at the place of each last embedding that it saw."""

    hidden: Halfs  # [m, HIDDEN], each number of mean 0 and variance 1
    logits: Halfs  # [m, classes]


class DistillationTask:
    """Teach a network, besides the keywords, the embedding and the teacher's view of speech.

    It is an AuxiliaryTask of the trainer.
    """

    def __init__(
        self, speech: GuidingSpeech, teacher: TeacherTargets, layout: Layout, recipe: Recipe
    ) -> None:
        """Prepare to draw passages of the speech.

        Raises:
            KwsError: The speech is shorter than a passage, or has no keyword.
        """
        distillation = recipe.distillation
        self.count = distillation.passages_per_batch
        self._weights = (
            distillation.embedding_weight,
            distillation.hidden_weight,
            distillation.logits_weight,
        )
        self._stretch = recipe.augmentation.tempo_perturbation
        self._speech, self._teacher = speech, teacher
        self._random = np.random.default_rng(recipe.seed)
        architecture = recipe.architecture
        self._rows = np.arange(heard_rows(layout.rows))
        kernels = architecture.kernels[:BLOCKS]
        self._blocks = len(kernels)
        seen = architecture.first_kernel + architecture.stride * sum(k - 1 for k in kernels)
        self._middles = np.arange(seen // 2, len(self._rows) - seen // 2, architecture.stride)
        self._ends = layout.window_frames - 1 + layout.stride * np.arange(layout.steps)
        self._lag = lag(layout)
        # Places from a step's last row to the last embedding that ends with the step's window.
        self._early = layout.front_end.window / spacing(layout) - self._lag
        longest = len(self._rows) * DETAIL * np.exp(max(self._stretch)) / GRID
        self._last = len(speech.embeddings) - int(longest) - 2
        if self._last <= 0 or not len(speech.words):
            raise KwsError("there is too little speech to guide a network")
        self._spoken = np.cumsum(speech.words[:, 3])
        chance = keyword_chance(teacher.logits, TEMPERATURE)
        self._doubtful = np.cumsum(chance * (1 - chance), dtype=np.float64)

    def heads(self, network: keras.Model) -> dict[str, keras.KerasTensor]:
        """Return heads on the middle and the last layer of a network.

        They are the embeddings [batch, time steps, 1, SIZE] and the teacher's hidden layer [batch,
        steps, 1, HIDDEN].
        """
        outputs = block_outputs(network)
        return {
            EMBEDDINGS: layers.Conv2D(SIZE, 1)(outputs[self._blocks]),
            HIDDEN_LAYER: layers.Conv2D(HIDDEN, 1)(outputs[-1]),
        }

    def loss(self, outputs: Mapping[str, tf.Tensor], targets: Mapping[str, tf.Tensor]) -> tf.Tensor:
        """Return the weighted distances of a network's outputs from their targets.

        Embeddings and hidden layer, whose variance is 1, count by mean squares, and the logits by
        their divergence from the teacher's soft targets.
        """
        wanted = {name: tf.cast(target, tf.float32) for name, target in targets.items()}
        squares = [
            tf.reduce_mean(tf.square(outputs[name] - wanted[name]))
            for name in (EMBEDDINGS, HIDDEN_LAYER)
        ]
        divergence = soft_target_loss(outputs[LOGITS], wanted[LOGITS], TEMPERATURE)
        terms = zip(self._weights, (*squares, divergence), strict=True)
        return tf.add_n([weight * term for weight, term in terms])

    def draw(self) -> AuxiliaryInputs:
        """Return passages, each at a random tempo, and their targets.

        The embeddings [n, time steps, SIZE] are those around the middle of what each time step has
        seen; hidden layer [n, steps, HIDDEN] and logits [n, steps, classes] are those of speech
        that ends where a step's window does.
        """
        faster = DETAIL * np.exp(self._random.uniform(*self._stretch, (self.count, 1)))
        firsts = self._firsts(len(self._rows) * faster[:, 0] / GRID)[:, None]
        rows = firsts * GRID + _nearest(self._rows * faster)
        columns = firsts + _nearest(self._middles * faster / GRID)
        steps = np.maximum(0, firsts + _nearest(self._ends * faster / GRID + self._early))
        targets = {
            EMBEDDINGS: self._speech.embeddings[columns],
            HIDDEN_LAYER: self._teacher.hidden[steps],
            LOGITS: self._teacher.logits[steps],
        }
        return AuxiliaryInputs(self._speech.log_mels[rows], targets)

    def _firsts(self, lengths: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
        """[count] places where passages begin that are so many places long."""
        random = self._random
        firsts = random.integers(self._last, size=self.count)
        spoken, doubtful = (round(share * self.count) for share in (SPOKEN, DOUBTFUL))
        words = self._speech.words[draw_weighted(self._spoken, spoken, random)]
        places = draw_weighted(self._doubtful, doubtful, random) + self._lag
        ends = np.concatenate([words[:, 2], places])
        before = ends - random.uniform(*ENDS, len(ends)) * lengths[: len(ends)]
        firsts[: len(ends)] = np.clip(_nearest(before), 0, self._last - 1)
        return firsts


def keyword_chance(logits: Halfs, temperature: float = 1.0) -> npt.NDArray[np.float32]:
    """[m] how likely some keyword is."""
    highest = logits.max(axis=1, keepdims=True)
    raised = np.exp((logits - highest).astype(np.float32) / temperature)
    chance: npt.NDArray[np.float32] = 1 - raised[:, 0] / raised.sum(axis=1)
    return chance


def _nearest(places: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
    return np.rint(places).astype(np.int64)
