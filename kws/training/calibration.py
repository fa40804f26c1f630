"""Set thresholds for a rate of false alarms of the whole model, on speech that no training had.

Every sensitivity is a rate of all keywords together, of which each keyword has an equal share.
Below what the hours of speech can count, the rate is extrapolated (kws/evaluation/peak_tail.py).
"""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

from kws.calibration_card import (
    SYNTHETIC,
    CalibrationCard,
    MeasuredPoint,
    MissRate,
    RateOfKind,
    store_calibration,
)
from kws.config import ModelConfig
from kws.evaluation.evaluate import Evaluation, evaluate
from kws.evaluation.intervals import CONFIDENCE, wilson_interval
from kws.evaluation.peak_tail import (
    PeakTail,
    rate_interval,
    rates_by_kind,
    whole_rate,
)
from kws.evaluation.scores import Scores, merge_scores
from kws.evaluation.speech_peaks import SpeechPeaks, log_odds, threshold_above
from kws.posterior import ONE, quantise_threshold
from kws.sensitivity import NORMAL, Sensitivity, store

ScoresByCondition = Mapping[str, Scores]

# With less speech than this nothing is extrapolated: thresholds are at least CAUTIOUS.
MIN_HOURS = 5 / 60
CAUTIOUS = 0.98
# Of the target: with that of 0.2 per hour, 0.05, 0.2 and 1.
SHARES = {"low": 0.25, NORMAL: 1.0, "high": 5.0}
ARG_MAX = 0.5  # least threshold: above it, a keyword is more probable than all else together
# Synthetic speech is easier for some words than what people say. So thresholds that it sets are no
# lower than recorded speech asks for: such odds for one false alarm of a keyword per hour, which go
# inversely with the root of the rate (docs/experiments/custom_words.md). They differ by whether
# training had recordings of the keyword. The mean of several networks is less sure than one.
ODDS_OF_COMMITTEES, ODDS_OF_ONE_NETWORK = {False: 9.0, True: 20.0}, {False: 140.0, True: 50.0}
RUNNING = "running"  # recordings that follow each other as sentences of a talk do
MIN_COUNT = 5  # false alarms that the hours must let expect, or a rate counts as extrapolated

_log = logging.getLogger(__name__)


def arg_max_thresholds(config: ModelConfig) -> ModelConfig:
    """Return the settings with thresholds by which the most probable class wins."""
    return replace(config, thresholds=(ARG_MAX,) * len(config.keywords))


def calibrate(
    config: ModelConfig,
    peaks: Mapping[str, SpeechPeaks],
    scores: ScoresByCondition,
    alarms_per_hour: float,
    measured_on: str,
    recorded: bool = False,
) -> ModelConfig:
    """Return the settings with thresholds, operating points, and what they were measured on.

    Args:
        config: Settings of the model.
        peaks: Of its confidences in speech without the keywords, or of its folds', by how the
            recordings follow each other; the thresholds are set by running speech.
        scores: Of the keywords' recordings, by condition.
        alarms_per_hour: Target of all keywords together, at the model's thresholds; 0 for none in
            all of the speech, without other operating points.
        measured_on: What kind of speech that is, for the card.
        recorded: Whether training had recordings of the keywords.
    """
    running = peaks[RUNNING]
    if running.hours < MIN_HOURS:
        return _cautious(config, running)
    if not alarms_per_hour:
        _log.warning("for no false alarm at all there are no other sensitivities")
        return replace(config, thresholds=thresholds_for(running, 0.0))
    points, measured = {}, {}
    odds = _odds_of_recorded_speech(config, recorded)
    for name, share in SHARES.items():
        rate = share * alarms_per_hour
        least = (
            _least_by_synthesis(rate / len(config.keywords), odds)
            if measured_on == SYNTHETIC
            else ARG_MAX
        )
        thresholds = thresholds_for(running, rate, least)
        points[name] = Sensitivity(thresholds, rate / len(config.keywords))
        measured[name] = measure(replace(config, thresholds=thresholds), peaks, scores, rate)
    config = replace(config, thresholds=points[NORMAL].thresholds)
    card = CalibrationCard(measured_on, round(running.hours, 3), CONFIDENCE, measured)
    return store_calibration(store(config, points), card)


def thresholds_for(
    peaks: SpeechPeaks, alarms_per_hour: float, least: float = ARG_MAX
) -> tuple[float, ...]:
    """Return each keyword's threshold for a rate of all of them together, `least` at least.

    None is lower than what the most probable class asks for, and none exceeds 1.
    """
    share = alarms_per_hour / len(peaks.heights)
    thresholds = []
    for heights in peaks.heights.values():
        if share:
            height = PeakTail.fit(heights, peaks.hours).height(share)
        else:
            height = max(heights, default=-float("inf"))
        threshold = min(ONE, threshold_above(height)) / ONE
        thresholds.append(max(least, threshold))
    return tuple(thresholds)


def _odds_of_recorded_speech(config: ModelConfig, recorded: bool) -> float:
    """Return the odds that one false alarm of a keyword per hour takes in recorded speech."""
    committee = config.committee
    alone = committee is None or len(committee.phases) - committee.first_stage == 1
    return (ODDS_OF_ONE_NETWORK if alone else ODDS_OF_COMMITTEES)[recorded]


def _least_by_synthesis(alarms_per_hour: float, odds_of_one: float) -> float:
    """Return the least threshold that synthetic speech may set for a rate of one keyword.

    odds_of_one: for one false alarm per hour.
    """
    odds = odds_of_one / math.sqrt(alarms_per_hour)
    return max(ARG_MAX, odds / (1 + odds))


def measure(
    config: ModelConfig,
    by_spacing: Mapping[str, SpeechPeaks],
    scores: ScoresByCondition,
    target: float,
) -> MeasuredPoint:
    """Return what a model's thresholds give: false alarms with their interval, and misses."""
    heights = {
        keyword: float(log_odds(quantise_threshold(threshold)))
        for keyword, threshold in zip(config.keywords, config.thresholds, strict=True)
    }
    peaks = by_spacing[RUNNING]
    counts = {
        kind: sum(int((peaks.of_kind(k, kind) >= h).sum()) for k, h in heights.items())
        for kind in peaks.kinds
    }
    low, high = rate_interval(peaks, heights)
    return MeasuredPoint(
        target,
        round(whole_rate(peaks, heights), 4),
        (round(low, 4), round(high, 4)),
        target * peaks.hours < MIN_COUNT,
        sum(counts.values()),
        {
            kind: RateOfKind(round(peaks.hours_of(kind), 3), counts[kind], round(rate, 4))
            for kind, rate in rates_by_kind(peaks, heights).items()
        },
        {
            spacing: RateOfKind(
                round(found.hours, 3),
                sum(int((found.heights[k] >= h).sum()) for k, h in heights.items()),
                round(whole_rate(found, heights), 4),
            )
            for spacing, found in by_spacing.items()
            if spacing != RUNNING
        },
        {condition: miss_rate(config, found) for condition, found in scores.items()},
    )


def miss_rate(config: ModelConfig, scores: Scores) -> MissRate:
    """Return the misses of all keywords at a model's thresholds."""
    missed = utterances = 0
    for keyword, threshold in zip(config.keywords, config.thresholds, strict=True):
        found = scores.positives[keyword]
        missed += int((found < quantise_threshold(threshold)).sum())
        utterances += len(found)
    if not utterances:
        return MissRate(0, 0, (0.0, 1.0))
    low, high = wilson_interval(missed, utterances)
    return MissRate(missed, utterances, (round(low, 4), round(high, 4)))


def _cautious(config: ModelConfig, peaks: SpeechPeaks) -> ModelConfig:
    """Return the settings with thresholds that are not measured, and log that."""
    _log.warning(
        "%.1f minutes of speech without the keywords are left to set thresholds by, less than %g:"
        " they are not measured but set to %g or higher, whatever rate of false alarms is asked"
        " for, and may miss many utterances; more recordings in _negative_ let them be measured",
        *(60 * peaks.hours, 60 * MIN_HOURS, CAUTIOUS),
    )
    highest = thresholds_for(peaks, 0.0)
    return replace(config, thresholds=tuple(max(CAUTIOUS, t) for t in highest))


def evaluate_folds(
    config: ModelConfig, folds: Sequence[ScoresByCondition]
) -> dict[str, Evaluation]:
    """Return the evaluation in each condition of all folds as one test set."""
    return {condition: evaluate(scores, config) for condition, scores in merge_folds(folds).items()}


def merge_folds(folds: Sequence[ScoresByCondition]) -> dict[str, Scores]:
    """Return the scores of all folds as those of one test set.

    The noisy condition is that of the folds that hold out noise.
    """
    conditions = dict.fromkeys(condition for fold in folds for condition in fold)
    return {c: merge_scores([fold[c] for fold in folds if c in fold]) for c in conditions}
