"""Score utterances in all conditions, and speech without keywords by kind.

A trigger counts from the word's start to TRIGGER_SECONDS after its end. The recordings of a kind
are one stream twice: running, with RUNNING_SECONDS of silence between them, and alone, with
ALONE_SECONDS. Scores are computed once; what they mean at any threshold, whole_model.py says.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from kws.config import SAMPLE_RATE
from kws.evaluation.conditions import Condition, WordRecording, changed
from kws.evaluation.scores import Scorer
from kws.types import Int, Samples, Trace

TRIGGER_SECONDS = 1.5
RUNNING_SECONDS, ALONE_SECONDS = 0.4, 2.0  # between recordings
SPACINGS = {"running": RUNNING_SECONDS, "alone": ALONE_SECONDS}


@dataclass(frozen=True)
class KindScores:
    """Hold the confidences (Q15) of a model over one kind of speech without keywords, or noise."""

    speech: bool
    hours: float  # of the recordings, without the silence between them
    traces: dict[str, Trace]  # by spacing: [steps, keywords]
    peaks: Int  # [recordings, keywords] of each recording alone


@dataclass(frozen=True)
class ConditionScores:
    """Hold the confidences (Q15) of a model over a test set in all conditions."""

    positives: dict[str, dict[str, Int]]  # by condition and keyword: peak of each utterance
    kinds: dict[str, KindScores]  # of the speech without keywords, and of noise


def score_conditions(
    scorer: Scorer,
    words: Iterable[WordRecording],
    conditions: Mapping[str, Condition],
    keyword: str,
) -> dict[str, Int]:
    """Return the peaks [utterances] of a keyword in each condition."""
    index = scorer.config.keywords.index(keyword)
    peaks: dict[str, list[int]] = {name: [] for name in conditions}
    for name, word in changed(words, conditions, keyword):
        peaks[name].append(trigger_peak(scorer, word, index))
    return {name: np.array(found, np.int64) for name, found in peaks.items()}


def trigger_peak(scorer: Scorer, word: WordRecording, index: int) -> int:
    """Return the greatest confidence of a keyword in the time in which a trigger counts."""
    confidences = scorer.score_stream([word.samples])[:, index]
    last = word.end + TRIGGER_SECONDS * SAMPLE_RATE
    first, after = steps_until(scorer, word.start - 1), steps_until(scorer, last)
    return int(confidences[first:after].max(initial=0))


def steps_until(scorer: Scorer, sample: float) -> int:
    """Return how many steps of a stream see nothing after a sample."""
    first = scorer.end_sample(0)
    hop = scorer.end_sample(1) - first
    return max(0, int((sample - first) // hop) + 1)


def score_kind(
    scorer: Scorer, recordings: Iterable[Iterable[Samples]], speech: bool = True
) -> KindScores:
    """Score recordings, each in pieces, as one stream, running and alone; read once for each."""
    found = {}
    ends: list[int] = []
    for name, seconds in SPACINGS.items():
        ends.clear()
        found[name] = scorer.trace_stream(_spaced(recordings, seconds, ends))
    silence = round(ALONE_SECONDS * SAMPLE_RATE)
    samples = ends[-1] - silence * len(ends) if ends else 0
    # The silence belongs to the recording before it: confidences come late.
    bounds = [0, *(min(steps_until(scorer, end), len(found["alone"])) for end in ends)]
    keywords = len(scorer.config.keywords)
    peaks = np.zeros((len(ends), keywords), np.int64)
    for number, (first, after) in enumerate(pairwise(bounds)):
        peaks[number] = found["alone"][first:after].max(axis=0, initial=0)
    return KindScores(speech, samples / SAMPLE_RATE / 3600, found, peaks)


def _spaced(
    recordings: Iterable[Iterable[Samples]], seconds: float, ends: list[int]
) -> Iterator[Samples]:
    """Yield recordings with silence after each; note where each one's silence ends, samples."""
    silence = np.zeros(round(seconds * SAMPLE_RATE), np.int16)
    count = 0
    for pieces in recordings:
        for samples in pieces:
            count += len(samples)
            yield samples
        count += len(silence)
        ends.append(count)
        yield silence


def merge_condition_scores(parts: Iterable[ConditionScores]) -> ConditionScores:
    """Join the scores of several test sets, for instance of the folds of a cross-validation.

    Only conditions that each of them has are kept.
    """
    parts = list(parts)
    positives: dict[str, dict[str, Int]] = {}
    for name in (n for n in parts[0].positives if all(n in part.positives for part in parts)):
        keywords = parts[0].positives[name]
        positives[name] = {
            k: np.concatenate([p.positives[name][k] for p in parts]) for k in keywords
        }
    kinds = {}
    for kind in dict.fromkeys(kind for part in parts for kind in part.kinds):
        found = [part.kinds[kind] for part in parts if kind in part.kinds]
        kinds[kind] = KindScores(
            found[0].speech,
            sum(part.hours for part in found),
            {s: np.concatenate([part.traces[s] for part in found]) for s in SPACINGS},
            np.concatenate([part.peaks for part in found]),
        )
    return ConditionScores(positives, kinds)
