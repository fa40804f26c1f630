"""Set the thresholds of a finished model: `kws calibrate`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from kws.commands.options import Arithmetic, Model, ModelToWrite, finite, require_extra

FIRST_STAGE_BOUND, ALARMS_PER_HOUR = 0.3, 0.2

Negatives = Annotated[
    list[Path] | None,
    typer.Option(
        metavar="DIR",
        help="Recordings without the keywords that the model was not trained on; repeat it for"
        " each kind of them.",
    ),
]
Positives = Annotated[
    Path | None,
    typer.Option(metavar="DIR", help="Folder with a folder of recordings per keyword."),
]
RecipeFile = Annotated[
    Path | None,
    typer.Option(metavar="FILE.toml", help="Recipe that the model was trained by."),
]
DataFolder = Annotated[
    Path | None, typer.Option(metavar="DATASET_DIR", help="Folder of the recipe's data.")
]
HeldOut = Annotated[
    int | None,
    typer.Option(
        min=1, max=4, help="Quarter of the recipe's speakers that the model was not trained on."
    ),
]
Alarms = Annotated[
    float | None,
    typer.Option(
        "--alarms-per-hour",
        min=0.001,
        max=100,
        callback=finite,
        help="False alarms of all keywords together that thresholds are set for.",
        show_default="what they were set for before, or 0.2",
    ),
]
FirstStage = Annotated[
    str | None,
    typer.Option(
        metavar="MODEL",
        help="Small model of the same keywords that always runs, and wakes this one's networks.",
    ),
]
FirstStageBound = Annotated[
    float | None,
    typer.Option(
        min=0.01,
        max=1.0,
        callback=finite,
        help="Confidence of the first stage that wakes them.",
        show_default=str(FIRST_STAGE_BOUND),
    ),
]


def calibrate(
    model: Model,
    output: ModelToWrite,
    negatives: Negatives = None,
    positives: Positives = None,
    recipe: RecipeFile = None,
    data: DataFolder = None,
    held_out: HeldOut = None,
    alarms: Alarms = None,
    arithmetic: Arithmetic = None,
    first_stage: FirstStage = None,
    first_stage_bound: FirstStageBound = None,
) -> None:
    """Set a model's thresholds by speech that it was not trained on.

    Writes the model with its thresholds and sensitivities, and prints what they
    stand for and how sure that is. The speech is either in folders
    (--negatives), or the quarter of a recipe's data that the training left out
    (--recipe, --data and --held-out). With --arithmetic the written model has
    that front end wherever it runs. With --first-stage the model takes less of
    a small processor. Needs the extra named train.
    """
    _check_speech(negatives, positives, recipe, data, held_out)
    if first_stage_bound is not None and not first_stage:
        raise typer.BadParameter("--first-stage-bound belongs to --first-stage")
    require_extra("kws calibrate", "train", "TensorFlow", "SciPy", "soxr")
    from rich.console import Console

    from kws.calibration_card import target_of
    from kws.model_file import ModelFile
    from kws.training.recalibration import (
        Recalibration,
        held_out_of,
        new_recordings,
        with_first_stage,
    )

    model_file = ModelFile.load(model).with_arithmetic(arithmetic)
    if first_stage:
        same = model_file.config.front_end.arithmetic
        first = ModelFile.load(first_stage).with_arithmetic(same)
        model_file = with_first_stage(model_file, first, first_stage_bound or FIRST_STAGE_BOUND)
    if recipe and data and held_out:
        test = held_out_of(model_file, recipe, data, held_out)
    else:
        test = new_recordings(model_file, negatives or [], positives)
    target = alarms or target_of(model_file.config) or ALARMS_PER_HOUR
    Recalibration(model_file, test, target).run(output, Console())


def _check_speech(
    negatives: list[Path] | None,
    positives: Path | None,
    recipe: Path | None,
    data: Path | None,
    held_out: int | None,
) -> None:
    """Raise BadParameter where the options of speech do not go together."""
    if bool(negatives) == bool(recipe or data or held_out):
        raise typer.BadParameter("take --negatives, or --recipe with --data and --held-out")
    if not negatives and not (recipe and data and held_out):
        raise typer.BadParameter("--recipe, --data and --held-out belong together")
    if positives and not negatives:
        raise typer.BadParameter("--positives belongs to --negatives")
