"""Define the options of `kws train`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from kws.commands.options import finite

DatasetFolder = Annotated[
    Path,
    typer.Argument(metavar="DATASET_DIR", help="<keyword>/, _negative_/ and, better, _noise_/."),
]
RecipeFile = Annotated[
    Path | None,
    typer.Option(metavar="FILE.toml", help="Folders within DATASET_DIR, hyperparameters, or both."),
]
Keywords = Annotated[
    str, typer.Option(metavar="A,B,C", help="Words to detect; the others are negatives.")
]
Init = Annotated[
    str | None,
    typer.Option(
        metavar="NAME|PATH|none",
        help="Model whose weights training starts from.",
        show_default="home; with a recipe that names folders and for Speech Commands, none",
    ),
]
Folds = Annotated[
    int | None,
    typer.Option(
        min=1,
        max=8,
        help="Number of models that are tested, besides the one that is kept; several of them"
        " together on every recording, a single one on a quarter.",
        show_default="none: the one that is kept is tested; from random weights, 4",
    ),
]
Epochs = Annotated[
    int | None,
    typer.Option(
        min=1, max=1000, help="Length of each training, at most.", show_default="the recipe's"
    ),
]
Alarms = Annotated[
    float | None,
    typer.Option(
        "--alarms-per-hour",
        min=0,
        max=100,
        callback=finite,
        help="False alarms of all keywords together that thresholds are set for.",
        show_default="the recipe's; 0.2",
    ),
]
HeldOut = Annotated[
    int | None,
    typer.Option(
        min=1,
        max=4,
        help="Quarter of the speakers that the model is tested on and not trained on, instead"
        " of testing others.",
        show_default="the recipe's; the one that fits the recordings",
    ),
]
Report = Annotated[
    Path | None,
    typer.Option(
        metavar="DIR",
        help="Write the loss curves, a report of each tested model, and what was"
        " synthesised, to hear.",
    ),
]
Added = Annotated[
    Path | None,
    typer.Option(
        metavar="DIR",
        help="Clips of kws listen --keep, moved into folders, to train on from --init with.",
    ),
]
Embedding = Annotated[
    Path | None,
    typer.Option(metavar="DIR", help="Folder of Google's speech embedding, for distillation."),
]
