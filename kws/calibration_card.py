"""Say what a model's operating points stand for, what they were measured on, and how sure that is.

They are the table `calibration` of a model's card. `kws.sensitivity` needs none of it: operating
points are read as they were before there was this table.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from typing import Any

from kws.config import ModelConfig
from kws.errors import KwsError
from kws.foreign_text import bounded
from kws.sensitivity import NORMAL

CARD_KEY = "calibration"
MAX_TARGET = 100.0  # false alarms per hour that thresholds are set for at most
HELD_OUT = "speech that the model was not trained on"
# Hours of recorded speech that raise as many false alarms as one of synthetic sentences and short
# texts, by models that were trained on synthetic speech: docs/experiments/custom_words.md.
RECORDED_HOURS = 3.0
SYNTHETIC = (
    "synthetic speech by voices that training did not have, an hour of which counts as"
    f" {RECORDED_HOURS:g}; little or nothing was recorded"
)
FOLDS = "folds: other models of the same recipe, each on what it was not trained on"


@dataclass(frozen=True)
class RateOfKind:
    """Hold the false alarms of the whole model in one kind of speech."""

    hours: float
    false_alarms: int  # counted
    per_hour: float  # of the fitted tail


@dataclass(frozen=True)
class MissRate:
    """Hold the misses of all keywords in one condition, with the Wilson interval of 95 %."""

    missed: int
    utterances: int
    interval: tuple[float, float]


@dataclass(frozen=True)
class MeasuredPoint:
    """Hold what was measured at an operating point."""

    target: float  # false alarms per hour of the whole model that the thresholds were set for
    per_hour: float  # estimated at these thresholds; less than the target where they are clamped
    interval: tuple[float, float]  # of per_hour
    extrapolated: bool  # whether the hours are too few to count so few false alarms
    false_alarms: int  # counted at these thresholds; those of a committee had it always been awake
    kinds: dict[str, RateOfKind]
    spacings: dict[str, RateOfKind]  # of the same speech, each recording alone in silence
    misses: dict[str, MissRate]  # by condition

    def hardest_kind(self) -> str | None:
        """Return the kind of speech with the most false alarms per hour, None without kinds."""
        return max(self.kinds, key=lambda kind: self.kinds[kind].per_hour, default=None)


@dataclass(frozen=True)
class CalibrationCard:
    """Hold what the operating points of a model were measured on."""

    measured_on: str
    hours: float
    confidence: float  # of the intervals of false alarms
    points: dict[str, MeasuredPoint]


def store_calibration(config: ModelConfig, card: CalibrationCard) -> ModelConfig:
    """Return the settings with a calibration on the card."""
    return replace(config, card={**config.card, CARD_KEY: bounded(asdict(card))})


def calibration_of(config: ModelConfig) -> CalibrationCard | None:
    """Return the calibration on a model's card, None where there is none.

    Raises:
        KwsError: it is not what store_calibration() writes.
    """
    if CARD_KEY not in config.card:
        return None
    try:
        table: dict[str, Any] = config.card[CARD_KEY]
        points = {name: _point(values) for name, values in table["points"].items()}
        return CalibrationCard(
            str(table["measured_on"]), float(table["hours"]), float(table["confidence"]), points
        )
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise KwsError(f"model settings: {CARD_KEY} is not what kws train writes") from error


def target_of(config: ModelConfig) -> float | None:
    """Return the false alarms per hour that a model's own thresholds were set for, if it says.

    Raises KwsError where its calibration is not what store_calibration() writes.
    """
    card = calibration_of(config)
    normal = card.points.get(NORMAL) if card else None
    return normal.target if normal and 0 < normal.target <= MAX_TARGET else None


def calibration_lines(config: ModelConfig) -> Iterator[str]:
    """Yield what the calibration of a model says, as lines for people; none without one.

    Raises KwsError as calibration_of() does.
    """
    card = calibration_of(config)
    if card is None:
        return
    at_most = "at most " if config.committee else ""  # counted as if it were always awake
    yield f"measured on {card.hours:.2f} h of {card.measured_on}"
    for name, point in card.points.items():
        low, high = point.interval
        how = "extrapolated" if point.extrapolated else "counted"
        yield (
            f"{name}: {point.per_hour:.2g} false alarms per hour of all keywords together"
            f" ({card.confidence:.0%} interval {low:.2g} to {high:.2g}, {how};"
            f" {at_most}{point.false_alarms} in {card.hours:.2f} h)"
        )
        hardest = point.hardest_kind()
        if hardest is not None and len(point.kinds) > 1:
            kind = point.kinds[hardest]
            rates = f"{kind.per_hour:.2g} per hour in {kind.hours:.2f} h"
            yield f"{name}, hardest kind: {hardest}, {rates}"
        for spacing, rate in point.spacings.items():
            yield f"{name}, each recording {spacing}: {rate.per_hour:.2g} per hour"
        for condition, found in point.misses.items():
            if found.utterances:
                least, most = found.interval
                yield (
                    f"{name}, {condition}: {found.missed} of {found.utterances} utterances missed,"
                    f" {found.missed / found.utterances:.1%} ({least:.1%} to {most:.1%})"
                )


def _point(values: dict[str, Any]) -> MeasuredPoint:
    """Return a measured point from the plain values of a card."""
    return MeasuredPoint(
        float(values["target"]),
        float(values["per_hour"]),
        _interval(values["interval"]),
        bool(values["extrapolated"]),
        int(values["false_alarms"]),
        _rates(values["kinds"]),
        _rates(values.get("spacings", {})),
        {
            condition: MissRate(int(v["missed"]), int(v["utterances"]), _interval(v["interval"]))
            for condition, v in values["misses"].items()
        },
    )


def _rates(values: dict[str, Any]) -> dict[str, RateOfKind]:
    return {
        name: RateOfKind(float(v["hours"]), int(v["false_alarms"]), float(v["per_hour"]))
        for name, v in values.items()
    }


def _interval(values: list[float]) -> tuple[float, float]:
    low, high = map(float, values)
    return low, high
