"""Speech with its embeddings, from which a network learns what speech is made of."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from kws.training import augment
from kws.training.embedding import HOP, WINDOW, Embedder
from kws.training.examples import Examples
from kws.training.layout import DETAIL, Layout
from kws.training.log_mels import LogMels
from kws.training.surroundings import Samples, as_float

Halfs = npt.NDArray[np.float16]

NAMES = ("guide_log_mels", "guide_embeddings", "guide_parts")
GRID = 2 * DETAIL  # rows of an example from one embedding to the next
HEARINGS = 2  # how often all of it is heard, in other noise, another room and at another level
PAUSE = 4000  # samples behind each recording
LEVEL = -20.0  # dBFS of its loudest 0.3 s as the embedding hears it


@dataclass(frozen=True)
class GuidingSpeech:
    """Speech as it is heard, and what the embedding makes of it before noise and room."""

    log_mels: Halfs  # [m * GRID, filters]
    embeddings: Halfs  # [m, SIZE], each number of mean 0 and variance 1
    parts: npt.NDArray[np.int8]  # [m] of the split

    @staticmethod
    def load(folder: Path) -> GuidingSpeech:
        """What make_guiding_speech() left in a folder."""
        return GuidingSpeech(*(np.load(folder / f"{name}.npy", mmap_mode="r") for name in NAMES))

    def of(self, parts: Sequence[int]) -> GuidingSpeech:
        """That of some parts."""
        kept = np.isin(self.parts, parts)
        rows = self.log_mels[np.repeat(kept, GRID)]
        return GuidingSpeech(rows, self.embeddings[kept], self.parts[kept])


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

    def of_part(part: int) -> list[tuple[Halfs, Halfs]]:
        own = examples[part]
        words = [word for words in own.positives for word in words.utterances]
        clips = [*speech[part], *words]
        return _heard(own, clips, Embedder(embedding), np.random.default_rng((seed, part)))

    with ThreadPoolExecutor(os.cpu_count()) as threads:
        by_part = list(threads.map(of_part, range(len(examples))))
    made = [heard for of_this in by_part for heard in of_this]
    some = np.concatenate([embeddings[::5] for _, embeddings in made]).astype(np.float32)
    mean, deviation = some.mean(axis=0), np.maximum(some.std(axis=0), 1e-3)
    lengths = [sum(len(embeddings) for _, embeddings in of_this) for of_this in by_part]
    arrays = (
        np.concatenate([log_mels for log_mels, _ in made]),
        np.concatenate([((e - mean) / deviation).astype(np.float16) for _, e in made]),
        np.repeat(np.arange(len(examples), dtype=np.int8), lengths),
    )
    for name, array in zip(NAMES, arrays, strict=True):
        np.save(folder / f"{name}.npy", array)


def _heard(
    own: Examples, clips: Sequence[Samples], embedder: Embedder, random: np.random.Generator
) -> list[tuple[Halfs, Halfs]]:
    """Log mel rows of HEARINGS of the clips, each with their embeddings."""
    # The silence before them is as much as an embedding rests on, however little follows.
    paused = [np.zeros(WINDOW, np.int16), *(np.pad(clip, (0, PAUSE)) for clip in clips)]
    front_end = LogMels(own.layout.detailed)
    hearings = []
    for _ in range(HEARINGS):
        scenes = [own.surroundings.recorded(as_float(clip), random) for clip in paused]
        hearings.append(front_end.rows(np.concatenate(scenes)).astype(np.float16))
    count = len(hearings[0]) // GRID
    plain = np.concatenate([_level(clip) for clip in paused])
    embeddings = on_grid(embedder.embeddings(plain), count, own.layout)
    return [(rows[: count * GRID], embeddings) for rows in hearings]


def _level(clip: Samples) -> Samples:
    return augment.to_int16(augment.set_level(as_float(clip), LEVEL))


def on_grid(embeddings: npt.NDArray[np.float32], count: int, layout: Layout) -> Halfs:
    """[count, SIZE] of embeddings [n, SIZE] in order: those around every GRIDth row's middle."""
    middle = np.arange(count) * GRID * layout.detailed.hop + layout.front_end.window / 2
    place = np.clip((middle - WINDOW / 2) / HOP, 0, len(embeddings) - 1)
    before = np.minimum(place.astype(np.intp), max(0, len(embeddings) - 2))
    share = (place - before)[:, None]
    after = np.minimum(before + 1, len(embeddings) - 1)
    between: Halfs = ((1 - share) * embeddings[before] + share * embeddings[after]).astype(
        np.float16
    )
    return between
