"""Count the false alarms and misses of a whole model: all its keywords together.

As in the detector, a detection of any keyword makes all of them wait for the refractory time.
Models are compared at equal false alarms: thresholds at which each keyword alone raises an equal
share of them, as few as the confidences allow.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from kws.config import ModelConfig
from kws.evaluation.condition_scores import ConditionScores
from kws.evaluation.intervals import Interval, poisson_interval, wilson_interval
from kws.evaluation.operating_points import count_detections, lowest_threshold
from kws.posterior import quantise_threshold
from kws.types import Int, Trace


@dataclass(frozen=True)
class Share:
    """Hold how many of some recordings were missed, or set off an alarm."""

    count: int
    recordings: int

    @property
    def rate(self) -> float:
        """Return the share; NaN without recordings."""
        return self.count / self.recordings if self.recordings else float("nan")

    @property
    def interval(self) -> Interval:
        """Return its 95 % interval."""
        return wilson_interval(self.count, self.recordings)


@dataclass(frozen=True)
class FalseAlarms:
    """Hold how many false alarms a whole model raised in some hours."""

    alarms: int
    hours: float

    @property
    def rate(self) -> float:
        """Return the false alarms per hour; NaN without hours."""
        return self.alarms / self.hours if self.hours else float("nan")

    @property
    def interval(self) -> Interval:
        """Return its 95 % interval."""
        return poisson_interval(self.alarms, self.hours)


def model_thresholds(config: ModelConfig) -> Int:
    """Return the thresholds [keywords], Q15, of a model."""
    return np.array([quantise_threshold(threshold) for threshold in config.thresholds], np.int64)


def count_alarms(trace: Trace, thresholds: Int, refractory: int) -> int:
    """Return the detections of a whole model in confidences [steps, keywords]."""
    return count_detections((trace >= thresholds).any(axis=1).astype(np.int8), 1, refractory)


def equal_alarm_thresholds(traces: Sequence[Trace], alarms: int, refractory: int) -> Int:
    """Return thresholds [keywords] that share so many false alarms of all traces evenly.

    traces: [steps, keywords] each. Each keyword has the lowest threshold with its share at most;
    where the share is no whole number, the first keywords have one more.
    """
    joined = np.concatenate(list(traces))
    count = joined.shape[1]
    shares = [alarms // count + (index < alarms % count) for index in range(count)]
    found = [lowest_threshold(joined[:, k], share, refractory) for k, share in enumerate(shares)]
    return np.array(found, np.int64)


def missed(scores: ConditionScores, thresholds: Int, condition: str) -> npt.NDArray[np.bool_]:
    """Return which utterances [all keywords' together] of a condition are missed."""
    by_keyword = zip(scores.positives[condition].values(), thresholds, strict=True)
    return np.concatenate([peaks < threshold for peaks, threshold in by_keyword])


def misses(scores: ConditionScores, thresholds: Int) -> dict[str, Share]:
    """Return the misses of all keywords together, by condition."""
    found = {name: missed(scores, thresholds, name) for name in scores.positives}
    return {name: Share(int(of.sum()), len(of)) for name, of in found.items()}


def false_alarms(
    scores: ConditionScores, thresholds: Int, refractory: int
) -> dict[str, dict[str, FalseAlarms]]:
    """Return the false alarms of the whole model, by kind and by spacing."""
    return {
        kind: {
            spacing: FalseAlarms(count_alarms(trace, thresholds, refractory), of.hours)
            for spacing, trace in of.traces.items()
        }
        for kind, of in scores.kinds.items()
    }


def total(alarms: Iterable[FalseAlarms]) -> FalseAlarms:
    """Return the sum of false alarms and hours."""
    alarms = list(alarms)
    return FalseAlarms(sum(a.alarms for a in alarms), sum(a.hours for a in alarms))


def recordings_that_fire(scores: ConditionScores, thresholds: Int) -> dict[str, Share]:
    """Return how many recordings of each kind set off a false alarm when they stand alone."""
    fired = {kind: (of.peaks >= thresholds).any(axis=1) for kind, of in scores.kinds.items()}
    return {kind: Share(int(of.sum()), len(of)) for kind, of in fired.items()}
