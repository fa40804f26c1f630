"""Sum up what a training reached, for whom that holds, and what would help most."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from kws.atomic_write import write_atomically
from kws.calibration_card import SYNTHETIC, CalibrationCard, calibration_of
from kws.config import ModelConfig
from kws.console.plain_line import print_line
from kws.data.splits import MIN_SPEAKERS
from kws.errors import KwsError
from kws.evaluation.evaluate import Evaluation, missed_text
from kws.evaluation.intervals import wilson_interval
from kws.evaluation.operating_points import OperatingPoint
from kws.sensitivity import NORMAL
from kws.training.held_out_speech import HeldOutResult, is_synthetic
from kws.training.plan import Plan
from kws.training.results import Results

FEW_HOURS = 1.0  # of speech, below which more of it is worth having
MANY_PHRASES = 0.1  # share of phrases that sound like the keyword and wake the model up
FEW_RECORDINGS = 50  # of a keyword, below which more of them help
EXAMPLES = 5  # phrases that are named


@dataclass(frozen=True)
class Summary:
    """Hold what a training reached, as lines for people and as values for programs."""

    lines: list[str]
    values: dict[str, Any]

    def show(self, console: Console) -> None:
        """Print the lines."""
        print_line("\n".join(self.lines), console)

    def write(self, folder: Path) -> None:
        """Write report.json into a report's folder; KwsError where that fails."""
        path = folder / "report.json"
        try:
            write_atomically(path, json.dumps(self.values, indent=1, ensure_ascii=False) + "\n")
        except OSError as error:
            raise KwsError(f"{path}: {error.strerror or error}") from error


def summarise(
    plan: Plan, config: ModelConfig, results: Results, held_out: HeldOutResult | None
) -> Summary:
    """Return the summary of a training, for the model's thresholds."""
    card = calibration_of(config)
    lines = [*_miss_lines(plan, results.evaluations), *_alarm_lines(config, card)]
    lines += _phrase_lines(config, held_out)
    advice = list(_advice(plan, config, results, held_out)) if plan.tested else []
    if advice:
        lines += ["What would help most:", *(f"  {n}. {line}" for n, line in enumerate(advice, 1))]
    values = {
        "keywords": {keyword: _misses(results.evaluations, keyword) for keyword in config.keywords},
        "figures": {name: of.to_dict() for name, of in results.evaluations.items()},
        "calibration": config.card.get("calibration"),
        "confusable_phrases": _phrase_values(config, held_out),
        "advice": advice,
        "summary": lines,
    }
    return Summary(lines, values)


def _points(evaluations: Mapping[str, Evaluation], keyword: str) -> dict[str, OperatingPoint]:
    """Return what was measured of a keyword, by condition: on recordings, else on voices."""
    found = {name: of.at_threshold[keyword] for name, of in evaluations.items()}
    measured = {name: point for name, point in found.items() if point.utterances}
    recorded = {name: point for name, point in measured.items() if not is_synthetic(name)}
    return recorded or measured


def _misses(evaluations: Mapping[str, Evaluation], keyword: str) -> dict[str, Any]:
    """Return the misses of a keyword by condition, for JSON."""
    return {
        name: {
            "missed": point.misses,
            "utterances": point.utterances,
            "interval": [round(bound, 4) for bound in point.interval],
            "synthetic": is_synthetic(name),
        }
        for name, point in _points(evaluations, keyword).items()
    }


def _miss_lines(plan: Plan, evaluations: Mapping[str, Evaluation]) -> Iterator[str]:
    """Yield what is missed of each keyword, and whose voices that holds for."""
    for keyword, clips in plan.dataset.positives.items():
        points = _points(evaluations, keyword)
        if not points:
            yield f"{keyword!r}: not measured, there are too few recordings to test on"
            continue
        counts = ", ".join(
            f"{name} {missed_text(point)} of {point.utterances}" for name, point in points.items()
        )
        yield f"{keyword!r} missed: {counts} ({_whose(plan, keyword, points, len(clips))})"


def _whose(plan: Plan, keyword: str, points: dict[str, OperatingPoint], clips: int) -> str:
    """Return whose voices the figures of a keyword hold for."""
    if any(map(is_synthetic, points)):
        return "voices that training did not have, but of a synthesiser: people may fare worse"
    speakers = plan.dataset.speakers.get(keyword)
    if speakers is None:
        return "recordings that training did not have"
    if speakers < MIN_SPEAKERS:
        return "voices that training knows: for others it may be more"
    return f"{clips} recordings of {speakers} speakers or sessions, none of them in training"


def _alarm_lines(config: ModelConfig, card: CalibrationCard | None) -> Iterator[str]:
    """Yield how often the model wakes up by mistake, and by what that was measured."""
    if card is None:
        return
    point = card.points[NORMAL]
    low, high = point.interval
    yield (
        f"false alarms: {point.per_hour:.2g} per hour ({low:.2g} to {high:.2g}), asked for were"
        f" {point.target:g}; from {card.hours:.2f} h of {card.measured_on}"
    )


def _phrase_values(config: ModelConfig, held_out: HeldOutResult | None) -> dict[str, Any] | None:
    if held_out is None or not held_out.phrases:
        return None
    woken = held_out.woken_by(config)
    low, high = wilson_interval(len(woken), len(held_out.phrases))
    count = len(held_out.phrases)
    return {"count": count, "woken_by": woken, "interval": [round(low, 4), round(high, 4)]}


def _phrase_lines(config: ModelConfig, held_out: HeldOutResult | None) -> Iterator[str]:
    """Yield how many of the phrases that sound like a keyword wake the model up."""
    found = _phrase_values(config, held_out)
    if found is None:
        return
    woken = found["woken_by"]
    named = f": {', '.join(woken[:EXAMPLES])}" if woken else ""
    named += ", ..." if woken[EXAMPLES:] else ""
    yield (
        f"phrases that sound like it and that training did not have: {len(woken)} of"
        f" {found['count']} set it off{named}"
    )


def _advice(
    plan: Plan, config: ModelConfig, results: Results, held_out: HeldOutResult | None
) -> Iterator[str]:
    """Yield what would help, the most useful first."""
    card, speakers = calibration_of(config), plan.dataset.speakers
    for keyword, clips in plan.dataset.positives.items():
        if not any(clip.testable for clip in clips):
            yield (
                f"ten recordings of {keyword!r} by those who will say it: kws record"
                f' "{keyword}" --output DIR --speaker NAME'
            )
        elif speakers.get(keyword, MIN_SPEAKERS) < MIN_SPEAKERS:
            yield f"recordings of {keyword!r} by other voices; few takes of many people"
    found = _phrase_values(config, held_out)
    if found and found["interval"][0] > MANY_PHRASES:
        yield "a longer or rarer phrase: much that sounds like this one wakes the model up"
    if card is None or card.measured_on == SYNTHETIC or card.hours < FEW_HOURS:
        yield (
            "hours of other speech: kws data get librispeech-dev-clean --output DIR/_negative_;"
            " and the room's own sound, radio and television included: kws record _negative_"
            " --output DIR"
        )
    if not plan.dataset.noise:
        yield "a minute of the room without speech: kws record _noise_ --output DIR"
    for keyword, clips in plan.dataset.positives.items():
        recorded = sum(clip.testable for clip in clips)
        if 0 < recorded < FEW_RECORDINGS and speakers.get(keyword, 0) >= MIN_SPEAKERS:
            yield f"more recordings of {keyword!r} than {recorded}, by more people"
