"""Find the latencies of a test set's detections, its worst misses and its worst false alarms."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from kws.config import SAMPLE_RATE, ModelConfig
from kws.data.word_span import word_span
from kws.evaluation.operating_points import detection_steps
from kws.evaluation.scores import Scorer, Scores
from kws.evaluation.test_set import EvaluationSet
from kws.posterior import ONE, quantise_threshold
from kws.types import Samples, Trace

WORST = 3  # misses and false alarms of each keyword that are shown
SECONDS_BEFORE, SECONDS_AFTER = 2.0, 0.5  # of a false alarm's clip around the detection


@dataclass(frozen=True)
class WorstCase:
    """Hold a clip of audio and the model's confidence in a keyword there."""

    keyword: str
    path: Path
    start_seconds: float  # where in the recording the clip begins
    confidence: float  # 0..1
    samples: Samples


@dataclass(frozen=True)
class KeywordCases:
    """Hold the latencies of a keyword's detections and its worst misses."""

    latencies: npt.NDArray[np.float64]  # s from the word's end to the detection [detected]
    misses: list[WorstCase]  # the least confident first
    faintest: list[WorstCase] = field(default_factory=list)  # detections, the same

    def latency_summary(self) -> dict[str, float]:
        """Return median, 90th percentile and maximum, in s; there must be a detection."""
        values = np.quantile(self.latencies, (0.5, 0.9, 1.0)).round(3).tolist()
        return dict(zip(("median", "90%", "most"), values, strict=True))


def keyword_cases(scorer: Scorer, test_set: EvaluationSet, keyword: str) -> KeywordCases:
    """Score the recordings of a keyword again, at the model's threshold."""
    config = scorer.config
    index = config.keywords.index(keyword)
    threshold = quantise_threshold(config.thresholds[index])
    latencies = []
    misses: list[WorstCase] = []
    faintest: list[WorstCase] = []
    for clip in test_set.read_positives(keyword):
        confidences = scorer.score_stream([clip.mixed])[:, index]
        reached = np.flatnonzero(confidences >= threshold)
        case = WorstCase(keyword, clip.path, 0.0, int(confidences.max(initial=0)) / ONE, clip.mixed)
        if len(reached):
            faintest = _least_confident([*faintest, case])
            _, end = word_span(clip.clean)
            detected = scorer.end_sample(int(reached[0]))
            latencies.append((detected - end) / SAMPLE_RATE)
        else:
            misses = _least_confident([*misses, case])
    return KeywordCases(np.array(latencies), misses, faintest)


def _least_confident(cases: list[WorstCase]) -> list[WorstCase]:
    return sorted(cases, key=lambda case: case.confidence)[:WORST]


def detection_peaks(confidences: Trace, threshold: int, refractory: int) -> list[int]:
    """Return the step of the greatest confidence of each detection, the most confident first.

    confidences [steps] of one keyword and the threshold are Q15.
    """
    peaks = [
        step + int(np.argmax(confidences[step : step + 1 + refractory]))
        for step in detection_steps(confidences, threshold, refractory)
    ]
    return sorted(peaks, key=lambda step: -int(confidences[step]))


def worst_false_alarms(scorer: Scorer, test_set: EvaluationSet, scores: Scores) -> list[WorstCase]:
    """Cut the worst false alarms of each keyword out of the speech, at the model's thresholds."""
    config = scorer.config
    last = round(scores.hours * 3600 * SAMPLE_RATE) - 1  # some come in the flush after it
    pending = sorted(
        (min(scorer.end_sample(step), last), keyword, int(scores.negatives[keyword][step]) / ONE)
        for keyword, threshold in zip(config.keywords, config.thresholds, strict=True)
        for step in _worst_steps(scores.negatives[keyword], threshold, config)
    )
    found = _cut(test_set, pending) if pending else []
    order = {keyword: index for index, keyword in enumerate(config.keywords)}
    return sorted(found, key=lambda alarm: (order[alarm.keyword], -alarm.confidence))


def _cut(test_set: EvaluationSet, alarms: Sequence[tuple[int, str, float]]) -> list[WorstCase]:
    """Cut false alarms, by sample of the whole stream, each out of its recording."""
    before, after = (round(s * SAMPLE_RATE) for s in (SECONDS_BEFORE, SECONDS_AFTER))
    pending, found = list(alarms), []
    path, begin = Path(), 0  # of the recording, and its start in the stream
    window, start = np.zeros(0, np.int16), 0  # its latest samples, and the first one's index

    def cut(end: int) -> None:
        """Cut all alarms of the recording below an index."""
        while pending and pending[0][0] < begin + end:
            sample, keyword, confidence = pending.pop(0)
            first = max(0, sample - begin - before)
            samples = window[first - start : sample - begin + after - start]
            found.append(WorstCase(keyword, path, first / SAMPLE_RATE, confidence, samples))

    for block in test_set.negative_blocks():
        if block.start == 0:
            cut(start + len(window))
            path, begin = block.path, begin + start + len(window)
            window, start = window[:0], 0
        window = np.concatenate([window, block.mixed])
        cut(start + len(window) - after)
        if not pending:
            break
        surplus = max(0, len(window) - before - after)
        window, start = window[surplus:], start + surplus
    cut(start + len(window))
    return found


def _worst_steps(confidences: Trace, threshold: float, config: ModelConfig) -> list[int]:
    """Return the steps of the most confident false alarms of a keyword."""
    refractory = config.smoothing.refractory_steps
    return detection_peaks(confidences, quantise_threshold(threshold), refractory)[:WORST]
