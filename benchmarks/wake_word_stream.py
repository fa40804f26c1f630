"""Lay out the stream of MLPerf Tiny's streaming wake word benchmark: noise, and words in it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path

import numpy as np
import numpy.typing as npt

from kws.audio.audio_file import read_audio
from kws.config import SAMPLE_RATE
from kws.data.dataset import Dataset
from kws.types import Samples

TALKERS, MUSIC = "talkers", "music"  # kinds of the recipe's negatives and of its noise
TALKERS_AT_ONCE = 8  # at most
WORDS_UNTIL = 0.475  # of the stream
WORD_LEVELS = (0.5, 0.75)  # RMS, the noise's being that of its section
MEAN_GAP, MIN_GAP = 7.0, 3.0  # s from word to word, before they are spread over their time
TRIM = 0.05  # of a word's peak, below which its ends are cut off

Audio = npt.NDArray[np.float64]
Starts = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Section:
    """Describe noise of a part of the stream."""

    name: str
    first: float  # share of the stream's length
    last: float
    kind: str
    level: float  # RMS of each of them
    tracks: int = 1  # at once


SECTIONS = (
    Section("eight talkers", 100 / 1200, 300 / 1200, TALKERS, 0.05, TALKERS_AT_ONCE),
    Section("music", 300 / 1200, 450 / 1200, MUSIC, 0.5),
    Section("other music", 450 / 1200, 600 / 1200, MUSIC, 0.5),
    Section("a talker", 600 / 1200, 900 / 1200, TALKERS, 0.5),
    Section("music with a talker", 750 / 1200, 900 / 1200, MUSIC, 0.5),
    Section("seven talkers", 900 / 1200, 1.0, TALKERS, 0.1, TALKERS_AT_ONCE - 1),
)


@dataclass(frozen=True)
class Word:
    """Hold an utterance of the keyword and where it lies in the stream, samples."""

    recorded: bool
    first: int
    last: int


def noise_at(share: float) -> str:
    """Return the name of the noise at a share of the stream's length."""
    names = [section.name for section in SECTIONS if section.first <= share < section.last]
    return names[-1] if names else "quiet"


def noise_tracks(dataset: Dataset) -> dict[str, Iterator[Iterator[Samples]]]:
    """Return tracks of each kind, without end: a talker's or a music's recordings, over and over.

    What they are is printed.
    """
    groups: dict[str, dict[str, list[Path]]] = {TALKERS: {}, MUSIC: {}}
    for clip in (*dataset.negatives, *dataset.noise):
        if clip.kind in groups:
            is_talker = clip.kind == TALKERS  # the path up to the last hyphen
            name = clip.path.stem.rpartition("-")[0] if is_talker else clip.path.parent.name
            groups[clip.kind].setdefault(name, []).append(clip.path)
    for kind, named in groups.items():
        if not named:
            raise SystemExit(f"the recipe's held-out quarter has no {kind}")
        print(f"{kind}, which the model was not trained on: {', '.join(named)}")
    return {kind: map(pieces, cycle(named.values())) for kind, named in groups.items()}


def pieces(paths: Sequence[Path]) -> Iterator[Samples]:
    """Yield recordings over and over."""
    return map(read_audio, cycle(paths))


def noise_stream(seconds: float, tracks: dict[str, Iterator[Iterator[Samples]]]) -> Audio:
    """Return the stream without words, each track at the RMS of its section."""
    stream = np.zeros(round(seconds * SAMPLE_RATE))
    for section in SECTIONS:
        first, last = (round(share * len(stream)) for share in (section.first, section.last))
        for _ in range(section.tracks):
            track = filled(next(tracks[section.kind]), last - first)
            stream[first:last] += section.level * track / track.std()
    return stream


def filled(recorded: Iterator[Samples], length: int) -> Audio:
    """Return recordings one after the other, cut to a length."""
    found, total = [], 0
    while total < length:
        found.append(next(recorded).astype(np.float64))
        total += len(found[-1])
    return np.concatenate(found)[:length]


def word_starts(count: int, seconds: float, random: np.random.Generator) -> Starts:
    """Return where words begin in a stream of so many seconds, samples, in order.

    Raises SystemExit where they do not lie apart.
    """
    gaps = random.exponential(MEAN_GAP, 100 * max(0, count))
    times = np.cumsum(gaps[gaps > MIN_GAP][:count])
    until = WORDS_UNTIL * seconds
    starts = times * until / times[-1:]
    if count < 1 or not until > MIN_GAP or not np.all(np.diff(starts) > MIN_GAP):
        raise SystemExit(
            f"{count} words do not begin more than {MIN_GAP:g} s apart in the first {until:g} s:"
            " more --minutes, fewer --words, or another --seed"
        )
    return np.rint(starts * SAMPLE_RATE).astype(np.int64)


def insert(
    stream: Audio,
    spoken: Sequence[Samples],
    starts: Starts,
    recorded: int,
    random: np.random.Generator,
) -> list[Word]:
    """Add utterances to a stream, in random order; return their places.

    starts: of the utterances, samples.
    recorded: how many of them, the first ones, are recordings.
    """
    words = []
    for start, index in zip(starts, random.permutation(len(spoken)), strict=True):
        word = trimmed(spoken[index])
        place = Word(bool(index < recorded), int(start), int(start) + len(word))
        stream[place.first : place.last] += random.uniform(*WORD_LEVELS) * word
        words.append(place)
    return words


def trimmed(samples: Samples) -> Audio:
    """Return a word without the quiet at its ends, at an RMS of 1."""
    loud = np.flatnonzero(samples > TRIM * samples.max())
    word = samples[loud[0] : loud[-1]].astype(np.float64)
    level: float = word.std()
    return word / level
