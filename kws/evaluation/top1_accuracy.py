"""Measure top-1 accuracy on recordings of single words, as command classifiers are compared.

Labels are those of input_data.py in TensorFlow's speech_commands example (P. Warden, 2018): the
keywords; _unknown_, other words drawn at random; _silence_, 1 s cut at random out of any recording
of background noise, at a volume of 0 to 1. There each of the last two is ceil(10 %) of the
keywords' recordings: as many as one keyword has where there are ten keywords, which is also what
the archive of test recordings holds that MLPerf Tiny's keyword benchmark draws from. Here _silence_
is that 10 %; _unknown_ is as many as a keyword has on average, for 10 % of few keywords would
measure false alarms on few words.

What is tested is a spotter and not a classifier of cut clips: each recording passes through the
pipeline with silence around it, as a file in `kws listen`. The prediction is the keyword with the
greatest peak of its smoothed posterior; where none reaches 0.5, more than all others together, it
is no keyword. The network has one class for all that is not a keyword, so for _unknown_ and
_silence_ the correct prediction is no keyword: one taken for the other is no error here, as it is
in a network that has classes for both. The model's thresholds, which are set by false alarms per
hour, are not used.
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
from kws.console.plain_line import plain_cells, plain_title
from kws.data.clips import Clip
from kws.data.dataset import Dataset
from kws.errors import KwsError
from kws.evaluation.scores import Scorer
from kws.posterior import quantise_threshold
from kws.types import Samples

UNKNOWN, SILENCE = "_unknown_", "_silence_"  # labels that cannot be the folder of a keyword
SILENCE_SHARE = 0.1  # of the keywords' recordings
MIN_PEAK = quantise_threshold(0.5)  # Q15, of a prediction that is a keyword


@dataclass(frozen=True)
class Top1Accuracy:
    """Count how often each label was predicted as what: a confusion matrix."""

    keywords: tuple[str, ...]
    confusions: dict[str, dict[str, int]]  # by label and by prediction, a keyword or BACKGROUND

    def clips(self, label: str | None = None) -> int:
        """Return the number of clips of a label, None for all labels."""
        labels = self.confusions if label is None else (label,)
        return sum(sum(self.confusions[name].values()) for name in labels)

    def correct(self, label: str | None = None) -> int:
        """Return the number of correct predictions for a label, None for all labels."""
        labels = self.confusions if label is None else (label,)
        return sum(self.confusions[name][self._target(name)] for name in labels)

    def accuracy(self, label: str | None = None) -> float:
        """Return the share of correct predictions, 0..1; NaN without clips."""
        clips = self.clips(label)
        return self.correct(label) / clips if clips else float("nan")

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON; "confusions" has a row per label, a column per answer."""
        columns = (*self.keywords, BACKGROUND)
        return {
            **self._values(None),
            "labels": {label: self._values(label) for label in self.confusions},
            "answers": list(columns),
            "confusions": {
                label: [counts[prediction] for prediction in columns]
                for label, counts in self.confusions.items()
            },
        }

    def table(self, title: str) -> Table:
        """Return a table for a terminal."""
        caption = "After the accuracy: how often each was predicted; none is no keyword."
        table = Table(title=plain_title(title), caption=caption, caption_justify="left")
        table.add_column("label")
        for heading in plain_cells(("clips", "correct", "accuracy", *self.keywords, "none")):
            table.add_column(heading, justify="right")
        for label, predicted in self.confusions.items():
            counts = [str(predicted[p] or "") for p in (*self.keywords, BACKGROUND)]
            table.add_row(*plain_cells((label.strip("_"), *self._texts(label), *counts)))
        table.add_section()
        table.add_row("all", *self._texts(None))
        return table

    def _target(self, label: str) -> str:
        """Return the correct prediction for a label."""
        return label if label in self.keywords else BACKGROUND

    def _values(self, label: str | None) -> dict[str, float | None]:
        """Return the counts of a label for JSON."""
        accuracy = round(self.accuracy(label), 4) if self.clips(label) else None
        return {"clips": self.clips(label), "right": self.correct(label), "accuracy": accuracy}

    def _texts(self, label: str | None) -> tuple[str, str, str]:
        """Return the counts of a label for a table."""
        share = f"{self.accuracy(label):.1%}" if self.clips(label) else ""
        return str(self.clips(label)), str(self.correct(label)), share


def top1_accuracy(scorer: Scorer, clips: Mapping[str, Iterable[Samples]]) -> Top1Accuracy:
    """Predict the clips of each label, which is one of the keywords or none of them."""
    keywords = scorer.config.keywords
    confusions = {}
    for label, recordings in clips.items():
        predicted = dict.fromkeys((*keywords, BACKGROUND), 0)
        for samples in recordings:
            predicted[predict(scorer, samples)] += 1
        confusions[label] = predicted
    return Top1Accuracy(keywords, confusions)


def predict(scorer: Scorer, samples: Samples) -> str:
    """Return the keyword with the greatest peak in a clip, the first of equals, or BACKGROUND."""
    peaks = scorer.score_stream([samples]).max(axis=0, initial=0)
    keyword = int(np.argmax(peaks))
    return scorer.config.keywords[keyword] if peaks[keyword] >= MIN_PEAK else BACKGROUND


def labelled_clips(dataset: Dataset, seed: int = 1) -> dict[str, Iterator[Samples]]:
    """Return a dataset's clips by label, read one by one; other words and silence are drawn.

    Logs what cannot be read; raises KwsError where there is no noise of 1 s or more.
    """
    random = np.random.default_rng(seed)
    recordings = sum(map(len, dataset.positives.values()))
    unknown = round(recordings / len(dataset.positives))
    others = [dataset.negatives[i] for i in random.permutation(len(dataset.negatives))[:unknown]]
    labels = {keyword: _read(clips) for keyword, clips in dataset.positives.items()}
    labels[UNKNOWN] = _read(others)
    labels[SILENCE] = silence_clips(dataset.noise, math.ceil(SILENCE_SHARE * recordings), random)
    return labels


def silence_clips(noise: list[Clip], count: int, random: np.random.Generator) -> Iterator[Samples]:
    """Return `count` random cuts of 1 s out of noise; KwsError where none is that long."""
    recordings = [samples for samples in _read(noise) if len(samples) >= SAMPLE_RATE]
    if not recordings:
        where = noise[0].path.parent if noise else Path("dataset")
        raise KwsError(f"{where}: no recording of noise of 1 s or more for {SILENCE}")
    return (_cut(recordings[random.integers(len(recordings))], random) for _ in range(count))


def _cut(noise: Samples, random: np.random.Generator) -> Samples:
    """Return a random cut of 1 s at a random volume of 0 to 1."""
    start = random.integers(len(noise) - SAMPLE_RATE + 1)
    scaled = np.rint(noise[start : start + SAMPLE_RATE] * random.uniform(0, 1))
    cut: Samples = scaled.astype(np.int16)
    return cut


def _read(clips: list[Clip]) -> Iterator[Samples]:
    return (samples for _, samples in read_each([clip.path for clip in clips]))
