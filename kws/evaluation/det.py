"""Detection error trade-off: miss rates against false alarms per hour as the threshold moves."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from kws.evaluation.evaluate import FA_PER_HOUR_TARGETS
from kws.evaluation.operating_points import operating_point_for
from kws.evaluation.scores import Scores

MOST_ALARMS = 10.0  # per hour, to the right of which nobody looks
POINTS_PER_DECADE = 8


@dataclass(frozen=True)
class DetCurves:
    """Miss rates of each keyword that has recordings, and their mean."""

    false_alarms_per_hour: npt.NDArray[np.float64]  # [points], ascending, per keyword
    miss_rates: dict[str, npt.NDArray[np.float64]]  # [points]

    @property
    def mean(self) -> npt.NDArray[np.float64]:
        """[points] over the keywords."""
        rates: npt.NDArray[np.float64] = np.mean(list(self.miss_rates.values()), axis=0)
        return rates


def det_curves(heard: Scores, refractory: int) -> DetCurves:
    """From the rarest rate of the tables on, where there may be no alarm at all, to MOST_ALARMS."""
    least, most = min(FA_PER_HOUR_TARGETS[0], 1 / heard.hours), max(MOST_ALARMS, 2 / heard.hours)
    count = 2 + int(POINTS_PER_DECADE * np.log10(most / least))
    alarms = np.unique(np.floor(np.geomspace(least, most, count) * heard.hours + 1e-9))
    wanted = np.maximum(alarms / heard.hours, least)  # a logarithmic axis has no place for 0
    rates = {
        keyword: np.array(
            [
                operating_point_for(
                    peaks, heard.negatives[keyword], rate, heard.hours, refractory
                ).miss_rate
                for rate in wanted + 1e-9
            ]
        )
        for keyword, peaks in heard.positives.items()
        if len(peaks)
    }
    return DetCurves(wanted, rates)
