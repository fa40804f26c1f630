"""A model's miss rates and false alarms on a test set, as numbers and as a table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from rich.table import Table

from kws.config import ModelConfig
from kws.evaluation.operating_points import OperatingPoint, operating_point_at, operating_point_for
from kws.evaluation.scores import Scores
from kws.posterior import quantise_threshold

FA_PER_HOUR_TARGETS = (0.1, 0.5, 1.0)  # working points that are reported, of each keyword


@dataclass(frozen=True)
class Evaluation:
    """By keyword: the model's own threshold, and the thresholds for FA_PER_HOUR_TARGETS."""

    at_threshold: dict[str, OperatingPoint]
    at_target: dict[str, dict[float, OperatingPoint]]

    @property
    def hours(self) -> float:
        """Hours of negative audio."""
        return next(iter(self.at_threshold.values())).hours

    def mean_miss_rate(self, alarms_per_hour: float | None = None) -> float:
        """Over the keywords that have recordings; None is the model's own thresholds."""
        rates = [
            own if alarms_per_hour is None else self.at_target[keyword][alarms_per_hour]
            for keyword, own in self.at_threshold.items()
        ]
        tried = [rate.miss_rate for rate in rates if rate.utterances]
        return float(np.mean(tried)) if tried else float("nan")

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "hours": round(self.hours, 3),
            "mean_miss_rate": _rounded(self.mean_miss_rate()),
            "mean_miss_rate_at": {
                str(wanted): _rounded(self.mean_miss_rate(wanted)) for wanted in FA_PER_HOUR_TARGETS
            },
            "keywords": {
                keyword: {
                    "utterances": own.utterances,
                    "own": _values(own),
                    "at": {str(w): _values(rate) for w, rate in self.at_target[keyword].items()},
                }
                for keyword, own in self.at_threshold.items()
            },
        }

    def table(self, title: str) -> Table:
        """For a terminal."""
        caption = (
            f"Missed and false alarms at the model's own thresholds; 0.1/h: missed at 0.1 false "
            f"alarms of this keyword per hour. {self.hours:.2f} h without the keywords."
        )
        table = Table(title=title, caption=caption, caption_justify="left")
        table.add_column("keyword")
        for heading in ("utterances", "missed", "false alarms"):
            table.add_column(heading, justify="right")
        for wanted in FA_PER_HOUR_TARGETS:
            table.add_column(f"{wanted:g}/h", justify="right")
        for keyword, own in self.at_threshold.items():
            misses = [_percent(self.at_target[keyword][w].miss_rate) for w in FA_PER_HOUR_TARGETS]
            counts = (str(own.utterances), _percent(own.miss_rate), str(own.false_alarms))
            table.add_row(keyword, *counts, *misses)
        means = [_percent(self.mean_miss_rate(w)) for w in FA_PER_HOUR_TARGETS]
        alarms = str(sum(own.false_alarms for own in self.at_threshold.values()))
        table.add_section()
        table.add_row("mean, sum", "", _percent(self.mean_miss_rate()), alarms, *means)
        return table


def evaluate(heard: Scores, config: ModelConfig) -> Evaluation:
    """Judge what a model heard."""
    refractory = config.smoothing.refractory_steps
    own, wanted = {}, {}
    for keyword, threshold in zip(config.keywords, config.thresholds, strict=True):
        peaks, trace = heard.positives[keyword], heard.negatives[keyword]
        own[keyword] = operating_point_at(
            peaks, trace, quantise_threshold(threshold), heard.hours, refractory
        )
        wanted[keyword] = {
            rate: operating_point_for(peaks, trace, rate, heard.hours, refractory)
            for rate in FA_PER_HOUR_TARGETS
        }
    return Evaluation(own, wanted)


def merge_scores(parts: Sequence[Scores]) -> Scores:
    """Several test sets as one, for instance the folds of a cross-validation."""
    keywords = parts[0].positives
    return Scores(
        {k: np.concatenate([part.positives[k] for part in parts]) for k in keywords},
        {k: np.concatenate([part.negatives[k] for part in parts]) for k in keywords},
        sum(part.hours for part in parts),
    )


def _values(rate: OperatingPoint) -> dict[str, float | None]:
    return {
        "threshold": round(rate.threshold, 5),
        "miss_rate": _rounded(rate.miss_rate),
        "false_alarms": rate.false_alarms,
        "false_alarms_per_hour": _rounded(rate.false_alarms_per_hour),
    }


def _rounded(value: float) -> float | None:
    """For JSON, which knows no NaN."""
    return None if np.isnan(value) else round(value, 4)


def _percent(value: float) -> str:
    return "" if np.isnan(value) else f"{value:.1%}"
