"""Speech with its embeddings, from which a network learns what speech is made of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from kws.config import SAMPLE_RATE
from kws.training.distillation.embedding import WINDOW
from kws.training.example_layout import DETAIL, EARLY, LATE, Layout

Halfs = npt.NDArray[np.float16]

NAMES = ("guide_log_mels", "guide_embeddings", "guide_parts", "guide_known", "guide_words")
GRID = 2 * DETAIL  # rows of an example from one embedding, a place, to the next


@dataclass(frozen=True)
class GuidingSpeech:
    """Speech as it is heard, and what the embedding makes of it before noise and room."""

    log_mels: Halfs  # [m * GRID, filters]
    embeddings: Halfs  # [m, SIZE], each number of mean 0 and variance 1
    parts: npt.NDArray[np.int8]  # [m] of the split
    known: npt.NDArray[np.bool_]  # [m] whether `words` tells what is said there
    # [n, 4] a keyword's number, the places where it starts and ends, the share of examples it makes
    words: npt.NDArray[np.float64]

    @staticmethod
    def load(folder: Path) -> GuidingSpeech:
        """What make_guiding_speech() left in a folder."""
        return GuidingSpeech(*(np.load(folder / f"{name}.npy", mmap_mode="r") for name in NAMES))

    @staticmethod
    def joined(speech: Sequence[GuidingSpeech]) -> GuidingSpeech:
        """One behind the other."""
        arrays = zip(*(vars(each).values() for each in speech), strict=True)
        log_mels, embeddings, parts, known, words = map(list, arrays)
        first = 0
        for index, some in enumerate(embeddings):
            words[index] = words[index] + [0, first, first, 0]
            first += len(some)
        return GuidingSpeech(*map(np.concatenate, (log_mels, embeddings, parts, known, words)))

    def of(self, parts: Sequence[int]) -> GuidingSpeech:
        """That of some parts."""
        kept = np.isin(self.parts, parts)
        rows = self.log_mels[np.repeat(kept, GRID)]
        ends = self.words[:, 2].astype(np.intp)
        words, ends = self.words[kept[ends]], ends[kept[ends]]
        words[:, 1:3] -= np.cumsum(~kept)[ends, None]
        embeddings, known = self.embeddings[kept], self.known[kept]
        return GuidingSpeech(rows, embeddings, self.parts[kept], known, words)

    def free(self, layout: Layout) -> npt.NDArray[np.bool_]:
        """[m] where no keyword ends near the end of what a place's embedding rests on."""
        free = np.array(self.known)
        second = SAMPLE_RATE / spacing(layout)
        for end in self.words[:, 2] - lag(layout):
            first, last = end + EARLY * second, end + LATE * second
            free[max(0, int(np.ceil(first))) : int(last) + 1] = False
        return free


def spacing(layout: Layout) -> int:
    """Samples from one place to the next."""
    return GRID * layout.detailed.hop


def lag(layout: Layout) -> float:
    """Places from an embedding's own, the middle of a row, to the end of what it rests on."""
    return (WINDOW + layout.front_end.window) / 2 / spacing(layout)
