"""Run `kws evaluate`: measure a model on folders of recordings."""

from __future__ import annotations

import json as json_format
import logging
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kws.commands.evaluate_scores import score, score_conditions
from kws.commands.listen_options import SensitivityName, Thresholds
from kws.commands.options import (
    Arithmetic,
    ClusterAddress,
    Json,
    Model,
    NoGate,
    finite,
    require_extra,
)
from kws.errors import KwsError

if TYPE_CHECKING:
    from kws.evaluation.condition_scores import ConditionScores
    from kws.evaluation.scores import Scores
    from kws.evaluation.test_set import EvaluationSet
    from kws.model_file import ModelFile

_log = logging.getLogger(__name__)


Positives = Annotated[
    Path, typer.Option(metavar="DIR", help="Folder with a folder of recordings per keyword.")
]
Negatives = Annotated[
    Path, typer.Option(metavar="DIR", help="Recordings without the keywords, hours of them.")
]
Noise = Annotated[
    Path | None,
    typer.Option(metavar="DIR", help="Noise to mix into recordings, all of them with --snr."),
]
Snr = Annotated[
    float | None,
    typer.Option(
        metavar="DB", help="Signal-to-noise ratio of the mix.", min=-50, max=100, callback=finite
    ),
]
Report = Annotated[
    Path | None,
    typer.Option(
        metavar="DIR", help="Write report.html, with curves and clips, report.json and det.svg."
    ),
]
Conditions = Annotated[
    bool,
    typer.Option(
        "--conditions",
        help="Measure other speech, rooms, telephone and tempo as well, and each folder of the"
        " negatives by itself.",
    ),
]


def evaluate(
    model: Model,
    positives: Positives,
    negatives: Negatives,
    noise: Noise = None,
    snr: Snr = None,
    report: Report = None,
    conditions: Conditions = False,
    sensitivity: SensitivityName = None,
    threshold: Thresholds = None,
    arithmetic: Arithmetic = None,
    no_gate: NoGate = False,
    cluster: ClusterAddress = None,
    json: Json = False,
) -> None:
    """Measure a model's miss rates and false alarms on recordings.

    Each file of a keyword's folder is one chance to detect it, the negatives
    are one long stream. The folder of "smart mirror" is smart_mirror.

    --conditions mixes the keywords with other speech, from the negatives, and
    with the noise; it moves them into simulated rooms and to the telephone.
    --cluster scores the recordings on its workers, with equal results;
    conditions and report are made here. Needs the extra named evaluate.
    """
    if (noise is None) != (snr is None) and not (conditions and snr is None):
        raise typer.BadParameter("--noise and --snr belong together, but for --conditions")
    require_extra("kws evaluate", "evaluate", "SciPy", "soxr")
    if report is not None:
        require_extra("kws evaluate --report", "report", "matplotlib")
    if cluster is not None:
        require_extra("kws evaluate --cluster", "cluster", "distributed")
        # Its workers run in other folders.
        positives, negatives, noise = positives.absolute(), negatives.absolute(), _absolute(noise)
    from kws.model_file import ModelFile
    from kws.sensitivity import parse_thresholds

    model_file = ModelFile.load(model).with_arithmetic(arithmetic)
    model_file = model_file.with_sensitivity(sensitivity, parse_thresholds(threshold or []))
    model_file = model_file.without_gate() if no_gate else model_file
    _evaluate(model_file, positives, negatives, noise, snr, conditions, report, cluster, json)


def _absolute(path: Path | None) -> Path | None:
    return None if path is None else path.absolute()


def _evaluate(
    model: ModelFile,
    positives: Path,
    negatives: Path,
    noise: Path | None,
    snr: float | None,
    conditions: bool,
    report: Path | None,
    cluster: str | None,
    json: bool,
) -> None:
    """Score the recordings and print the result; KwsError where nothing is left to measure on."""
    from kws.data.audio_files import audio_files
    from kws.data.copies import distinct_files
    from kws.evaluation.test_set import EvaluationSet, find_positives, read_joined

    noise_files = audio_files(noise) if noise else []
    sounds = read_joined(noise_files) if noise else None
    test_set = EvaluationSet(
        find_positives(positives, model.config.keywords),
        distinct_files(audio_files(negatives)),
        None if snr is None else sounds,
        snr or 0.0,
    )
    if report:
        from kws.evaluation.report import prepare_report_folder  # loads matplotlib

        prepare_report_folder(report)
    scores = score(model, test_set, noise_files, cluster)
    if not sum(map(len, scores.positives.values())):
        raise KwsError(f"{positives}: none of the recordings can be read")
    if not scores.hours:
        raise KwsError(f"{negatives}: none of the recordings can be read")
    changed = score_conditions(model, test_set, negatives, sounds) if conditions else None
    _print_result(model, test_set, scores, changed, report, json)


def _print_result(
    model: ModelFile,
    test_set: EvaluationSet,
    scores: Scores,
    in_conditions: ConditionScores | None,
    report: Path | None,
    json: bool,
) -> None:
    """Print miss rates and false alarms as tables or as JSON, and write the report if any."""
    from rich.console import Console

    from kws.evaluation.condition_report import condition_report
    from kws.evaluation.evaluate import evaluate, tested_as
    from kws.foreign_text import printable

    result = evaluate(scores, model.config)
    changed = condition_report(in_conditions, model.config) if in_conditions else None
    snr = None if test_set.noise is None else test_set.snr
    condition = tested_as(model.name, snr, model.config)
    if report:
        from kws.evaluation.report import write_report

        for path in write_report(report, model, condition, test_set, scores, result, changed):
            _log.info("wrote %s", path)
    if json:
        values = {**condition, **result.to_dict(), **(changed.values if changed else {})}
        print(json_format.dumps(values, indent=2))
    else:
        title = printable(model.name) + ("" if snr is None else f", noise at {snr:g} dB")
        title += f", gate {'on' if condition['gate'] else 'off'}"
        title += ", front end in fixed point" if condition["arithmetic"] == "fixed" else ""
        Console().print(result.table(title), *(changed.tables if changed else ()))
