"""Draw the batches that a teacher is trained on: crops of a corpus of embeddings."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from kws.config import SAMPLE_RATE
from kws.errors import KwsError
from kws.training.batches import draw_weighted, group_by_keyword
from kws.training.distillation.corpus import (
    DistillationCorpus,
    Halfs,
    half_window,
    position_samples,
)
from kws.training.features import IGNORE, KEYWORD_RANGE, ExampleLayout, step_labels

BATCH = 128  # crops
KEYWORDS = 0.4  # share of a batch, spread evenly over the keywords
SPLICED = 0.6  # share of the keywords that get other speech around them than in their recording
CROP_STEPS = 24  # positions of a crop that have a label

Labels = npt.NDArray[np.int8]
Positions = npt.NDArray[np.int64]


class TeacherBatches:
    """Draw crops of a corpus: keywords evenly, background half at random and half by difficulty.

    The label of a position belongs to its embedding and those before it in the receptive field.
    """

    def __init__(
        self,
        corpus: DistillationCorpus,
        layout: ExampleLayout,
        receptive_field: int,
        seed: int,
    ) -> None:
        """Prepare to draw.

        Args:
            corpus: Speech with embeddings.
            layout: Tells the spacing of positions.
            receptive_field: Of the teacher, embeddings.
            seed: Of all random draws.

        Raises:
            KwsError: The corpus has no keyword, or little else.
        """
        self._embeddings, self._keywords = corpus.embeddings, corpus.keywords
        self._field = receptive_field
        self._random = np.random.default_rng(seed)
        self._seconds = position_samples(layout) / SAMPLE_RATE  # from position to position
        self._half_window = half_window(layout)
        self.background = corpus.background(layout)
        self._groups = group_by_keyword(self._keywords[:, 0].astype(np.intp))
        taken = np.cumsum(np.r_[0, ~self.background])
        labelled = np.arange(receptive_field - 1, len(self.background) - CROP_STEPS + 1)
        # Where crops of background may begin.
        self._is_first = taken[labelled + CROP_STEPS] == taken[labelled]
        self._firsts = np.flatnonzero(self._is_first)
        if not self._groups or not len(self._firsts):
            raise KwsError(
                "there is too little speech to teach a network; train without --embedding"
            )
        self.set_difficulty(np.ones(len(self.background)))

    def set_difficulty(self, probability: npt.NDArray[Any]) -> None:
        """Set how likely the teacher finds a keyword at each position, [m]."""
        self._difficulty = np.cumsum(np.where(self.background, probability, 0.0) + 1e-4)

    def draw(self) -> tuple[Halfs, Labels]:
        """Return a batch.

        It is embeddings [BATCH, receptive_field + CROP_STEPS - 1, SIZE] and labels [BATCH,
        CROP_STEPS].
        """
        each = round(BATCH * KEYWORDS / len(self._groups))
        utterances = np.concatenate([self._utterances(group, each) for group in self._groups])
        spoken, labels = self._keyword_crops(utterances)
        firsts = self._background_firsts(BATCH - len(utterances))
        background = self._embeddings[self._crops(firsts)]
        no_keyword = np.zeros((len(background), CROP_STEPS), np.int8)
        return np.concatenate([spoken, background]), np.concatenate([labels, no_keyword])

    def _utterances(self, group: Positions, count: int) -> Positions:
        """Return `count` of the utterances of one keyword."""
        shares = self._keywords[group, 3]
        return self._random.choice(group, count, p=shares / shares.sum())

    def _keyword_crops(self, utterances: Positions) -> tuple[Halfs, Labels]:
        """Return crops with keywords, and their labels.

        Where another keyword ends near, the label is IGNORE.
        """
        keywords, starts, ends, _ = (column[:, None] for column in self._keywords[utterances].T)
        offset, count = self._half_window, len(utterances)
        room = CROP_STEPS - int((KEYWORD_RANGE[1] - KEYWORD_RANGE[0]) / self._seconds)
        last = np.rint(ends[:, 0] - offset).astype(np.int64) + 1 - self._field
        crops = self._crops(last - self._random.integers(room, size=count))
        steps = crops[:, self._field - 1 :]
        around = (crops < starts - offset - 1) | (crops > ends + offset + 1)
        spliced = around & (self._random.random((count, 1)) < SPLICED)
        own = step_labels(1, (steps + offset - ends) * self._seconds)
        other = ~self.background[steps] & ~spliced[:, self._field - 1 :]
        ignored = (own == IGNORE) | other
        labels = np.where(own > 0, keywords, np.where(ignored, IGNORE, 0)).astype(np.int8)
        background = self._crops(self._random.choice(self._firsts, count))
        return self._embeddings[np.where(spliced, background, crops)], labels

    def _background_firsts(self, count: int) -> Positions:
        """Return `count` positions where crops of background begin."""
        random = self._random
        firsts = random.choice(self._firsts, count)
        hard = draw_weighted(self._difficulty, count // 2, random)
        hard -= self._field - 1 + random.integers(CROP_STEPS, size=len(hard))
        hard = np.clip(hard, 0, len(self._is_first) - 1)
        firsts[: len(hard)] = np.where(self._is_first[hard], hard, firsts[: len(hard)])
        return firsts

    def _crops(self, firsts: Positions) -> Positions:
        """Return the positions [n, receptive_field + CROP_STEPS - 1] of crops."""
        positions = firsts[:, None] + np.arange(self._field + CROP_STEPS - 1)
        return np.clip(positions, 0, len(self.background) - 1)
