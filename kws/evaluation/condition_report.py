"""Report what a whole model misses by condition and its false alarms by kind: JSON and tables."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from rich.table import Table

from kws.config import ModelConfig
from kws.console.plain_line import plain_cells, plain_title
from kws.evaluation.condition_scores import (
    ALONE_SECONDS,
    RUNNING_SECONDS,
    SPACINGS,
    TRIGGER_SECONDS,
    ConditionScores,
)
from kws.evaluation.intervals import Interval
from kws.evaluation.whole_model import (
    FalseAlarms,
    Share,
    false_alarms,
    misses,
    model_thresholds,
    recordings_that_fire,
    total,
)
from kws.types import Int

ALL_SPEECH = "all speech"
MISSED = "missed, %"
MISS_NOTE = (
    "Missed, %, all keywords together, with the 95 % interval (Wilson). A trigger counts from the"
    f" word's start to {TRIGGER_SECONDS:g} s after its end."
)
ALARM_HEADS = ("kind", "hours", *SPACINGS, "fire alone")
ALARM_NOTE = (
    "False alarms of all keywords together: count, and per hour of recordings with the 95 %"
    f" interval (Poisson); {RUNNING_SECONDS:g} s (running) or {ALONE_SECONDS:g} s (alone) of"
    " silence between recordings. Fire alone: recordings with a false alarm then."
)
Columns = dict[str, Int]  # thresholds [keywords], Q15, by heading


@dataclass(frozen=True)
class ConditionReport:
    """Hold the figures of a model at its thresholds: for JSON, a terminal and a page."""

    values: dict[str, Any]
    tables: tuple[Table, Table]
    miss_rows: list[list[str]]
    alarm_rows: list[list[str]]


def condition_report(scores: ConditionScores, config: ModelConfig) -> ConditionReport:
    """Return the figures of a model at its thresholds."""
    thresholds, refractory = model_thresholds(config), config.smoothing.refractory_steps
    columns = {MISSED: thresholds}
    return ConditionReport(
        condition_values(scores, thresholds, refractory),
        (
            miss_table(scores, columns, "by condition"),
            alarm_table(scores, thresholds, refractory, "by kind of speech"),
        ),
        list(miss_rows(scores, columns)),
        list(alarm_rows(scores, thresholds, refractory)),
    )


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


def miss_rows(scores: ConditionScores, columns: Columns) -> Iterator[list[str]]:
    """Yield the misses of each condition in per cent, for each set of thresholds."""
    found = [misses(scores, thresholds) for thresholds in columns.values()]
    for name in scores.positives:
        yield [name, *(_percent(of[name]) for of in found)]


def alarm_rows(scores: ConditionScores, thresholds: Int, refractory: int) -> Iterator[list[str]]:
    """Yield the false alarms of the whole model in each kind, as ALARM_HEADS says."""
    fired = recordings_that_fire(scores, thresholds)
    alarms = with_total(scores, false_alarms(scores, thresholds, refractory))
    for kind, by_spacing in alarms.items():
        hours = f"{next(iter(by_spacing.values())).hours:.2f}"
        rates = (f"{of.alarms}: {_per_hour(of)}" for of in by_spacing.values())
        yield [kind, hours, *rates, _fraction(fired.get(kind))]


def miss_table(scores: ConditionScores, columns: Columns, title: str) -> Table:
    """Return the misses by condition, a column for each set of thresholds."""
    return _table(title, MISS_NOTE, ["condition", *columns], miss_rows(scores, columns))


def alarm_table(scores: ConditionScores, thresholds: Int, refractory: int, title: str) -> Table:
    """Return the false alarms of the whole model by kind at thresholds."""
    return _table(title, ALARM_NOTE, ALARM_HEADS, alarm_rows(scores, thresholds, refractory))


def _table(title: str, note: str, heads: Sequence[str], rows: Iterable[list[str]]) -> Table:
    table = Table(title=plain_title(title), caption=note, caption_justify="left")
    for index, heading in enumerate(plain_cells(heads)):
        table.add_column(heading, justify="right" if index else "left")
    for row in rows:
        if row[0] == ALL_SPEECH:
            table.add_section()
        table.add_row(*plain_cells(row))
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
