"""Top-1 accuracy on recordings of single words, as classifiers of commands are compared.

Labels after input_data.py of TensorFlow's speech_commands example (P. Warden, 2018): the keywords;
_unknown_, other words drawn at random; _silence_, 1 s cut anywhere out of any recording of
background noise, at a volume of 0 to 1. There each of the last two is ceil(10 %) of the keywords'
recordings: as many as one keyword has where there are ten keywords, which is also what the archive
of test recordings holds that MLPerf Tiny's keyword benchmark draws from. Here silence is that
10 %; unknown is as many as a keyword has on average, for 10 % of few keywords would judge false
alarms by few words.

What is judged is a spotter and no classifier of cut clips: each recording goes the whole road with
silence around it, as `kws listen` hears a file. The answer is the keyword with the greatest peak of
its smoothed posterior; where none reaches 0.5, more than all others together, it is no keyword.
The network has one class for all that is no keyword, so for _unknown_ and _silence_ alike the right
answer is no keyword: one taken for the other is no mistake here, as it is in a network that has
classes for both. The model's thresholds, which are set by false alarms per hour, play no part.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from rich.table import Table

from kws.audio.audio_file import read_each
from kws.config import BACKGROUND, SAMPLE_RATE
from kws.data.clips import Clip
from kws.data.dataset import Dataset
from kws.errors import KwsError
from kws.evaluation.scores import Samples, Scorer
from kws.posterior import quantise_threshold

UNKNOWN, SILENCE = "_unknown_", "_silence_"  # labels, which no keyword's folder can be called
SILENCE_SHARE = 0.1  # of the keywords' recordings
LEAST = quantise_threshold(0.5)  # peak (Q15) of an answer that is a keyword


@dataclass(frozen=True)
class Accuracy:
    """How often each answer was given to the clips of each label."""

    keywords: tuple[str, ...]
    answers: dict[str, dict[str, int]]  # by label and by answer, a keyword or BACKGROUND

    def clips(self, label: str | None = None) -> int:
        """How many were heard; None is of all labels."""
        labels = self.answers if label is None else (label,)
        return sum(sum(self.answers[name].values()) for name in labels)

    def right(self, label: str | None = None) -> int:
        """How many were answered rightly; None is of all labels."""
        labels = self.answers if label is None else (label,)
        return sum(self.answers[name][self._answer_to(name)] for name in labels)

    def accuracy(self, label: str | None = None) -> float:
        """Share of right answers, 0..1; of no clips it is NaN."""
        clips = self.clips(label)
        return self.right(label) / clips if clips else float("nan")

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON; a row of "confusions" is a label, a column is an answer."""
        columns = (*self.keywords, BACKGROUND)
        return {
            **self._values(None),
            "labels": {label: self._values(label) for label in self.answers},
            "answers": list(columns),
            "confusions": {
                label: [given[answer] for answer in columns]
                for label, given in self.answers.items()
            },
        }

    def table(self, title: str) -> Table:
        """For a terminal."""
        caption = "Behind the accuracy: how often each answer was given; none is no keyword."
        table = Table(title=title, caption=caption, caption_justify="left")
        table.add_column("label")
        for heading in ("clips", "right", "accuracy", *self.keywords, "none"):
            table.add_column(heading, justify="right")
        for label, given in self.answers.items():
            counts = [str(given[answer] or "") for answer in (*self.keywords, BACKGROUND)]
            table.add_row(label.strip("_"), *self._cells(label), *counts)
        table.add_section()
        table.add_row("all", *self._cells(None))
        return table

    def _answer_to(self, label: str) -> str:
        return label if label in self.keywords else BACKGROUND

    def _values(self, label: str | None) -> dict[str, float | None]:
        accuracy = round(self.accuracy(label), 4) if self.clips(label) else None
        return {"clips": self.clips(label), "right": self.right(label), "accuracy": accuracy}

    def _cells(self, label: str | None) -> tuple[str, str, str]:
        share = f"{self.accuracy(label):.1%}" if self.clips(label) else ""
        return str(self.clips(label)), str(self.right(label)), share


def accuracy(scorer: Scorer, clips: Mapping[str, Iterable[Samples]]) -> Accuracy:
    """Hear the clips of each label, int16 [n], which is one of the keywords or none of them."""
    keywords = scorer.config.keywords
    answers = {}
    for label, recordings in clips.items():
        given = dict.fromkeys((*keywords, BACKGROUND), 0)
        for samples in recordings:
            given[answer(scorer, samples)] += 1
        answers[label] = given
    return Accuracy(keywords, answers)


def answer(scorer: Scorer, samples: Samples) -> str:
    """The keyword that a clip is taken for, or BACKGROUND; of equals, the first."""
    peaks = scorer.score_stream([samples]).max(axis=0, initial=0)
    keyword = int(np.argmax(peaks))
    return scorer.config.keywords[keyword] if peaks[keyword] >= LEAST else BACKGROUND


def labelled(dataset: Dataset, seed: int = 1) -> dict[str, Iterator[Samples]]:
    """A dataset's clips by label, read as they are heard, other words and silence drawn by seed.

    What cannot be read is a line on stderr. KwsError where there is no noise of 1 s or more.
    """
    random = np.random.default_rng(seed)
    words = sum(map(len, dataset.positives.values()))
    unknown = round(words / len(dataset.positives))
    others = [dataset.negatives[i] for i in random.permutation(len(dataset.negatives))[:unknown]]
    labels = {keyword: _read(clips) for keyword, clips in dataset.positives.items()}
    labels[UNKNOWN] = _read(others)
    labels[SILENCE] = silences(dataset.noise, math.ceil(SILENCE_SHARE * words), random)
    return labels


def silences(noise: list[Clip], count: int, random: np.random.Generator) -> Iterator[Samples]:
    """`count` cuts of 1 s out of recordings of noise; KwsError where none is that long."""
    recordings = [samples for samples in _read(noise) if len(samples) >= SAMPLE_RATE]
    if not recordings:
        where = noise[0].path.parent if noise else Path("dataset")
        raise KwsError(f"{where}: no recording of noise of 1 s or more for {SILENCE}")
    return (_cut(recordings[random.integers(len(recordings))], random) for _ in range(count))


def _cut(noise: Samples, random: np.random.Generator) -> Samples:
    start = random.integers(len(noise) - SAMPLE_RATE + 1)
    quieter = np.rint(noise[start : start + SAMPLE_RATE] * random.uniform(0, 1))
    cut: Samples = quieter.astype(np.int16)
    return cut


def _read(clips: list[Clip]) -> Iterator[Samples]:
    return (samples for _, samples in read_each([clip.path for clip in clips]))
