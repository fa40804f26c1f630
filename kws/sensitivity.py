"""Choose the thresholds that a spotter runs with: a named operating point, or numbers.

The operating points of a model are a table of its card, which every reader of model files takes as
it is: {"operating_points": {"low": {"thresholds": [...], "false_alarms_per_hour": 0.1}, ...}}.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from numbers import Real
from typing import Any

from kws.config import ModelConfig
from kws.errors import KwsError
from kws.foreign_text import shortened
from kws.keyword_names import comparison_key

SENSITIVITIES = ("low", "normal", "high")  # from few false alarms to few misses
NORMAL = "normal"
CARD_KEY = "operating_points"
MAX_RATE = 3600.0  # false alarms per hour


@dataclass(frozen=True)
class Sensitivity:
    """Hold the thresholds of an operating point and what they stand for."""

    thresholds: tuple[float, ...]  # confidence in 0..1 per keyword
    false_alarms_per_hour: float  # of each keyword, at most, that the thresholds were set for


def operating_points(config: ModelConfig) -> dict[str, Sensitivity]:
    """Return the operating points that a model stores, by name; none for most models.

    Raises:
        KwsError: they are not what `store` writes.
    """
    table = config.card.get(CARD_KEY, {})
    if not isinstance(table, dict):
        raise KwsError(f"model settings: {CARD_KEY} is not a table")
    return {name: _operating_point(name, values, config) for name, values in table.items()}


def store(config: ModelConfig, points: Mapping[str, Sensitivity]) -> ModelConfig:
    """Return the settings with operating points."""
    table = {name: asdict(point) for name, point in points.items()}
    return replace(config, card={**config.card, CARD_KEY: table}) if table else config


def with_sensitivity(
    config: ModelConfig,
    sensitivity: str | None = None,
    thresholds: Mapping[str, float] | None = None,
) -> ModelConfig:
    """Return the settings with the thresholds of a named operating point and of single keywords.

    Args:
        config: settings of a model.
        sensitivity: "low", "normal" or "high"; None for the thresholds of the model, which is
            also what "normal" is where the model stores no operating points.
        thresholds: above 0 up to 1, by keyword, in place of those of the operating point.

    Raises:
        KwsError: the model has no such operating point or keyword, or a threshold is out of range.
    """
    chosen = list(_thresholds(config, sensitivity))
    for keyword, threshold in (thresholds or {}).items():
        if not (_is_number(threshold) and 0 < threshold <= 1):
            raise KwsError(
                f"threshold of {keyword!r}: {shortened(threshold)} is not above 0 up to 1"
            )
        chosen[_index(keyword, config.keywords)] = float(threshold)
    committee = config.committee
    if committee is not None:
        committee = replace(committee, least_thresholds=least_thresholds(config))
    return replace(config, thresholds=tuple(chosen), committee=committee)


def least_thresholds(config: ModelConfig) -> tuple[float, ...]:
    """Return the least threshold of each keyword that a model stores, whichever is in use."""
    if config.committee is not None and config.committee.least_thresholds:
        return config.committee.least_thresholds
    points = (point.thresholds for point in operating_points(config).values())
    return tuple(map(min, zip(config.thresholds, *points, strict=True)))


def threshold_at(config: ModelConfig, index: int, level: float) -> float:
    """Return the threshold of a keyword at a sensitivity from 0 (fewest false alarms) to 1.

    0.5 is its threshold in the settings. 0 and 1 are its thresholds at "low" and "high" where the
    model stores them, else the mean of 1 and its threshold, and half of its threshold. Between them
    the threshold is linear, so a higher sensitivity never has a higher threshold.

    Raises:
        KwsError: the level is not 0 to 1.
    """
    if not (_is_number(level) and 0 <= level <= 1):
        raise KwsError(f"sensitivity {shortened(level)} is not 0 to 1")
    low, normal, high = threshold_range(config, index)
    end = low if level < 0.5 else high
    return normal + (end - normal) * abs(2 * float(level) - 1)


def sensitivity_at(config: ModelConfig, index: int, threshold: float) -> float:
    """Return the sensitivity that threshold_at() turns into a threshold, or the nearest to it."""
    low, normal, high = threshold_range(config, index)
    end = low if threshold > normal else high
    if end == normal:
        return 0.5
    part = min(1.0, (threshold - normal) / (end - normal))
    return 0.5 - part / 2 if threshold > normal else 0.5 + part / 2


def threshold_range(config: ModelConfig, index: int) -> tuple[float, float, float]:
    """Return the thresholds of a keyword at the sensitivities 0, 0.5 and 1."""
    points, normal = operating_points(config), config.thresholds[index]
    low, high = (1 + normal) / 2, normal / 2
    if "low" in points:
        low = max(points["low"].thresholds[index], normal)
    if "high" in points:
        high = min(points["high"].thresholds[index], normal)
    return low, normal, high


def parse_thresholds(options: Iterable[str]) -> dict[str, float]:
    """Return thresholds by keyword from options of the form KEYWORD=NUMBER.

    Raises:
        KwsError: an option is of another form.
    """
    parsed = {}
    for option in options:
        keyword, _, number = option.rpartition("=")
        try:
            parsed[keyword.strip()] = float(number)
        except ValueError:
            parsed.pop(keyword.strip(), None)
            keyword = ""
        if not keyword.strip():
            raise KwsError(f"--threshold {option}: not KEYWORD=NUMBER, such as computer=0.9")
    return parsed


def _thresholds(config: ModelConfig, sensitivity: str | None) -> tuple[float, ...]:
    if sensitivity is None:
        return config.thresholds
    if sensitivity not in SENSITIVITIES:
        raise KwsError(f"sensitivity {sensitivity!r} is not one of: {', '.join(SENSITIVITIES)}")
    points = {NORMAL: Sensitivity(config.thresholds, 0.0), **operating_points(config)}
    if sensitivity not in points:
        raise KwsError(
            f"the model stores no sensitivity {sensitivity!r}; it has: {', '.join(points)}."
            " Set thresholds of keywords instead (--threshold); kws train stores sensitivities"
            " where there is enough speech without the keywords"
        )
    return points[sensitivity].thresholds


def _index(keyword: str, keywords: tuple[str, ...]) -> int:
    """Return the index of a keyword, whatever its case, underscores or normalisation form."""
    names = [comparison_key(name) for name in keywords]
    if comparison_key(keyword) not in names:
        raise KwsError(f"the model does not know {keyword!r}; it knows: {', '.join(keywords)}")
    return names.index(comparison_key(keyword))


def _operating_point(name: str, values: Any, config: ModelConfig) -> Sensitivity:
    """Return an operating point from the plain values of a model's card."""
    where = f"model settings: {CARD_KEY}: {str(name)[:20]!r}"
    if name not in SENSITIVITIES:
        raise KwsError(f"{where} is not one of: {', '.join(SENSITIVITIES)}")
    keys = {"thresholds", "false_alarms_per_hour"}
    if not isinstance(values, dict) or set(values) != keys:
        raise KwsError(f"{where} is not a table of thresholds and false_alarms_per_hour")
    thresholds, rate = values["thresholds"], values["false_alarms_per_hour"]
    if not isinstance(thresholds, (list, tuple)) or len(thresholds) != len(config.keywords):
        raise KwsError(f"{where}: thresholds are not one per keyword")
    if not all(_is_number(t) and 0 < t <= 1 for t in thresholds):
        raise KwsError(f"{where}: a threshold is not above 0 up to 1")
    if not _is_number(rate) or not 0 < rate <= MAX_RATE:
        raise KwsError(f"{where}: false_alarms_per_hour is not above 0 up to {MAX_RATE:g}")
    return Sensitivity(tuple(map(float, thresholds)), float(rate))


def _is_number(value: Any) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)
