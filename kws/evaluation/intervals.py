"""Compute 95 % confidence intervals of rates, and the significance of a difference.

They take recordings and alarms as independent; recordings of one session are not quite.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.stats import binomtest, chi2

CONFIDENCE = 0.95

Interval = tuple[float, float]


def wilson_interval(misses: int, utterances: int) -> Interval:
    """Return Wilson's interval of a miss rate; NaN without utterances."""
    if not utterances:
        return float("nan"), float("nan")
    found = binomtest(misses, utterances).proportion_ci(CONFIDENCE, "wilson")
    return float(found.low), float(found.high)


def poisson_interval(events: int, hours: float) -> Interval:
    """Return the exact interval of a rate per hour (Garwood); NaN without hours."""
    if not hours:
        return float("nan"), float("nan")
    tail = (1 - CONFIDENCE) / 2
    low = chi2.ppf(tail, 2 * events) / 2 if events else 0.0
    high = chi2.ppf(1 - tail, 2 * (events + 1)) / 2
    return float(low / hours), float(high / hours)


def mcnemar(first: npt.NDArray[np.bool_], second: npt.NDArray[np.bool_]) -> float:
    """Return the p-value of McNemar's exact test: do two models miss equally often?

    first, second [utterances]: whether each model misses each of the same recordings.
    """
    alone, other = int((first & ~second).sum()), int((second & ~first).sum())
    return float(binomtest(alone, alone + other).pvalue) if alone + other else 1.0
