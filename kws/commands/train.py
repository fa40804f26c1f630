"""Train a model: `kws train`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from kws.commands.options import (
    ClusterAddress,
    Kokoro,
    Language,
    ModelToWrite,
    Work,
    require_training_extras,
)
from kws.commands.train_options import (
    Added,
    Alarms,
    DatasetFolder,
    Embedding,
    Epochs,
    Folds,
    HeldOut,
    Init,
    Keywords,
    RecipeFile,
    Report,
)
from kws.errors import KwsError

if TYPE_CHECKING:
    from kws.training.former import Former
    from kws.training.training_options import TrainingOptions


def train(
    dataset: DatasetFolder,
    output: ModelToWrite,
    recipe: RecipeFile = None,
    keywords: Keywords = "",
    init: Init = None,
    folds: Folds = None,
    epochs: Epochs = None,
    alarms: Alarms = None,
    held_out: HeldOut = None,
    report: Report = None,
    work: Work = None,
    kokoro: Kokoro = None,
    language: Language = None,
    cluster: ClusterAddress = None,
    add: Added = None,
    embedding: Embedding = None,
) -> None:
    """Train a model on recordings of keywords, synthetic ones, or both.

    Training starts from the networks of home, so that few recordings
    suffice. The model leaves out a quarter of the speakers at most and is
    tested on it: that gives the figures and the thresholds. With --folds other
    models that each leave out a share are tested, and the one that is written
    is trained on everything. An interrupted run, started again, continues with
    the epoch it was at. Needs the extra named train.

    --add takes clips that kws listen --keep kept and a person moved into the
    folder of the keyword that was said, or into _negative_. Training goes on
    from the model of --init, and both models are tested on the same speech.
    """
    require_training_extras("kws train", report, kokoro, cluster)
    from kws.training.training_options import TrainingOptions

    words = [word.strip() for word in keywords.split(",") if word.strip()]
    if keywords and not words:
        raise KwsError(f"--keywords {keywords!r}: no keyword in it")
    options = TrainingOptions(
        keywords=words,
        initial=init,
        folds=folds,
        epochs=epochs,
        alarms_per_hour=alarms,
        kokoro=kokoro,
        embedding=embedding,
        held_out=held_out,
        language=language,
    )
    _train(dataset, output, recipe, options, add, work, report, cluster)


def _train(
    dataset: Path,
    output: Path,
    recipe: Path | None,
    options: TrainingOptions,
    added: Path | None,
    work: Path | None,
    report: Path | None,
    cluster: str | None,
) -> None:
    """Plan a training, one that goes on with added clips if there are any, and run it."""
    from kws.parallel import Cluster
    from kws.training.pipeline import run
    from kws.training.work_folder import default_work

    workers = None if cluster is None else Cluster(cluster).reached()
    folder = work or default_work(output)
    if added is None:
        from kws.training.plan import plan

        planned = plan(dataset, folder, recipe, options)
    else:
        from kws.training.addition import plan_addition

        _check_output(output, options.initial)
        planned = plan_addition(dataset, added, folder, recipe, options)
        _check_former(planned.former, folder)
    run(replace(planned, cluster=workers), output, folder, report, tidy=work is None)


def _check_output(output: Path, init: str | None) -> None:
    """Raise KwsError where the new model would replace the one that it is compared with."""
    if init and Path(init).exists() and output.exists() and output.samefile(init):
        raise KwsError(f"{output}: --add compares both models; write the new one into another file")


def _check_former(former: Former | None, folder: Path) -> None:
    """Raise KwsError where the new training would remove the former one, which it goes on from."""
    if former and former.work and folder.exists() and folder.samefile(former.work):
        raise KwsError(
            f"{folder}: --add reads the training of {former.model.name} there; choose another"
            " --work"
        )
