"""Thresholds from what the models of a cross-validation made of speech they were not trained on."""

from __future__ import annotations

from dataclasses import replace

from kws.config import ModelConfig
from kws.evaluation.operating_points import operating_point_for
from kws.evaluation.scores import Scores

# With less speech than this the threshold is at least CAUTIOUS: for no alarm in 1.2 hours, models
# of benchmarks/custom_words.py needed 0.92 to 0.998.
ENOUGH = 1.0  # h
CAUTIOUS = 0.98
LEAST = 0.5  # a keyword is likelier than all else together, however quiet the speech was


def likeliest(config: ModelConfig) -> ModelConfig:
    """The settings with thresholds by which the likeliest answer wins, as for command words."""
    return replace(config, thresholds=(LEAST,) * len(config.keywords))


def calibrated(config: ModelConfig, heard: Scores, alarms_per_hour: float) -> ModelConfig:
    """The settings with each keyword's lowest threshold that keeps to the false alarms wanted."""
    refractory = config.smoothing.refractory_steps
    least = CAUTIOUS if heard.hours < ENOUGH else LEAST
    rates = [
        operating_point_for(
            heard.positives[keyword],
            heard.negatives[keyword],
            alarms_per_hour,
            heard.hours,
            refractory,
        )
        for keyword in config.keywords
    ]
    return replace(config, thresholds=tuple(min(1.0, max(least, r.threshold)) for r in rates))
