"""Extrapolate how often speech raises false alarms below the rate that its hours can count.

Peaks over threshold (Pickands 1975; Davison and Smith 1990): the greatest peaks of a keyword's
confidence exceed a height by amounts that follow a generalised Pareto distribution. Its shape is
estimated by probability-weighted moments (Hosking and Wallis 1987) and drawn towards 0, where the
distribution is exponential: a shape from so few peaks is mostly chance, and a threshold from it
promises too little on average (docs/experiments/calibration.md). The interval is that of a
bootstrap over speakers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy.stats import genpareto

from kws.evaluation.intervals import CONFIDENCE, Interval, poisson_interval
from kws.evaluation.speech_peaks import FLOOR, Heights, SpeechPeaks, log_odds
from kws.posterior import ONE

# The greatest peaks that the tail is fitted to: so many per hour, within these.
PEAKS_PER_HOUR, PEAKS = 40, (12, 30)
MIN_PEAKS = 5  # of which a tail is fitted at all, where there are no more
PRIOR_PEAKS = 100  # that a shape of 0 weighs as much as
MAX_SHAPE = 0.5
MIN_SCALE = 0.01  # of the excesses, where all peaks are equal
REPLICATES = 400


@dataclass(frozen=True)
class PeakTail:
    """Describe how often the confidence of a keyword peaks above a height."""

    heights: Heights  # [peaks], the greatest first
    hours: float
    base: float  # height above which the distribution holds
    count: int  # of the peaks above it
    shape: float
    scale: float

    @staticmethod
    def fit(heights: Heights, hours: float) -> PeakTail:
        """Fit the tail of peaks in so many hours, the greatest first.

        Where there are fewer than MIN_PEAKS above the lowest, the others are as low as peaks can
        be.
        """
        count = int(np.clip(round(PEAKS_PER_HOUR * hours), *PEAKS))
        count = max(MIN_PEAKS, min(count, len(heights) - 1))
        lowest = float(log_odds(FLOOR * ONE))
        padded = np.full(count + 1, lowest)
        some = heights[: count + 1]
        padded[: len(some)] = some
        excesses = padded[:count] - padded[count]
        shape = _shape(excesses)
        scale = max(MIN_SCALE, float(excesses.mean()) * (1 - shape))
        return PeakTail(heights, hours, float(padded[count]), count, shape, scale)

    def rate(self, height: float) -> float:
        """Return the peaks per hour that reach a height."""
        counted = int(np.searchsorted(-self.heights, -height, "right")) / self.hours
        if height <= self.base:
            return counted
        share = genpareto.sf(height - self.base, self.shape, scale=self.scale)
        fitted = self.count / self.hours * float(share)
        return max(fitted, counted) if self.is_padded else fitted

    def height(self, rate: float) -> float:
        """Return the least height that no more than so many peaks per hour exceed."""
        allowed = rate * self.hours
        index = int(allowed)
        counted = float(self.heights[index]) if index < len(self.heights) else -np.inf
        if allowed >= self.count:
            return counted
        excess = genpareto.isf(allowed / self.count, self.shape, scale=self.scale)
        fitted = self.base + float(excess)
        return max(fitted, counted) if self.is_padded else fitted

    @property
    def is_padded(self) -> bool:
        """Return whether there are fewer peaks than the tail is fitted to."""
        return len(self.heights) <= self.count


def _shape(excesses: Heights) -> float:
    """Return the shape of a generalised Pareto distribution, drawn towards 0."""
    ascending = np.sort(excesses)
    count, mean = len(ascending), float(ascending.mean())
    weighted = float(np.mean(ascending * np.arange(count - 1, -1, -1)) / (count - 1))
    if mean - 2 * weighted <= 1e-9:  # all are equal
        return 0.0
    shape = 2 - mean / (mean - 2 * weighted)
    return min(MAX_SHAPE, shape * count / (count + PRIOR_PEAKS))


def whole_rate(peaks: SpeechPeaks, thresholds: Mapping[str, float]) -> float:
    """Return the false alarms per hour of all keywords together, at heights by keyword."""
    return sum(
        PeakTail.fit(peaks.heights[keyword], peaks.hours).rate(height)
        for keyword, height in thresholds.items()
    )


def rates_by_kind(peaks: SpeechPeaks, thresholds: Mapping[str, float]) -> dict[str, float]:
    """Return the false alarms per hour of all keywords in each kind of speech.

    Kinds differ in how many peaks exceed the base of a tail; above it, they share its distribution.
    """
    rates = dict.fromkeys(peaks.kinds, 0.0)
    for keyword, height in thresholds.items():
        tail = PeakTail.fit(peaks.heights[keyword], peaks.hours)
        least = min(height, tail.base)
        above = max(1e-12, tail.rate(least))
        for kind in peaks.kinds:
            found = int((peaks.of_kind(keyword, kind) >= least).sum())
            rates[kind] += found / peaks.hours_of(kind) * tail.rate(height) / above
    return rates


def bootstrap_rates(peaks: SpeechPeaks, thresholds: Mapping[str, float], seed: int = 1) -> Heights:
    """Return whole_rate() of REPLICATES samples of the groups of speech, [REPLICATES]."""
    random = np.random.default_rng(seed)
    groups = len(peaks.group_hours)
    drawn = random.multinomial(groups, np.full(groups, 1 / groups), REPLICATES)
    rates = np.zeros(REPLICATES)
    for replicate, times in enumerate(drawn):
        hours = float(times @ peaks.group_hours)
        for keyword, height in thresholds.items():
            heights = np.repeat(peaks.heights[keyword], times[peaks.groups[keyword]])
            rates[replicate] += PeakTail.fit(heights, hours).rate(height)
    return rates


def rate_interval(peaks: SpeechPeaks, thresholds: Mapping[str, float]) -> Interval:
    """Return the interval of whole_rate(), of which CONFIDENCE is the probability.

    Where a keyword has too few peaks to fit a tail to, it covers what the hours alone tell.
    """
    tail = (1 - CONFIDENCE) / 2
    low, high = map(float, np.quantile(bootstrap_rates(peaks, thresholds), (tail, 1 - tail)))
    if any(PeakTail.fit(of, peaks.hours).is_padded for of in peaks.heights.values()):
        counts = (int((peaks.heights[k] >= height).sum()) for k, height in thresholds.items())
        counted = poisson_interval(sum(counts), peaks.hours)
        return min(low, counted[0]), max(high, counted[1])
    return low, high
