"""What a teacher learns from: crops of speech, as the speech embedding makes it out."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from kws.config import SAMPLE_RATE
from kws.errors import KwsError
from kws.training.batches import draw_weighted, group_by_keyword
from kws.training.distillation.corpus import GuidingSpeech, Halfs, lag, spacing
from kws.training.example_layout import IGNORE, TRIGGER, Layout, labels

BATCH = 128
KEYWORDS = 0.4  # share of a batch, spread evenly over the keywords
SPLICED = 0.6  # share of the keywords with other speech around them than in their recording
JUDGED = 24  # places of a crop that are judged

Labels = npt.NDArray[np.int8]
Places = npt.NDArray[np.int64]


class Crops:
    """Draws batches: keywords evenly, of the background half at random and half by difficulty.

    A place is judged by what is seen there: its embedding and those before it.
    """

    def __init__(self, speech: GuidingSpeech, layout: Layout, seen: int, seed: int) -> None:
        """seen: embeddings. KwsError where there is no keyword, or little else."""
        self._embeddings, self._words, self._seen = speech.embeddings, speech.words, seen
        self._random = np.random.default_rng(seed)
        self._seconds = spacing(layout) / SAMPLE_RATE  # from place to place
        self._lag = lag(layout)
        self.free = speech.free(layout)
        self._groups = group_by_keyword(self._words[:, 0].astype(np.intp))
        taken = np.cumsum(np.r_[0, ~self.free])
        judged = np.arange(seen - 1, len(self.free) - JUDGED + 1)
        self._plain = taken[judged + JUDGED] == taken[judged]  # where background may begin
        self._firsts = np.flatnonzero(self._plain)
        if not self._groups or not len(self._firsts):
            raise KwsError(
                "there is too little speech to teach a network; train without --embedding"
            )
        self.find_alike(np.ones(len(self.free)))

    def find_alike(self, keyword: npt.NDArray[Any]) -> None:
        """Note how like a keyword [m] places are."""
        self._alike = np.cumsum(np.where(self.free, keyword, 0.0) + 1e-4)

    def draw(self) -> tuple[Halfs, Labels]:
        """Embeddings [BATCH, seen + JUDGED - 1, SIZE], labels [BATCH, JUDGED]."""
        each = round(BATCH * KEYWORDS / len(self._groups))
        words = np.concatenate([self._chosen(group, each) for group in self._groups])
        spoken, labelled = self._spoken(words)
        background = self._embeddings[self._crops(self._background(BATCH - len(words)))]
        nothing = np.zeros((len(background), JUDGED), np.int8)
        return np.concatenate([spoken, background]), np.concatenate([labelled, nothing])

    def _behind(self, places: Places, ends: Any) -> npt.NDArray[np.float64]:
        """Seconds from words' ends to the ends of what is seen at places."""
        behind: npt.NDArray[np.float64] = (places + self._lag - ends) * self._seconds
        return behind

    def _chosen(self, group: Places, count: int) -> Places:
        """`count` of the words of one keyword."""
        shares = self._words[group, 3]
        return self._random.choice(group, count, p=shares / shares.sum())

    def _spoken(self, words: Places) -> tuple[Halfs, Labels]:
        """Crops with words, and their labels; where another word ends near, neither counts."""
        keywords, starts, ends, _ = (column[:, None] for column in self._words[words].T)
        room = JUDGED - int((TRIGGER[1] - TRIGGER[0]) / self._seconds)
        last = np.rint(ends[:, 0] - self._lag).astype(np.int64) + 1 - self._seen
        crops = self._crops(last - self._random.integers(room, size=len(words)))
        judged = crops[:, self._seen - 1 :]
        around = (crops < starts - self._lag - 1) | (crops > ends + self._lag + 1)
        spliced = around & (self._random.random((len(words), 1)) < SPLICED)
        own = labels(1, self._behind(judged, ends))
        ignored = (own == IGNORE) | (~self.free[judged] & ~spliced[:, self._seen - 1 :])
        made = np.where(own > 0, keywords, np.where(ignored, IGNORE, 0)).astype(np.int8)
        other = self._crops(self._random.choice(self._firsts, len(words)))
        return self._embeddings[np.where(spliced, other, crops)], made

    def _background(self, count: int) -> Places:
        """`count` places where crops begin."""
        random = self._random
        firsts = random.choice(self._firsts, count)
        hard = draw_weighted(self._alike, count // 2, random)
        hard -= self._seen - 1 + random.integers(JUDGED, size=len(hard))
        hard = np.clip(hard, 0, len(self._plain) - 1)
        firsts[: len(hard)] = np.where(self._plain[hard], hard, firsts[: len(hard)])
        return firsts

    def _crops(self, firsts: Places) -> Places:
        """[n, seen + JUDGED - 1] places from those given on."""
        places = firsts[:, None] + np.arange(self._seen + JUDGED - 1)
        return np.clip(places, 0, len(self.free) - 1)
