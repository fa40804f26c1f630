"""Speech is heard, and embedded: what guiding speech is made of."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from kws.data.clips import PARTITIONS
from kws.training.augmentation import waveform
from kws.training.augmentation.scene import Samples, as_float
from kws.training.augmentation.waveform import Random
from kws.training.distillation.corpus import GRID, NAMES, GuidingSpeech, Halfs, spacing
from kws.training.distillation.embedding import HOP, WINDOW, Embedder
from kws.training.distillation.spliced_speech import Patchwork
from kws.training.example_layout import Layout
from kws.training.examples import Examples
from kws.training.log_mel import LogMels

HEARINGS = 2  # how often all of it is heard, in other noise, another room and at another level
PAUSE = 4000  # samples behind each recording
LEVEL = -20.0  # dBFS of its loudest 0.3 s as the embedding hears it


def make_guiding_speech(
    examples: Sequence[Examples],
    speech: Sequence[Sequence[Samples]],
    patchwork: float,
    embedding: Path,
    seed: int,
    folder: Path,
) -> None:
    """Keep speech and the keywords of the examples in a folder, both given by part.

    patchwork: hours of it beside the speech. embedding: folder of its networks.
    """

    def of_part(part: int) -> list[GuidingSpeech]:
        own, embedder = examples[part], Embedder(embedding)
        random = np.random.default_rng((seed, part))
        made = _said(own, speech[part], part, embedder, random)
        if patchwork and speech[part]:
            near_words = own.near_words[part::PARTITIONS]
            clips = Patchwork(own, near_words, speech[part], random).clips(
                patchwork / PARTITIONS, PAUSE
            )
            made.append(_sewn(own, clips, part, embedder, random))
        return made

    with ThreadPoolExecutor(os.cpu_count()) as threads:
        by_part = list(threads.map(of_part, range(len(examples))))
    joined = GuidingSpeech.joined(_standardised([made for of_this in by_part for made in of_this]))
    for name, array in zip(NAMES, vars(joined).values(), strict=True):
        np.save(folder / f"{name}.npy", array)


def _standardised(made: Sequence[GuidingSpeech]) -> list[GuidingSpeech]:
    some = np.concatenate([each.embeddings[::5] for each in made]).astype(np.float32)
    mean, deviation = some.mean(axis=0), np.maximum(some.std(axis=0), 1e-3)
    return [
        replace(each, embeddings=((each.embeddings - mean) / deviation).astype(np.float16))
        for each in made
    ]


def _said(
    own: Examples, speech: Sequence[Samples], part: int, embedder: Embedder, random: Random
) -> list[GuidingSpeech]:
    """HEARINGS of a part's speech and of its keywords behind that."""
    utterances = [samples for words in own.positives for samples in words.utterances]
    clips = _paused([*speech, *utterances])
    embeddings = _embedded(own.layout, clips, embedder)
    firsts = np.cumsum([0, *map(len, clips)])[len(clips) - len(utterances) :]
    words = _places(own, firsts)
    return [_guiding(part, _heard(own, clips, random), embeddings, words) for _ in range(HEARINGS)]


def _sewn(
    own: Examples, clips: Sequence[Samples], part: int, embedder: Embedder, random: Random
) -> GuidingSpeech:
    """A part's patchwork, heard once."""
    paused = _paused(clips)
    embeddings = _embedded(own.layout, paused, embedder)
    return _guiding(part, _heard(own, paused, random), embeddings)


def _guiding(
    part: int,
    log_mels: Halfs,
    embeddings: Halfs,
    words: npt.NDArray[np.float64] | None = None,
) -> GuidingSpeech:
    """words: None where nobody knows what is said."""
    count = len(embeddings)
    parts, known = np.full(count, part, np.int8), np.full(count, words is not None)
    nothing = np.zeros((0, 4))
    return GuidingSpeech(log_mels, embeddings, parts, known, nothing if words is None else words)


def _paused(clips: Sequence[Samples]) -> list[Samples]:
    """The silence before them is as much as an embedding rests on, however little follows."""
    return [np.zeros(WINDOW, np.int16), *(np.pad(clip, (0, PAUSE)) for clip in clips)]


def _heard(own: Examples, clips: Sequence[Samples], random: Random) -> Halfs:
    """Log mels of clips behind each other, each in surroundings of its own."""
    scenes = [own.surroundings.recorded(as_float(clip), random) for clip in clips]
    rows = LogMels(own.layout.detailed).rows(np.concatenate(scenes))
    return rows[: len(rows) // GRID * GRID].astype(np.float16)


def _embedded(layout: Layout, clips: Sequence[Samples], embedder: Embedder) -> Halfs:
    """Of the same, before anything came over it."""
    plain = np.concatenate([_level(clip) for clip in clips])
    rows = 1 + (len(plain) - layout.front_end.window) // layout.detailed.hop
    return on_grid(embedder.embeddings(plain), rows // GRID, layout)


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


def _level(clip: Samples) -> Samples:
    return waveform.to_int16(waveform.set_level(as_float(clip), LEVEL))


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
