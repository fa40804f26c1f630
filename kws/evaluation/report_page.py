"""The evaluation as one page of HTML that needs nothing else."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any

from kws.console.html_page import html_page
from kws.evaluation.det import DetCurves
from kws.evaluation.evaluate import FA_PER_HOUR_TARGETS, Evaluation
from kws.evaluation.figures import det_curve, latency_histogram, sound, spectrogram
from kws.evaluation.operating_points import OperatingPoint
from kws.evaluation.worst_cases import Example, Spoken


def page(
    condition: Mapping[str, Any],
    result: Evaluation,
    curves: DetCurves,
    found: Mapping[str, Spoken],
    alarms: Sequence[Example],
) -> str:
    """condition: what the model heard and how, as the JSON has it."""
    noise = "clean" if condition["snr"] is None else f"in noise at {condition['snr']:g} dB SNR"
    gate = "on" if condition["gate"] else "off"
    utterances = sum(rate.utterances for rate in result.at_threshold.values())
    sections = (
        _rates(result),
        _det(curves, result),
        _latencies(found),
        _examples(
            "Worst misses",
            "Recordings of a keyword in which the model was least sure of it.",
            [miss for one in found.values() for miss in one.misses],
        ),
        _examples(
            "Worst false alarms",
            "Speech without the keyword that the model was surest of, at its own thresholds.",
            alarms,
        ),
    )
    return html_page(
        f"{condition['model']}, {noise}",
        f"{utterances:,} recordings of keywords and {result.hours:.2f} h of speech without them,"
        f" {noise}, gate {gate}.",
        "\n".join(filter(None, sections)),
        "kws evaluate",
    )


def _rates(result: Evaluation) -> str:
    heads = ["keyword", "recordings", "threshold", "missed", "false alarms per hour"]
    heads += [f"missed at {alarms:g}/h (threshold)" for alarms in FA_PER_HOUR_TARGETS]
    rows = []
    for keyword, own in result.at_threshold.items():
        wanted = (result.at_target[keyword][alarms] for alarms in FA_PER_HOUR_TARGETS)
        cells = [keyword, str(own.utterances), f"{own.threshold:.3f}", _percent(own.miss_rate)]
        cells += [f"{own.false_alarms_per_hour:.2f} ({own.false_alarms})", *map(_at, wanted)]
        rows.append(cells)
    means = (_percent(result.mean_miss_rate(alarms)) for alarms in FA_PER_HOUR_TARGETS)
    rows.append(["mean", "", "", _percent(result.mean_miss_rate()), "", *means])
    note = "Threshold, missed and false alarms: the model's own. Then the thresholds that allow no"
    note += " more than so many false alarms of the keyword per hour of this speech."
    return _section("Miss rates", _table(heads, rows), note)


def _det(curves: DetCurves, result: Evaluation) -> str:
    note = f"Left of {1 / result.hours:.2g} per hour, one in all the speech, there was none."
    image = f'<img alt="miss rate against false alarms per hour" src="{det_curve(curves)}">'
    return _section("Detection error trade-off", image, note)


def _latencies(found: Mapping[str, Spoken]) -> str:
    heard = {keyword: one for keyword, one in found.items() if len(one.latencies)}
    if not heard:
        return ""
    rows = []
    for keyword, one in heard.items():
        cells = (f"{1000 * seconds:.0f}" for seconds in one.latency_summary().values())
        rows.append([keyword, str(len(one.latencies)), *cells])
    heads = ["keyword", "detections", "median, ms", "90 % within, ms", "latest, ms"]
    histogram = latency_histogram({keyword: one.latencies for keyword, one in heard.items()})
    note = "From the end of the word, the stretch with the most energy in the clean recording, to"
    note += " the end of the sound that the detection rests on. Below 0 it was not over yet."
    image = f'<img alt="detections by latency" src="{histogram}">'
    return _section("Latency", _table(heads, rows) + image, note)


def _examples(title: str, note: str, examples: Sequence[Example]) -> str:
    if not examples:
        return _section(title, "<p>None.</p>", "")
    return _section(title, "\n".join(map(_figure, examples)), note)


def _figure(example: Example) -> str:
    place = f", from {example.seconds:.1f} s" if example.seconds else ""
    caption = f"<b>{escape(example.keyword)}</b>, confidence {example.confidence:.3f}<br>"
    caption += escape(f"{example.path.name}{place}")
    return (
        f'<figure><img alt="spectrogram" src="{spectrogram(example.samples)}">'
        f'<audio controls preload="none" src="{sound(example.samples)}"></audio>'
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


def _at(rate: OperatingPoint) -> str:
    return f"{_percent(rate.miss_rate)} ({rate.threshold:.3f})" if rate.utterances else ""


def _percent(value: float) -> str:
    return f"{value:.1%}" if value == value else ""  # NaN where there is nothing to miss
