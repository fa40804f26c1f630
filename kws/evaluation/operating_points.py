"""Miss rates, false alarms and the thresholds between them."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from kws.posterior import ONE

Int = npt.NDArray[np.int64]


@dataclass(frozen=True)
class OperatingPoint:
    """One keyword at one threshold."""

    threshold: float  # 0..1; above 1 where no threshold is strict enough
    misses: int
    utterances: int
    false_alarms: int
    hours: float

    @property
    def miss_rate(self) -> float:
        return self.misses / self.utterances if self.utterances else float("nan")

    @property
    def false_alarms_per_hour(self) -> float:
        return self.false_alarms / self.hours if self.hours else float("nan")


def detections(trace: Int, level: int, refractory: int) -> list[int]:
    """Steps of the detections in a stream of confidences [steps], refractory steps behind each."""
    steps, silent_until = [], 0
    for step in np.flatnonzero(trace >= level):
        if step >= silent_until:
            steps.append(int(step))
            silent_until = int(step) + 1 + refractory
    return steps


def count_alarms(trace: Int, level: int, refractory: int) -> int:
    """How many detections there are in a stream of confidences [steps]."""
    return len(detections(trace, level, refractory))


def lowest_threshold(trace: Int, most_alarms: int, refractory: int) -> int:
    """Lowest level (Q15) at which there are at most `most_alarms` detections; above, too."""

    def quiet(level: int) -> bool:
        return count_alarms(trace, level, refractory) <= most_alarms

    # A higher level leaves fewer steps, and of fewer steps no more detections can be made.
    return 1 + bisect_left(range(1, ONE + 1), True, key=quiet)


def operating_point_at(
    peaks: Int, trace: Int, level: int, hours: float, refractory: int
) -> OperatingPoint:
    """What a level (Q15) does: peaks [utterances], trace [steps]."""
    missed = int((peaks < level).sum())
    alarms = count_alarms(trace, level, refractory)
    return OperatingPoint(level / ONE, missed, len(peaks), alarms, hours)


def operating_point_for(
    peaks: Int, trace: Int, alarms_per_hour: float, hours: float, refractory: int
) -> OperatingPoint:
    """The lowest threshold with at most so many false alarms per hour, and what it misses."""
    level = lowest_threshold(trace, int(alarms_per_hour * hours), refractory)
    return operating_point_at(peaks, trace, level, hours, refractory)
