"""Compute the detection error trade-off (DET): miss rates over false alarms per hour."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from kws.evaluation.operating_points import operating_point_for
from kws.evaluation.scores import Scores

MAX_FA_PER_HOUR = 10.0  # a detector with more is of no use
POINTS_PER_DECADE = 8


@dataclass(frozen=True)
class DetCurves:
    """Hold the DET curve of each keyword that has recordings."""

    false_alarms_per_hour: npt.NDArray[np.float64]  # [points], ascending, per keyword
    miss_rates: dict[str, npt.NDArray[np.float64]]  # [points]

    @property
    def mean(self) -> npt.NDArray[np.float64]:
        """Return the mean miss rate of the keywords, shape [points]."""
        rates: npt.NDArray[np.float64] = np.mean(list(self.miss_rates.values()), axis=0)
        return rates


def det_curves(scores: Scores, refractory: int) -> DetCurves:
    """Compute DET curves from one false alarm in all the speech upwards: less cannot be seen."""
    hours = scores.hours
    lowest, highest = 1 / hours, max(MAX_FA_PER_HOUR, 2 / hours)
    count = 2 + int(POINTS_PER_DECADE * np.log10(highest / lowest))
    false_alarms = np.unique(np.floor(np.geomspace(lowest, highest, count) * hours + 1e-9))
    targets = false_alarms / hours

    def miss_rates(keyword: str) -> npt.NDArray[np.float64]:
        positives, negatives = scores.positives[keyword], scores.negatives[keyword]
        points = (
            operating_point_for(positives, negatives, target, hours, refractory)
            for target in targets + 1e-9
        )
        return np.array([point.miss_rate for point in points])

    recorded = [keyword for keyword, peaks in scores.positives.items() if len(peaks)]
    return DetCurves(targets, {keyword: miss_rates(keyword) for keyword in recorded})
