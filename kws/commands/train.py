"""Train a model: `kws train`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from kws.commands.options import require_extra


def train(
    dataset: Annotated[
        Path,
        typer.Argument(
            metavar="DATASET_DIR", help="<keyword>/, _negative_/ and, better, _noise_/."
        ),
    ],
    output: Annotated[Path, typer.Option(metavar="MODEL.tflite", help="Model to write.")],
    recipe: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.toml", help="Folders within DATASET_DIR, hyperparameters, or both."
        ),
    ] = None,
    keywords: Annotated[
        str, typer.Option(metavar="A,B,C", help="Words to detect; the others are negatives.")
    ] = "",
    init: Annotated[
        str | None,
        typer.Option(
            metavar="NAME|PATH|none",
            help="Model whose weights training starts from.",
            show_default="base; with a recipe that names folders and for Speech Commands, none",
        ),
    ] = None,
    folds: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=8,
            help="Number of models that are tested, besides the one that is kept; several of them"
            " together on every recording, a single one on a quarter.",
            show_default="2; from none, 4",
        ),
    ] = None,
    epochs: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=1000,
            help="Length of each training, at most.",
            show_default="the recipe's",
        ),
    ] = None,
    alarms: Annotated[
        float | None,
        typer.Option(
            "--alarms-per-hour",
            min=0,
            max=100,
            help="False alarms of all keywords together that thresholds are set for.",
            show_default="the recipe's; 0.2",
        ),
    ] = None,
    held_out: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=4,
            help="Quarter of the speakers that the model is tested on and not trained on, instead"
            " of testing others.",
            show_default="the recipe's; none",
        ),
    ] = None,
    report: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="Write the loss curves, and a report of each tested model."
        ),
    ] = None,
    work: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Folder that keeps what an interrupted run made.",
            show_default="MODEL.work",
        ),
    ] = None,
    kokoro: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Folder of Kokoro's network and voices, if you have it."),
    ] = None,
    embedding: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Folder of Google's speech embedding, for distillation."),
    ] = None,
) -> None:
    """Train a model on recordings of keywords, synthetic ones, or both.

    Training starts from the pretrained base model, so that few recordings
    suffice. Models that each leave out a share of the speakers are tested on
    it: that gives the figures, and the thresholds of the model that is written,
    which is trained on everything. With --held-out the model itself leaves out
    a quarter and is tested on it, and no other is trained. An interrupted run,
    started again, continues with the epoch it was at. Needs the extra named
    train.
    """
    require_extra("kws train", "train", "TensorFlow", "SciPy", "soxr")
    if report is not None:
        require_extra("kws train --report", "report", "matplotlib")
    if kokoro is not None:
        require_extra("kws train --kokoro", "synth", "onnxruntime")
    from kws.training.pipeline import run
    from kws.training.plan import plan

    work = work or output.with_suffix(".work")
    words = [word.strip() for word in keywords.split(",") if word.strip()]
    planned = plan(
        *(dataset, work, recipe, words, init, folds, epochs, alarms, kokoro, embedding, held_out)
    )
    run(planned, output, work, report)
