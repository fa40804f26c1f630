"""Single recordings of a test set: how late each keyword was heard, what was missed, what was
mistaken for a keyword."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from kws.config import SAMPLE_RATE, ModelConfig
from kws.data.word_span import word_span
from kws.evaluation.mixing import Samples
from kws.evaluation.operating_points import detections
from kws.evaluation.scores import Scorer, Scores
from kws.evaluation.test_set import EvaluationSet
from kws.posterior import ONE, quantise_threshold

WORST = 3  # misses and false alarms of each keyword that are shown
BEFORE, BEHIND = 2.0, 0.5  # s of a false alarm's clip around the detection


@dataclass(frozen=True)
class Example:
    """A stretch of sound and how sure the model was of the keyword in it."""

    keyword: str
    path: Path
    seconds: float  # where in the recording the clip begins
    confidence: float  # 0..1
    samples: Samples


@dataclass(frozen=True)
class Spoken:
    """What became of the recordings of a keyword."""

    latencies: npt.NDArray[np.float64]  # s from the word's end to the detection, of those detected
    misses: list[Example]  # the least confident first

    def latency_summary(self) -> dict[str, float]:
        """Median, nine tenths and greatest, s; there must be one."""
        values = np.quantile(self.latencies, (0.5, 0.9, 1.0)).round(3).tolist()
        return dict(zip(("median", "90%", "most"), values, strict=True))


def spoken(scorer: Scorer, material: EvaluationSet, keyword: str) -> Spoken:
    """Hear the recordings of a keyword again, at the model's own threshold."""
    config = scorer.config
    index = config.keywords.index(keyword)
    level = quantise_threshold(config.thresholds[index])
    latencies, misses = [], []
    for take in material.read_positives(keyword):
        trace = scorer.score_stream([take.mixed])[:, index]
        reached = np.flatnonzero(trace >= level)
        if len(reached):
            _, end = word_span(take.clean)
            heard_at = scorer.end_sample(int(reached[0]))
            latencies.append((heard_at - end) / SAMPLE_RATE)
        else:
            confidence = int(trace.max(initial=0)) / ONE
            misses.append(Example(keyword, take.path, 0.0, confidence, take.mixed))
    misses = sorted(misses, key=lambda miss: miss.confidence)[:WORST]
    return Spoken(np.array(latencies), misses)


def alarm_steps(trace: npt.NDArray[np.int64], level: int, refractory: int) -> list[int]:
    """Of each detection in a stream of confidences [steps] the surest step, the surest first."""
    surest = [
        step + int(np.argmax(trace[step : step + 1 + refractory]))
        for step in detections(trace, level, refractory)
    ]
    return sorted(surest, key=lambda step: -trace[step])


def false_alarms(scorer: Scorer, material: EvaluationSet, heard: Scores) -> list[Example]:
    """The worst false alarms of each keyword at the model's own thresholds, cut from the speech."""
    config = scorer.config
    last = round(heard.hours * 3600 * SAMPLE_RATE) - 1  # some are heard in the silence behind it
    wanted = sorted(
        (min(scorer.end_sample(step), last), keyword, int(heard.negatives[keyword][step]) / ONE)
        for keyword, threshold in zip(config.keywords, config.thresholds, strict=True)
        for step in _worst(heard.negatives[keyword], threshold, config)
    )
    found, begin = [], 0
    for take in material.read_negatives() if wanted else ():
        end = begin + len(take.mixed)
        while wanted and wanted[0][0] < end:
            sample, keyword, confidence = wanted.pop(0)
            first = max(0, sample - begin - round(BEFORE * SAMPLE_RATE))
            clip = take.mixed[first : sample - begin + round(BEHIND * SAMPLE_RATE)]
            found.append(Example(keyword, take.path, first / SAMPLE_RATE, confidence, clip))
        begin = end
        if not wanted:
            break
    order = {keyword: place for place, keyword in enumerate(config.keywords)}
    return sorted(found, key=lambda alarm: (order[alarm.keyword], -alarm.confidence))


def _worst(trace: npt.NDArray[np.int64], threshold: float, config: ModelConfig) -> list[int]:
    refractory = config.smoothing.refractory_steps
    return alarm_steps(trace, quantise_threshold(threshold), refractory)[:WORST]
