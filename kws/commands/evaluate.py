"""`kws evaluate`: how well a model does on recordings."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from kws.commands.options import Json, Model, NoGate, require_extra


def evaluate(
    model: Model,
    positives: Annotated[
        Path, typer.Option(metavar="DIR", help="A folder of recordings for each keyword.")
    ],
    negatives: Annotated[
        Path, typer.Option(metavar="DIR", help="Recordings without the keywords, hours of them.")
    ],
    noise: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Noise, mixed into all of it.")
    ] = None,
    snr: Annotated[
        float | None,
        typer.Option(
            metavar="DB", help="How far the noise lies below a recording.", min=-50, max=100
        ),
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
    from kws.evaluation.command import run
    from kws.model_file import ModelFile

    model_file = ModelFile.load(model)
    model_file = model_file.without_gate() if no_gate else model_file
    run(model_file, positives, negatives, noise, snr or 0.0, json, report)
