"""Passages of speech that tell a network, beside the keywords, what speech is made of.

People who say the keywords are few; a network that has heard far more of them (embedding.py) makes
much the same of one word by many voices. A layer half way up learns to tell what that network makes
of speech before noise, room, other throats and other tempos came over it.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from kws.errors import KwsError
from kws.training.guiding_speech import GRID, GuidingSpeech, Halfs
from kws.training.layout import DETAIL, Layout, heard_rows
from kws.training.recipe import Recipe

# Behind how many blocks of the network: it has then seen about as much as an embedding rests on.
BLOCKS = 3


class Guide:
    """Draws passages, with the embeddings around what each column of the layer has seen."""

    def __init__(self, speech: GuidingSpeech, layout: Layout, recipe: Recipe) -> None:
        """KwsError where the speech is shorter than a passage."""
        self.count = recipe.guides
        self._speech, self._stretch = speech, recipe.schedule.stretch
        self._random = np.random.default_rng(recipe.seed)
        architecture = recipe.architecture
        self._rows = np.arange(heard_rows(layout.rows))
        kernels = architecture.kernels[:BLOCKS]
        seen = architecture.first_kernel + architecture.stride * sum(k - 1 for k in kernels)
        self._middles = np.arange(seen // 2, len(self._rows) - seen // 2, architecture.stride)
        self._longest = int(len(self._rows) * DETAIL * np.exp(max(self._stretch)) / GRID) + 2
        if len(speech.embeddings) <= self._longest:
            raise KwsError("there is too little speech to guide a network")

    @property
    def columns(self) -> int:
        """Of the guided layer, in one passage."""
        return len(self._middles)

    def draw(self) -> tuple[Halfs, Halfs]:
        """Rows [count, rows, filters] as they are heard; embeddings [count, columns, SIZE]."""
        last = len(self._speech.embeddings) - self._longest
        firsts = self._random.integers(last, size=(self.count, 1))
        faster = DETAIL * np.exp(self._random.uniform(*self._stretch, (self.count, 1)))
        rows = firsts * GRID + _nearest(self._rows * faster)
        columns = firsts + _nearest(self._middles * faster / GRID)
        return self._speech.log_mels[rows], self._speech.embeddings[columns]


def _nearest(places: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
    return np.rint(places).astype(np.int64)
