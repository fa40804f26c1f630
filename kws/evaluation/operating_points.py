"""Count misses and false alarms at a threshold; find the threshold for false alarms per hour."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass

import numpy as np

from kws.evaluation.intervals import Interval, wilson_interval
from kws.posterior import ONE
from kws.types import Int, Trace


@dataclass(frozen=True)
class OperatingPoint:
    """Hold the misses and false alarms of one keyword at one threshold."""

    threshold: float  # 0..1; above 1 where no threshold is strict enough
    misses: int
    utterances: int
    false_alarms: int
    hours: float

    @property
    def miss_rate(self) -> float:
        """Return the miss rate (false rejection rate, FRR); NaN without utterances."""
        return self.misses / self.utterances if self.utterances else float("nan")

    @property
    def interval(self) -> Interval:
        """Return Wilson's 95 % interval of the miss rate; NaN without utterances."""
        return wilson_interval(self.misses, self.utterances)

    @property
    def false_alarms_per_hour(self) -> float:
        """Return the false alarms per hour (FA/h); NaN without speech."""
        return self.false_alarms / self.hours if self.hours else float("nan")


def detection_steps(confidences: Trace, threshold: int, refractory: int) -> list[int]:
    """Return the steps of the detections in a stream of confidences [steps] of one keyword.

    threshold is Q15; after a detection, `refractory` steps cannot fire.
    """
    steps, refractory_end = [], 0
    for step in np.flatnonzero(confidences >= threshold):
        if step >= refractory_end:
            steps.append(int(step))
            refractory_end = int(step) + 1 + refractory
    return steps


def count_detections(confidences: Trace, threshold: int, refractory: int) -> int:
    """Return the number of detections in a stream of confidences [steps]."""
    return len(detection_steps(confidences, threshold, refractory))


def lowest_threshold(confidences: Trace, max_detections: int, refractory: int) -> int:
    """Return the lowest threshold (Q15) with at most so many detections.

    Every higher threshold has at most so many, too.
    """

    def is_high_enough(threshold: int) -> bool:
        return count_detections(confidences, threshold, refractory) <= max_detections

    # A higher threshold leaves fewer steps, and of fewer steps no more detections can be made.
    return 1 + bisect_left(range(1, ONE + 1), True, key=is_high_enough)


def operating_point_at(
    positives: Int, negatives: Trace, threshold: int, hours: float, refractory: int
) -> OperatingPoint:
    """Return the operating point of a threshold (Q15).

    positives [utterances]: the greatest confidence of each; negatives [steps]: those of `hours` of
    speech without the keyword.
    """
    misses = int((positives < threshold).sum())
    false_alarms = count_detections(negatives, threshold, refractory)
    return OperatingPoint(threshold / ONE, misses, len(positives), false_alarms, hours)


def operating_point_for(
    positives: Int, negatives: Trace, false_alarms_per_hour: float, hours: float, refractory: int
) -> OperatingPoint:
    """Return the operating point of the lowest threshold with at most so many FA/h."""
    threshold = lowest_threshold(negatives, int(false_alarms_per_hour * hours), refractory)
    return operating_point_at(positives, negatives, threshold, hours, refractory)
