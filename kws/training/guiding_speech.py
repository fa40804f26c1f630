"""Speech with its embeddings, from which a network learns what speech is made of."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from kws.config import SAMPLE_RATE
from kws.training import augment
from kws.training.embedding import HOP, WINDOW, Embedder
from kws.training.examples import Examples
from kws.training.layout import DETAIL, EARLY, LATE, Layout
from kws.training.log_mels import LogMels
from kws.training.surroundings import Samples, as_float

Halfs = npt.NDArray[np.float16]

NAMES = ("guide_log_mels", "guide_embeddings", "guide_parts", "guide_words")
GRID = 2 * DETAIL  # rows of an example from one embedding, a place, to the next
HEARINGS = 2  # how often all of it is heard, in other noise, another room and at another level
PAUSE = 4000  # samples behind each recording
LEVEL = -20.0  # dBFS of its loudest 0.3 s as the embedding hears it


@dataclass(frozen=True)
class GuidingSpeech:
    """Speech as it is heard, and what the embedding makes of it before noise and room."""

    log_mels: Halfs  # [m * GRID, filters]
    embeddings: Halfs  # [m, SIZE], each number of mean 0 and variance 1
    parts: npt.NDArray[np.int8]  # [m] of the split
    # [n, 4] a keyword's number, the places where it starts and ends, the share of examples it makes
    words: npt.NDArray[np.float64]

    @staticmethod
    def load(folder: Path) -> GuidingSpeech:
        """What make_guiding_speech() left in a folder."""
        return GuidingSpeech(*(np.load(folder / f"{name}.npy", mmap_mode="r") for name in NAMES))

    def of(self, parts: Sequence[int]) -> GuidingSpeech:
        """That of some parts."""
        kept = np.isin(self.parts, parts)
        rows = self.log_mels[np.repeat(kept, GRID)]
        ends = self.words[:, 2].astype(np.intp)
        words, ends = self.words[kept[ends]], ends[kept[ends]]
        words[:, 1:3] -= np.cumsum(~kept)[ends, None]
        return GuidingSpeech(rows, self.embeddings[kept], self.parts[kept], words)

    def free(self, layout: Layout) -> npt.NDArray[np.bool_]:
        """[m] whether no keyword ends near the end of what a place's embedding rests on."""
        free = np.ones(len(self.embeddings), bool)
        second = SAMPLE_RATE / spacing(layout)
        for end in self.words[:, 2] - lag(layout):
            first, last = end + EARLY * second, end + LATE * second
            free[max(0, int(np.ceil(first))) : int(last) + 1] = False
        return free


@dataclass(frozen=True)
class _Heard:
    """One part's speech, heard once."""

    log_mels: Halfs
    embeddings: Halfs
    words: npt.NDArray[np.float64]


def make_guiding_speech(
    examples: Sequence[Examples],
    speech: Sequence[Sequence[Samples]],
    embedding: Path,
    seed: int,
    folder: Path,
) -> None:
    """Keep speech and the keywords of the examples in a folder, both given by part.

    embedding: folder of its networks.
    """

    def of_part(part: int) -> list[_Heard]:
        random = np.random.default_rng((seed, part))
        return _heard(examples[part], speech[part], Embedder(embedding), random)

    with ThreadPoolExecutor(os.cpu_count()) as threads:
        by_part = list(threads.map(of_part, range(len(examples))))
    made = [heard for of_this in by_part for heard in of_this]
    some = np.concatenate([heard.embeddings[::5] for heard in made]).astype(np.float32)
    mean, deviation = some.mean(axis=0), np.maximum(some.std(axis=0), 1e-3)
    lengths = [len(heard.embeddings) for heard in made]
    moves = np.outer(np.cumsum([0, *lengths[:-1]]), [0, 1, 1, 0])
    arrays = (
        np.concatenate([heard.log_mels for heard in made]),
        np.concatenate([((h.embeddings - mean) / deviation).astype(np.float16) for h in made]),
        np.repeat(np.arange(len(made)) // HEARINGS, lengths).astype(np.int8),
        np.concatenate([h.words + move for h, move in zip(made, moves, strict=True)]),
    )
    for name, array in zip(NAMES, arrays, strict=True):
        np.save(folder / f"{name}.npy", array)


def _heard(
    own: Examples, speech: Sequence[Samples], embedder: Embedder, random: np.random.Generator
) -> list[_Heard]:
    """HEARINGS of a part's speech and of its keywords behind that."""
    utterances = [samples for words in own.positives for samples in words.utterances]
    # The silence before them is as much as an embedding rests on, however little follows.
    paused = [np.zeros(WINDOW, np.int16)]
    paused += [np.pad(clip, (0, PAUSE)) for clip in (*speech, *utterances)]
    front_end = LogMels(own.layout.detailed)
    hearings = []
    for _ in range(HEARINGS):
        scenes = [own.surroundings.recorded(as_float(clip), random) for clip in paused]
        hearings.append(front_end.rows(np.concatenate(scenes)).astype(np.float16))
    count = len(hearings[0]) // GRID
    plain = np.concatenate([_level(clip) for clip in paused])
    embeddings = on_grid(embedder.embeddings(plain), count, own.layout)
    firsts = np.cumsum([0, *map(len, paused)])[len(paused) - len(utterances) :]
    words = _places(own, firsts)
    return [_Heard(rows[: count * GRID], embeddings, words) for rows in hearings]


def _places(own: Examples, firsts: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """GuidingSpeech.words of a part's keywords, whose utterances begin at samples `firsts`."""
    said = [
        (keyword, *span, weight)
        for keyword, words in enumerate(own.positives, 1)
        for span, weight in zip(words.spans, words.weights, strict=True)
    ]
    made = np.array(said, np.float64).reshape(-1, 4)
    made[:, 1:3] = (made[:, 1:3] + firsts[: len(made), None]) / spacing(own.layout)
    return made


def spacing(layout: Layout) -> int:
    """Samples from one place to the next."""
    return GRID * layout.detailed.hop


def lag(layout: Layout) -> float:
    """Places from an embedding's own, the middle of a row, to the end of what it rests on."""
    return (WINDOW + layout.front_end.window) / 2 / spacing(layout)


def _level(clip: Samples) -> Samples:
    return augment.to_int16(augment.set_level(as_float(clip), LEVEL))


def on_grid(embeddings: npt.NDArray[np.float32], count: int, layout: Layout) -> Halfs:
    """[count, SIZE] of embeddings [n, SIZE] in order: those around every GRIDth row's middle."""
    middle = np.arange(count) * spacing(layout) + layout.front_end.window / 2
    place = np.clip((middle - WINDOW / 2) / HOP, 0, len(embeddings) - 1)
    before = np.minimum(place.astype(np.intp), max(0, len(embeddings) - 2))
    share = (place - before)[:, None]
    after = np.minimum(before + 1, len(embeddings) - 1)
    between: Halfs = ((1 - share) * embeddings[before] + share * embeddings[after]).astype(
        np.float16
    )
    return between
