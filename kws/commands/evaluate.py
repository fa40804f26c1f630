"""Run `kws evaluate`: measure a model on folders of recordings."""

from __future__ import annotations

import json as json_format
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kws.commands.options import Json, Model, NoGate, require_extra
from kws.errors import KwsError

if TYPE_CHECKING:
    from kws.evaluation.block_stream import Block
    from kws.evaluation.scores import Scores
    from kws.evaluation.test_set import EvaluationSet
    from kws.model_file import ModelFile

_log = logging.getLogger(__name__)


def evaluate(
    model: Model,
    positives: Annotated[
        Path, typer.Option(metavar="DIR", help="Folder with a folder of recordings per keyword.")
    ],
    negatives: Annotated[
        Path, typer.Option(metavar="DIR", help="Recordings without the keywords, hours of them.")
    ],
    noise: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Noise to mix into all recordings.")
    ] = None,
    snr: Annotated[
        float | None,
        typer.Option(metavar="DB", help="Signal-to-noise ratio of the mix.", min=-50, max=100),
    ] = None,
    report: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="Write report.html, with curves and clips, and report.json."
        ),
    ] = None,
    no_gate: NoGate = False,
    json: Json = False,
) -> None:
    """Measure a model's miss rates and false alarms on recordings.

    Each file of a keyword's folder is one chance to detect it, the negatives
    are one long stream. The folder of "smart mirror" is smart_mirror.
    """
    if (noise is None) != (snr is None):
        raise typer.BadParameter("--noise and --snr belong together")
    if report is not None:
        require_extra("kws evaluate --report", "matplotlib", "report")
    from kws.model_file import ModelFile

    model_file = ModelFile.load(model)
    model_file = model_file.without_gate() if no_gate else model_file
    _evaluate(model_file, positives, negatives, noise, snr or 0.0, report, json)


def _evaluate(
    model: ModelFile,
    positives: Path,
    negatives: Path,
    noise: Path | None,
    snr: float,
    report: Path | None,
    json: bool,
) -> None:
    """Score the recordings and print the result; KwsError where nothing is left to measure on."""
    from kws.data.audio_files import audio_files
    from kws.data.copies import distinct_files
    from kws.evaluation.test_set import EvaluationSet, find_positives, read_joined

    test_set = EvaluationSet(
        find_positives(positives, model.config.keywords),
        distinct_files(audio_files(negatives)),
        read_joined(audio_files(noise)) if noise else None,
        snr,
    )
    if report:
        from kws.evaluation.report import prepare_report_folder  # loads matplotlib

        prepare_report_folder(report)
    scores = _score(model, test_set)
    if not sum(map(len, scores.positives.values())):
        raise KwsError(f"{positives}: none of the recordings can be read")
    if not scores.hours:
        raise KwsError(f"{negatives}: none of the recordings can be read")
    _print_result(model, test_set, scores, report, json)


def _print_result(
    model: ModelFile, test_set: EvaluationSet, scores: Scores, report: Path | None, json: bool
) -> None:
    """Print miss rates and false alarms as a table or as JSON, and write the report if any."""
    from rich.console import Console

    from kws.evaluation.evaluate import evaluate

    result = evaluate(scores, model.config)
    snr = None if test_set.noise is None else test_set.snr
    condition = {"model": model.name, "snr": snr, "gate": model.config.gate.on}
    if report:
        from kws.evaluation.report import write_report

        for path in write_report(report, model, condition, test_set, scores, result):
            _log.info("wrote %s", path)
    if json:
        print(json_format.dumps({**condition, **result.to_dict()}, indent=2))
    else:
        title = model.name + ("" if snr is None else f", noise at {snr:g} dB")
        title += f", gate {'on' if model.config.gate.on else 'off'}"
        Console().print(result.table(title))


def _score(model: ModelFile, test_set: EvaluationSet) -> Scores:
    """Score a test set, with a progress bar on a terminal."""
    from rich.console import Console
    from rich.progress import Progress

    from kws.evaluation.scores import Scorer, score_blocks

    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("evaluating", total=test_set.recording_count)

        def advance(blocks: Iterator[Block]) -> Iterator[Block]:
            for block in blocks:
                yield block
                progress.advance(task, 0 if block.start else 1)

        return score_blocks(
            Scorer(model),
            {
                keyword: advance(test_set.positive_blocks(keyword, warn=True))
                for keyword in test_set.positives
            },
            advance(test_set.negative_blocks(warn=True)),
        )
