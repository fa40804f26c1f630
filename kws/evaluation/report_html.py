"""Write the report of `kws evaluate --report` as one page of HTML that stands alone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any

from kws.console.html_page import html_page
from kws.evaluation.condition_report import (
    ALARM_HEADS,
    ALARM_NOTE,
    MISS_NOTE,
    MISSED,
    ConditionReport,
)
from kws.evaluation.det import DetCurves
from kws.evaluation.evaluate import FA_PER_HOUR_TARGETS, Evaluation, missed_text
from kws.evaluation.figures import audio_uri, det_uri, latency_uri, spectrogram_uri
from kws.evaluation.operating_points import OperatingPoint
from kws.evaluation.worst_cases import KeywordCases, WorstCase


def report_page(
    condition: Mapping[str, Any],
    result: Evaluation,
    curves: DetCurves,
    cases: Mapping[str, KeywordCases],
    false_alarms: Sequence[WorstCase],
    in_conditions: ConditionReport | None = None,
) -> str:
    """Return the report as one page of HTML with all figures and sounds in it."""
    noise = "clean" if condition["snr"] is None else f"in noise at {condition['snr']:g} dB SNR"
    gate = "on" if condition["gate"] else "off"
    fixed = ", front end in fixed point" if condition["arithmetic"] == "fixed" else ""
    utterances = sum(point.utterances for point in result.at_threshold.values())
    sections = (
        _miss_rates(result),
        *(_conditions(in_conditions) if in_conditions else ()),
        _det(curves, result),
        _latencies(cases),
        *_all_worst_cases(cases, false_alarms),
    )
    return html_page(
        f"{condition['model']}, {noise}",
        f"{utterances:,} recordings of keywords and {result.duration} of speech without them,"
        f" {noise}, gate {gate}{fixed}.",
        "\n".join(filter(None, sections)),
        "kws evaluate",
    )


def _miss_rates(result: Evaluation) -> str:
    """Return the section of the miss rates."""
    heads = ["keyword", "recordings", "threshold", "missed", "false alarms per hour"]
    heads += [f"missed at {target:g}/h (threshold)" for target in FA_PER_HOUR_TARGETS]
    rows = []
    for keyword, point in result.at_threshold.items():
        at_targets = (result.at_target[keyword][target] for target in FA_PER_HOUR_TARGETS)
        row = [keyword, str(point.utterances), f"{point.threshold:.3f}", missed_text(point)]
        row += [f"{point.false_alarms_per_hour:.2f} ({point.false_alarms})"]
        rows.append([*row, *map(_miss_rate_at, at_targets)])
    means = (_percent(result.mean_miss_rate(target)) for target in FA_PER_HOUR_TARGETS)
    rows.append(["mean", "", "", _percent(result.mean_miss_rate()), "", *means])
    note = "Threshold, missed and false alarms: at the model's thresholds. Then at the thresholds"
    note += " that allow no more than so many false alarms of the keyword per hour of this speech."
    return _section("Miss rates", _table(heads, rows), f"{note} {result.blank_note()}".rstrip())


def _conditions(found: ConditionReport) -> tuple[str, str]:
    """Return the sections of the misses by condition and of the false alarms by kind."""
    return (
        _section("By condition", _table(("condition", MISSED), found.miss_rows), MISS_NOTE),
        _section("By kind of speech", _table(ALARM_HEADS, found.alarm_rows), ALARM_NOTE),
    )


def _det(curves: DetCurves, result: Evaluation) -> str:
    """Return the section of the DET curves."""
    note = f"The curves begin at {1 / result.hours:.2g} per hour, one in all the speech."
    image = f'<img alt="miss rate against false alarms per hour" src="{det_uri(curves)}">'
    return _section("Detection error trade-off", image, note)


def _latencies(cases: Mapping[str, KeywordCases]) -> str:
    """Return the section of the latencies, or nothing where no keyword was detected."""
    detected = {k: of_keyword for k, of_keyword in cases.items() if len(of_keyword.latencies)}
    if not detected:
        return ""
    rows = []
    for keyword, of_keyword in detected.items():
        milliseconds = (f"{1000 * s:.0f}" for s in of_keyword.latency_summary().values())
        rows.append([keyword, str(len(of_keyword.latencies)), *milliseconds])
    heads = ["keyword", "detections", "median, ms", "90 % within, ms", "latest, ms"]
    histogram = latency_uri({k: of_keyword.latencies for k, of_keyword in detected.items()})
    note = "From the end of the word, the segment with the most energy in the clean recording, to"
    note += " the end of the audio that the detection rests on. Below 0 the word was not over yet."
    image = f'<img alt="detections by latency" src="{histogram}">'
    return _section("Latency", _table(heads, rows) + image, note)


def _all_worst_cases(
    cases: Mapping[str, KeywordCases], false_alarms: Sequence[WorstCase]
) -> tuple[str, str, str]:
    """Return the sections of the worst misses, the weakest detections and the false alarms."""
    return (
        _worst_cases(
            "Worst misses",
            "Recordings of a keyword with the lowest confidence in it.",
            [miss for of_keyword in cases.values() for miss in of_keyword.misses],
        ),
        _worst_cases(
            "Least confident detections",
            "Recordings of a keyword that were detected with the lowest confidence.",
            [found for of_keyword in cases.values() for found in of_keyword.faintest],
        ),
        _worst_cases(
            "Worst false alarms",
            "Speech without the keyword with the highest confidence in it, at the model's"
            " thresholds.",
            false_alarms,
        ),
    )


def _worst_cases(title: str, note: str, cases: Sequence[WorstCase]) -> str:
    """Return a section of worst cases."""
    if not cases:
        return _section(title, "<p>None.</p>", "")
    return _section(title, "\n".join(map(_figure, cases)), note)


def _figure(case: WorstCase) -> str:
    """Return the figure of a worst case: spectrogram, sound, caption."""
    start = f", from {case.start_seconds:.1f} s" if case.start_seconds else ""
    caption = f"<b>{escape(case.keyword)}</b>, confidence {case.confidence:.3f}<br>"
    caption += escape(f"{case.path.name}{start}")
    return (
        f'<figure><img alt="spectrogram" src="{spectrogram_uri(case.samples)}">'
        f'<audio controls preload="none" src="{audio_uri(case.samples)}"></audio>'
        f"<figcaption>{caption}</figcaption></figure>"
    )


def _section(title: str, content: str, note: str) -> str:
    return f"<h2>{escape(title)}</h2>\n{content}\n<p>{escape(note)}</p>"


def _table(heads: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    head = "".join(f"<th>{escape(cell)}</th>" for cell in heads)
    body = "\n".join(
        "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows
    )
    return f"<table>\n<tr>{head}</tr>\n{body}\n</table>"


def _miss_rate_at(point: OperatingPoint | None) -> str:
    if point is None or not point.utterances:
        return ""
    return f"{_percent(point.miss_rate)} ({point.threshold:.3f})"


def _percent(value: float) -> str:
    return f"{value:.1%}" if value == value else ""  # NaN where there is nothing to miss
