"""Report what a whole model misses by condition and its false alarms by kind: JSON and tables."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from rich.table import Table

from kws.evaluation.condition_scores import SPACINGS, TRIGGER_SECONDS, ConditionScores
from kws.evaluation.intervals import Interval
from kws.evaluation.whole_model import (
    FalseAlarms,
    Share,
    false_alarms,
    misses,
    recordings_that_fire,
    total,
)
from kws.types import Int

ALL_SPEECH = "all speech"
Columns = dict[str, Int]  # thresholds [keywords], Q15, by heading


def condition_values(scores: ConditionScores, thresholds: Int, refractory: int) -> dict[str, Any]:
    """Return the misses and false alarms at thresholds, with 95 % intervals, for JSON."""
    fired = recordings_that_fire(scores, thresholds)
    alarms = with_total(scores, false_alarms(scores, thresholds, refractory))
    return {
        "conditions": {name: _share(of) for name, of in misses(scores, thresholds).items()},
        "kinds": {
            kind: {
                **{spacing: _alarms(of) for spacing, of in by_spacing.items()},
                **({"recordings_that_fire": _share(fired[kind])} if kind in fired else {}),
            }
            for kind, by_spacing in alarms.items()
        },
    }


def with_total(
    scores: ConditionScores, alarms: dict[str, dict[str, FalseAlarms]]
) -> dict[str, dict[str, FalseAlarms]]:
    """Return false alarms by kind with those of all kinds of speech together, if several."""
    speech = [kind for kind, of in scores.kinds.items() if of.speech]
    if len(speech) < 2:
        return alarms
    sums = {spacing: total(alarms[kind][spacing] for kind in speech) for spacing in SPACINGS}
    return {**alarms, ALL_SPEECH: sums}


def miss_table(scores: ConditionScores, columns: Columns, title: str) -> Table:
    """Return the misses by condition, a column for each set of thresholds."""
    table = Table(title=title, caption_justify="left")
    table.caption = (
        "Missed, all keywords together, with the 95 % interval (Wilson). A trigger counts from the"
        f" word's start to {TRIGGER_SECONDS:g} s after its end."
    )
    table.add_column("condition")
    for heading in columns:
        table.add_column(heading, justify="right")
    found = [misses(scores, thresholds) for thresholds in columns.values()]
    for name in scores.positives:
        table.add_row(name, *(_percent(of[name]) for of in found))
    return table


def alarm_table(scores: ConditionScores, thresholds: Int, refractory: int, title: str) -> Table:
    """Return the false alarms of the whole model by kind at thresholds."""
    table = Table(title=title, caption_justify="left")
    table.caption = (
        "False alarms of all keywords together, count and per hour of recordings with the 95 %"
        " interval (Poisson); "
        + ", ".join(
            f"{name}: {seconds:g} s of silence between" for name, seconds in SPACINGS.items()
        )
        + "."
    )
    table.add_column("kind")
    for heading in ("hours", *SPACINGS, "fire alone"):
        table.add_column(heading, justify="right")
    fired = recordings_that_fire(scores, thresholds)
    alarms = false_alarms(scores, thresholds, refractory)
    for kind, by_spacing in with_total(scores, alarms).items():
        hours = f"{next(iter(by_spacing.values())).hours:.2f}"
        rates = (f"{of.alarms}: {_per_hour(of)}" for of in by_spacing.values())
        if kind == ALL_SPEECH:
            table.add_section()
        table.add_row(kind, hours, *rates, _fraction(fired.get(kind)))
    return table


def _percent(share: Share) -> str:
    if not share.recordings:
        return ""
    low, high = share.interval
    return f"{100 * share.rate:.1f} ({100 * low:.1f}-{100 * high:.1f})"


def _per_hour(alarms: FalseAlarms) -> str:
    if not alarms.hours:
        return ""
    low, high = alarms.interval
    return f"{alarms.rate:.2f} ({low:.2f}-{high:.2f})"


def _fraction(share: Share | None) -> str:
    return f"{share.count} of {share.recordings}" if share else ""


def _share(share: Share) -> dict[str, Any]:
    return {
        "count": share.count,
        "recordings": share.recordings,
        "rate": _number(share.rate),
        "interval": _numbers(share.interval),
    }


def _alarms(alarms: FalseAlarms) -> dict[str, Any]:
    return {
        "hours": round(alarms.hours, 3),
        "false_alarms": alarms.alarms,
        "per_hour": _number(alarms.rate),
        "interval": _numbers(alarms.interval),
    }


def _number(value: float) -> float | None:
    """Return a number for JSON, which has no NaN."""
    return None if np.isnan(value) else round(value, 4)


def _numbers(values: Interval) -> Iterable[float | None]:
    return [_number(value) for value in values]
