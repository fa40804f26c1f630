"""Evaluate a model on a test set: miss rates and false alarms, as numbers and as a table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from rich.table import Table

from kws.config import ModelConfig
from kws.console.plain_line import plain_cells, plain_title
from kws.evaluation.operating_points import OperatingPoint, operating_point_at, operating_point_for
from kws.evaluation.scores import Scores
from kws.posterior import quantise_threshold

FIGURES = ("threshold", "miss_rate", "miss_interval", "false_alarms", "false_alarms_per_hour")
FA_PER_HOUR_TARGETS = (0.1, 0.5, 1.0)  # of each keyword, for which miss rates are reported


def tested_as(name: str, snr: float | None, config: ModelConfig) -> dict[str, Any]:
    """Return what a model was tested as, for JSON: its name, the noise and its settings."""
    settings = {"gate": config.gate.on, "arithmetic": config.front_end.arithmetic}
    return {"model": name, "snr": snr, **settings}


@dataclass(frozen=True)
class Evaluation:
    """Hold each keyword's operating points, at the model's threshold and at FA_PER_HOUR_TARGETS.

    A target that the hours of negative audio cannot show, less than one false alarm in all of them,
    has none.
    """

    at_threshold: dict[str, OperatingPoint]
    at_target: dict[str, dict[float, OperatingPoint | None]]

    @property
    def hours(self) -> float:
        """Return the hours of negative audio."""
        return next(iter(self.at_threshold.values())).hours

    @property
    def duration(self) -> str:
        """Return the hours of negative audio as text; less than one in minutes."""
        return f"{self.hours:.2f} h" if self.hours >= 1 else f"{60 * self.hours:.1f} min"

    @property
    def utterances(self) -> int:
        """Return the number of recordings of keywords."""
        return sum(point.utterances for point in self.at_threshold.values())

    def mean_miss_rate(self, false_alarms_per_hour: float | None = None) -> float:
        """Return the mean miss rate of the keywords that have recordings, NaN where none has.

        false_alarms_per_hour: one of FA_PER_HOUR_TARGETS, or None for the model's thresholds.
        """
        points = [
            point
            if false_alarms_per_hour is None
            else self.at_target[keyword][false_alarms_per_hour]
            for keyword, point in self.at_threshold.items()
        ]
        rates = [point.miss_rate for point in points if point and point.utterances]
        return float(np.mean(rates)) if rates else float("nan")

    def blank_note(self) -> str:
        """Return why there are no figures at some targets; "" where there are all."""
        blank = [t for t in FA_PER_HOUR_TARGETS if not is_measurable(t, self.hours)]
        if not blank:
            return ""
        names = ", ".join(f"{target:g}/h" for target in blank)
        hours = ", ".join(f"{1 / target:g}" for target in blank)
        return f"No figures at {names}: that takes {hours} h or more."

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {
            "hours": round(self.hours, 3),
            "mean_miss_rate": _rounded(self.mean_miss_rate()),
            "mean_miss_rate_at": {
                str(target): _rounded(self.mean_miss_rate(target)) for target in FA_PER_HOUR_TARGETS
            },
            "keywords": {
                keyword: {
                    "utterances": point.utterances,
                    "own": _values(point),
                    "at": {str(t): _values(p) for t, p in self.at_target[keyword].items()},
                }
                for keyword, point in self.at_threshold.items()
            },
        }

    def table(self, title: str) -> Table:
        """Return a table for a terminal."""
        caption = (
            f"Missed (95 % interval) and false alarms at the model's thresholds; 0.1/h: missed at"
            f" 0.1 false alarms of this keyword per hour. {self.duration} without the keywords."
        )
        if note := self.blank_note():
            caption += f" {note}"
        table = Table(title=plain_title(title), caption=caption, caption_justify="left")
        table.add_column("keyword")
        for heading in ("utterances", "missed", "false alarms"):
            width = max(map(len, heading.split()))  # no word is cut off
            table.add_column(heading, justify="right", no_wrap=heading == "missed", min_width=width)
        for target in FA_PER_HOUR_TARGETS:
            table.add_column(f"{target:g}/h", justify="right")
        for keyword, point in self.at_threshold.items():
            at_targets = (self.at_target[keyword][target] for target in FA_PER_HOUR_TARGETS)
            misses = [_percent(at.miss_rate) if at else "" for at in at_targets]
            counts = (str(point.utterances), missed_text(point), str(point.false_alarms))
            table.add_row(*plain_cells((keyword, *counts, *misses)))
        means = [_percent(self.mean_miss_rate(target)) for target in FA_PER_HOUR_TARGETS]
        false_alarms = str(sum(point.false_alarms for point in self.at_threshold.values()))
        table.add_section()
        table.add_row("mean, sum", "", _percent(self.mean_miss_rate()), false_alarms, *means)
        return table


def evaluate(scores: Scores, config: ModelConfig) -> Evaluation:
    """Evaluate a model's scores at its thresholds and at FA_PER_HOUR_TARGETS."""
    refractory = config.smoothing.refractory_steps
    at_threshold, at_target = {}, {}
    for keyword, threshold in zip(config.keywords, config.thresholds, strict=True):
        positives, negatives = scores.positives[keyword], scores.negatives[keyword]
        at_threshold[keyword] = operating_point_at(
            positives, negatives, quantise_threshold(threshold), scores.hours, refractory
        )
        at_target[keyword] = {
            target: operating_point_for(positives, negatives, target, scores.hours, refractory)
            if is_measurable(target, scores.hours)
            else None
            for target in FA_PER_HOUR_TARGETS
        }
    return Evaluation(at_threshold, at_target)


def is_measurable(false_alarms_per_hour: float, hours: float) -> bool:
    """Return whether so many hours can show the target: with one false alarm or more in them."""
    return false_alarms_per_hour * hours >= 1


def _values(point: OperatingPoint | None) -> dict[str, Any]:
    """Return the numbers of an operating point for JSON, nulls where there is none."""
    if point is None:
        return dict.fromkeys(FIGURES)
    low, high = point.interval
    return {
        "threshold": round(point.threshold, 5),
        "miss_rate": _rounded(point.miss_rate),
        "miss_interval": [round(low, 4), round(high, 4)] if point.utterances else None,
        "false_alarms": point.false_alarms,
        "false_alarms_per_hour": _rounded(point.false_alarms_per_hour),
    }


def missed_text(point: OperatingPoint) -> str:
    """Return a miss rate with its interval, such as 3.3% (0.6-17)."""
    if not point.utterances:
        return "not measured"
    low, high = (f"{100 * bound:.{1 if bound < 0.1 else 0}f}" for bound in point.interval)
    return f"{point.miss_rate:.1%} ({low}-{high})"


def _rounded(value: float) -> float | None:
    """Return a number for JSON, which has no NaN."""
    return None if np.isnan(value) else round(value, 4)


def _percent(value: float) -> str:
    return "" if np.isnan(value) else f"{value:.1%}"
