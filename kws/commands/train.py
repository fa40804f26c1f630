"""Train a model: `kws train`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kws.commands.options import ClusterAddress, Kokoro, Language, Work, require_extra
from kws.errors import KwsError

if TYPE_CHECKING:
    from kws.training.former import Former


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
            metavar="DIR",
            help="Write the loss curves, a report of each tested model, and what was"
            " synthesised, to hear.",
        ),
    ] = None,
    work: Work = None,
    kokoro: Kokoro = None,
    language: Language = None,
    cluster: ClusterAddress = None,
    add: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Clips of kws listen --keep, moved into folders, to train on from --init with.",
        ),
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

    --add takes clips that kws listen --keep kept and a person moved into the
    folder of the keyword that was said, or into _negative_. Training goes on
    from the model of --init, and both models are tested on the same speech.
    """
    require_extra("kws train", "train", "TensorFlow", "SciPy", "soxr")
    if report is not None:
        require_extra("kws train --report", "report", "matplotlib")
    if kokoro is not None:
        require_extra("kws train --kokoro", "synth", "onnxruntime")
    if cluster is not None:
        require_extra("kws train --cluster", "cluster", "distributed")
    from kws.parallel import Cluster
    from kws.training.pipeline import run
    from kws.training.plan import plan
    from kws.training.work_folder import default_work

    workers = None if cluster is None else Cluster(cluster).reached()
    folder = work or default_work(output)
    if add is not None:
        others = (keywords, folds, held_out, embedding)
        _check_addition(init, output, any(option is not None and option != "" for option in others))
        from kws.training.addition import plan_addition

        options = (epochs, alarms, kokoro, language, recipe)
        planned = plan_addition(dataset, add, str(init), folder, *options)
        _check_former(planned.former, folder)
        run(replace(planned, cluster=workers), output, folder, report, tidy=work is None)
        return
    words = [word.strip() for word in keywords.split(",") if word.strip()]
    planned = plan(
        *(dataset, folder, recipe, words, init, folds, epochs, alarms, kokoro, embedding, held_out),
        language=language,
    )
    run(replace(planned, cluster=workers), output, folder, report, tidy=work is None)


def _check_addition(init: str | None, output: Path, has_others: bool) -> None:
    """Raise KwsError for options that --add cannot go with, and for those that it needs."""
    if init is None or init == "none":
        raise KwsError("--add needs --init: the model that training goes on from")
    if has_others:
        raise KwsError(
            "--add goes with --init, --recipe, --epochs, --alarms-per-hour, --kokoro, --language,"
            " --cluster, --work and --report alone: all else is as it was in the training of the"
            " model"
        )
    if Path(init).exists() and output.exists() and output.samefile(init):
        raise KwsError(f"{output}: --add compares both models; write the new one into another file")


def _check_former(former: Former | None, folder: Path) -> None:
    """Raise KwsError where the new training would remove the former one, which it goes on from."""
    if former and former.work and folder.exists() and folder.samefile(former.work):
        raise KwsError(
            f"{folder}: --add reads the training of {former.model.name} there; choose another"
            " --work"
        )
