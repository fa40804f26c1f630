"""Build the corpus of distillation: augmented speech, with the embeddings of the clean speech."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from kws.config import SAMPLE_RATE
from kws.data.clips import PARTITIONS
from kws.training.array_store import ArrayStore
from kws.training.augmentation import waveform
from kws.training.augmentation.waveform import Random, Samples
from kws.training.distillation.embedding import HOP, WINDOW, Embedder
from kws.training.distillation.spliced_speech import SplicedSpeech
from kws.training.examples import ExampleGenerator
from kws.training.features import IGNORED_RANGE, OVERSAMPLING, ExampleLayout, LogMelExtractor

Halfs = npt.NDArray[np.float16]

FRAMES_PER_POSITION = 2 * OVERSAMPLING  # stored frames from one embedding, a position, to the next
VIEWS = 2  # augmented views of all speech: in other noise, another room and at another level
PAUSE = 4000  # samples after each recording
LEVEL = -20.0  # dBFS of a recording's loudest 0.3 s, for the embedding


@dataclass(frozen=True)
class DistillationCorpus:
    """Hold augmented speech, and at each position the embedding of the clean speech."""

    log_mels: Halfs  # [m * FRAMES_PER_POSITION, filters]
    embeddings: Halfs  # [m, SIZE], each number of mean 0 and variance 1
    partitions: npt.NDArray[np.int8]  # [m] of the split
    labelled: npt.NDArray[np.bool_]  # [m] whether `keywords` tells what is spoken there
    # [n, 4] of each utterance: keyword, positions of start and end, share of the keyword's examples
    keywords: npt.NDArray[np.float64]

    @staticmethod
    def load(folder: Path) -> DistillationCorpus:
        """Memory-map what build_corpus() left in a folder."""
        return CORPUS.load(folder)

    @staticmethod
    def concatenate(corpora: Sequence[DistillationCorpus]) -> DistillationCorpus:
        """Return corpora one after the other."""
        arrays = zip(*(vars(each).values() for each in corpora), strict=True)
        log_mels, embeddings, partitions, labelled, keywords = map(list, arrays)
        first = 0
        for index, some in enumerate(embeddings):
            keywords[index] = keywords[index] + [0, first, first, 0]
            first += len(some)
        joined = (log_mels, embeddings, partitions, labelled, keywords)
        return DistillationCorpus(*map(np.concatenate, joined))

    def select(self, partitions: Sequence[int]) -> DistillationCorpus:
        """Return the speech of some partitions."""
        kept = np.isin(self.partitions, partitions)
        frames = self.log_mels[np.repeat(kept, FRAMES_PER_POSITION)]
        ends = self.keywords[:, 2].astype(np.intp)
        keywords, ends = self.keywords[kept[ends]], ends[kept[ends]]
        keywords[:, 1:3] -= np.cumsum(~kept)[ends, None]
        embeddings, labelled = self.embeddings[kept], self.labelled[kept]
        return DistillationCorpus(frames, embeddings, self.partitions[kept], labelled, keywords)

    def background(self, layout: ExampleLayout) -> npt.NDArray[np.bool_]:
        """Return where, [m], no keyword ends near the end of an embedding's window."""
        background = np.array(self.labelled)
        second = SAMPLE_RATE / position_samples(layout)
        for end in self.keywords[:, 2] - half_window(layout):
            first, last = (end + seconds * second for seconds in IGNORED_RANGE)
            background[max(0, int(np.ceil(first))) : int(last) + 1] = False
        return background


CORPUS = ArrayStore(DistillationCorpus, "distillation")


def position_samples(layout: ExampleLayout) -> int:
    """Return the samples from one position to the next."""
    return FRAMES_PER_POSITION * layout.oversampled.hop


def half_window(layout: ExampleLayout) -> float:
    """Return the positions from an embedding's own, the middle of a frame, to its window's end."""
    return (WINDOW + layout.front_end.window) / 2 / position_samples(layout)


def build_corpus(
    generators: Sequence[ExampleGenerator],
    speech: Sequence[Sequence[Samples]],
    spliced_hours: float,
    embedding: Path,
    seed: int,
    folder: Path,
) -> None:
    """Build a corpus of speech and keywords, and store it in a folder.

    Args:
        generators: By partition; they have the keywords.
        speech: Speech without keywords, by partition.
        spliced_hours: Hours of spliced speech that are added.
        embedding: Folder of the embedding's networks.
        seed: Of all random draws.
        folder: Where the corpus is stored.
    """

    def of_partition(partition: int) -> list[DistillationCorpus]:
        generator, embedder = generators[partition], Embedder(embedding)
        random = np.random.default_rng((seed, partition))
        corpora = _recorded(generator, speech[partition], partition, embedder, random)
        if spliced_hours and speech[partition]:
            confusable = generator.confusable_phrases[partition::PARTITIONS]
            splicer = SplicedSpeech(generator, confusable, speech[partition], random)
            clips = splicer.clips(spliced_hours / PARTITIONS, PAUSE)
            corpora.append(_spliced(generator, clips, partition, embedder, random))
        return corpora

    with ThreadPoolExecutor(os.cpu_count()) as threads:
        by_partition = list(threads.map(of_partition, range(len(generators))))
    corpora = [corpus for of_this in by_partition for corpus in of_this]
    CORPUS.save(folder, DistillationCorpus.concatenate(_standardised(corpora)))


def interpolate_embeddings(
    embeddings: npt.NDArray[np.float32], count: int, layout: ExampleLayout
) -> Halfs:
    """Return embeddings [n, SIZE] interpolated at the first `count` positions, [count, SIZE]."""
    middle = np.arange(count) * position_samples(layout) + layout.front_end.window / 2
    index = np.clip((middle - WINDOW / 2) / HOP, 0, len(embeddings) - 1)
    before = np.minimum(index.astype(np.intp), max(0, len(embeddings) - 2))
    share = (index - before)[:, None]
    after = np.minimum(before + 1, len(embeddings) - 1)
    between: Halfs = ((1 - share) * embeddings[before] + share * embeddings[after]).astype(
        np.float16
    )
    return between


def _standardised(corpora: Sequence[DistillationCorpus]) -> list[DistillationCorpus]:
    """Return corpora whose embeddings have mean 0 and variance 1."""
    some = np.concatenate([each.embeddings[::5] for each in corpora]).astype(np.float32)
    mean, deviation = some.mean(axis=0), np.maximum(some.std(axis=0), 1e-3)
    return [
        replace(each, embeddings=((each.embeddings - mean) / deviation).astype(np.float16))
        for each in corpora
    ]


def _recorded(
    generator: ExampleGenerator,
    speech: Sequence[Samples],
    partition: int,
    embedder: Embedder,
    random: Random,
) -> list[DistillationCorpus]:
    """Return VIEWS augmented views of a partition's speech, followed by its keywords."""
    layout = generator.layout
    utterances = [samples for words in generator.keywords for samples in words.utterances]
    clips = _with_pauses([*speech, *utterances])
    embeddings = _embed(layout, clips, embedder)
    firsts = np.cumsum([0, *map(len, clips)])[len(clips) - len(utterances) :]
    keywords = _keyword_positions(generator, firsts)
    count = len(embeddings)
    partitions, labelled = np.full(count, partition, np.int8), np.full(count, True)
    return [
        DistillationCorpus(
            _augment(generator, clips, random), embeddings, partitions, labelled, keywords
        )
        for _ in range(VIEWS)
    ]


def _spliced(
    generator: ExampleGenerator,
    clips: Sequence[Samples],
    partition: int,
    embedder: Embedder,
    random: Random,
) -> DistillationCorpus:
    """Return one augmented view of spliced speech, which has no labels."""
    paused = _with_pauses(clips)
    embeddings = _embed(generator.layout, paused, embedder)
    count = len(embeddings)
    partitions, labelled = np.full(count, partition, np.int8), np.full(count, False)
    log_mels = _augment(generator, paused, random)
    return DistillationCorpus(log_mels, embeddings, partitions, labelled, np.zeros((0, 4)))


def _with_pauses(clips: Sequence[Samples]) -> list[Samples]:
    """Return clips with pauses, after silence as long as the window of an embedding."""
    return [np.zeros(WINDOW, np.int16), *(np.pad(clip, (0, PAUSE)) for clip in clips)]


def _augment(generator: ExampleGenerator, clips: Sequence[Samples], random: Random) -> Halfs:
    """Return the log mels of clips one after the other, each acoustically augmented by itself."""
    scenes = [generator.acoustics.augment(waveform.to_float(clip), random) for clip in clips]
    frames = LogMelExtractor(generator.layout.oversampled).extract(np.concatenate(scenes))
    positions = len(frames) // FRAMES_PER_POSITION
    return frames[: positions * FRAMES_PER_POSITION].astype(np.float16)


def _embed(layout: ExampleLayout, clips: Sequence[Samples], embedder: Embedder) -> Halfs:
    """Return the embeddings of clips that are not augmented, at each position."""
    plain = np.concatenate([_levelled(clip) for clip in clips])
    frames = 1 + (len(plain) - layout.front_end.window) // layout.oversampled.hop
    positions = frames // FRAMES_PER_POSITION
    return interpolate_embeddings(embedder.embeddings(plain), positions, layout)


def _keyword_positions(
    generator: ExampleGenerator, firsts: npt.NDArray[np.int64]
) -> npt.NDArray[np.float64]:
    """Return DistillationCorpus.keywords of utterances that begin at samples `firsts`."""
    utterances = [
        (keyword, *span, weight)
        for keyword, words in enumerate(generator.keywords, 1)
        for span, weight in zip(words.word_spans, words.weights, strict=True)
    ]
    positions = np.array(utterances, np.float64).reshape(-1, 4)
    starts_and_ends = positions[:, 1:3] + firsts[: len(positions), None]
    positions[:, 1:3] = starts_and_ends / position_samples(generator.layout)
    return positions


def _levelled(clip: Samples) -> Samples:
    return waveform.to_int16(waveform.set_level(waveform.to_float(clip), LEVEL))
