"""Calibrate thresholds on speech that no model of a cross-validation was trained on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from kws.config import ModelConfig
from kws.evaluation.evaluate import Evaluation, evaluate
from kws.evaluation.operating_points import operating_point_for
from kws.evaluation.scores import Scores, merge_scores
from kws.sensitivity import Sensitivity, store
from kws.training.cross_validation import ScoresByCondition

# With less speech than this the threshold is at least CAUTIOUS: for no alarm in 1.2 hours, models
# of benchmarks/custom_words.py needed 0.92 to 0.998.
MIN_HOURS = 1.0
CAUTIOUS = 0.98
SHARES = {"low": 0.2, "normal": 1.0, "high": 2.0}  # of the target of false alarms per hour
ARG_MAX = 0.5  # least threshold: above it, a keyword is more probable than all else together


def arg_max_thresholds(config: ModelConfig) -> ModelConfig:
    """Return the settings with thresholds by which the most probable class wins."""
    return replace(config, thresholds=(ARG_MAX,) * len(config.keywords))


def calibrate(config: ModelConfig, scores: Scores, alarms_per_hour: float) -> ModelConfig:
    """Return the settings with each keyword's lowest threshold that meets a target of FA/h."""
    thresholds = lowest_thresholds(config, scores, alarms_per_hour)
    return replace(config, thresholds=tuple(min(1.0, t) for t in thresholds))


def with_operating_points(
    config: ModelConfig, scores: Scores, alarms_per_hour: float
) -> tuple[ModelConfig, str]:
    """Return the settings with the operating points that the hours of speech carry.

    The text that comes with them names what they do not carry; it is empty where that is nothing.
    A point of so many false alarms per hour needs the hours in which one of them is expected.
    """
    points, left_out = {}, []
    for name, share in SHARES.items():
        rate = share * alarms_per_hour
        thresholds = lowest_thresholds(config, scores, rate)
        if rate * scores.hours < 1 - 1e-9:
            left_out.append(
                f"{name} (needs {1 / rate:.1f})" if rate else f"{name} (no false alarm)"
            )
        elif max(thresholds) > 1:
            left_out.append(f"{name} (no threshold is strict enough)")
        else:
            points[name] = Sensitivity(thresholds, rate)
    missing = f"{scores.hours:.1f} hours of speech without the keywords carry no sensitivity "
    return store(config, points), missing + ", ".join(left_out) if left_out else ""


def lowest_thresholds(
    config: ModelConfig, scores: Scores, alarms_per_hour: float
) -> tuple[float, ...]:
    """Return each keyword's lowest threshold that meets a target of FA/h; above 1 where none does.

    None is lower than what so few hours or the most probable class ask for.
    """
    refractory = config.smoothing.refractory_steps
    least = CAUTIOUS if scores.hours < MIN_HOURS else ARG_MAX
    points = [
        operating_point_for(
            scores.positives[keyword],
            scores.negatives[keyword],
            alarms_per_hour,
            scores.hours,
            refractory,
        )
        for keyword in config.keywords
    ]
    return tuple(max(least, point.threshold) for point in points)


def evaluate_folds(
    config: ModelConfig, folds: Sequence[ScoresByCondition]
) -> dict[str, Evaluation]:
    """Return the evaluation in each condition of all folds as one test set."""
    return {condition: evaluate(scores, config) for condition, scores in merge_folds(folds).items()}


def merge_folds(folds: Sequence[ScoresByCondition]) -> ScoresByCondition:
    """Return the scores of all folds as those of one test set.

    The noisy condition is that of the folds that hold out noise.
    """
    conditions = dict.fromkeys(condition for fold in folds for condition in fold)
    return {c: merge_scores([fold[c] for fold in folds if c in fold]) for c in conditions}
