"""Passages of speech that tell a network, beside the keywords, what speech is made of.

People who say the keywords are few; a network that has heard far more of them (embedding.py) makes
much the same of one word by many voices. A layer half way up learns to tell what that network makes
of speech before noise, room, other throats and other tempos came over it; the last layer, what a
teacher of the keywords (teacher.py) makes of the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from kws.errors import KwsError
from kws.training.distillation.corpus import GRID, GuidingSpeech, Halfs, lag, spacing
from kws.training.example_layout import DETAIL, Layout, heard_rows
from kws.training.recipe import Recipe
from kws.training.sampler import in_proportion

# Behind how many blocks of the network: it has then seen about as much as an embedding rests on.
BLOCKS = 3
HIDDEN = 64  # numbers in the teacher's last layer but one
# Share of the passages around a keyword, and around what the teacher is in doubt about; the rest is
# drawn from anywhere, where neither is often near.
SPOKEN, DOUBTFUL = 0.25, 0.25
ENDS = (0.62, 0.93)  # share of such a passage behind which the word ends: within its steps
TEMPERATURE = 2.0  # of the teacher's scores (Hinton et al. 2015)


@dataclass(frozen=True)
class Lessons:
    """What a teacher makes of guiding speech, at the place of each last embedding that it saw."""

    hidden: Halfs  # [m, HIDDEN], each number of mean 0 and variance 1
    logits: Halfs  # [m, classes]


class Passages(NamedTuple):
    """Passages as they are heard, and what a network is to tell of them."""

    log_mels: Halfs  # [guides, rows, filters]
    embeddings: Halfs  # [guides, columns, SIZE]: around the middle of what each column has seen
    hidden: Halfs  # [guides, steps, HIDDEN]: of speech that ends where the step's window does
    logits: Halfs  # [guides, steps, classes]


class Guide:
    """Draws passages."""

    def __init__(
        self, speech: GuidingSpeech, lessons: Lessons, layout: Layout, recipe: Recipe
    ) -> None:
        """KwsError where the speech is shorter than a passage, or has no keyword."""
        self.count = recipe.distillation.passages_per_batch
        self._speech, self._lessons, self._stretch = (
            speech,
            lessons,
            recipe.augmentation.tempo_perturbation,
        )
        self._random = np.random.default_rng(recipe.seed)
        architecture = recipe.architecture
        self._rows = np.arange(heard_rows(layout.rows))
        kernels = architecture.kernels[:BLOCKS]
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
        chance = keyword_chance(lessons.logits, TEMPERATURE)
        self._doubtful = np.cumsum(chance * (1 - chance), dtype=np.float64)

    def draw(self) -> Passages:
        """Each at another tempo."""
        faster = DETAIL * np.exp(self._random.uniform(*self._stretch, (self.count, 1)))
        firsts = self._firsts(len(self._rows) * faster[:, 0] / GRID)[:, None]
        rows = firsts * GRID + _nearest(self._rows * faster)
        columns = firsts + _nearest(self._middles * faster / GRID)
        steps = np.maximum(0, firsts + _nearest(self._ends * faster / GRID + self._early))
        return Passages(
            self._speech.log_mels[rows],
            self._speech.embeddings[columns],
            self._lessons.hidden[steps],
            self._lessons.logits[steps],
        )

    def _firsts(self, lengths: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
        """[count] places where passages begin that are so many places long."""
        random = self._random
        firsts = random.integers(self._last, size=self.count)
        spoken, doubtful = (round(share * self.count) for share in (SPOKEN, DOUBTFUL))
        words = self._speech.words[in_proportion(self._spoken, spoken, random)]
        places = in_proportion(self._doubtful, doubtful, random) + self._lag
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
