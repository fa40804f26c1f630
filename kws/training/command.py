"""`kws train`: cross-validate, calibrate, train on everything, write one model file."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

from rich.console import Console

from kws.config import ModelConfig
from kws.data import dataset as datasets
from kws.data.dataset import Dataset
from kws.errors import KwsError
from kws.evaluation.evaluate import Evaluation
from kws.training.calibration import calibrated
from kws.training.checks import check_dataset, check_folder, check_work
from kws.training.cross_validation import CLEAN, SYNTHETIC, cross_validate, judged, together
from kws.training.fold import Fold
from kws.training.processes import processes, quietly
from kws.training.progress import shown
from kws.training.recipe import Recipe
from kws.training.synthetic import synthetic_speech


def run(
    folder: Path,
    output: Path,
    recipe_file: Path | None,
    folds: int,
    work: Path,
    steps: int | None = None,
    recipe: Recipe | None = None,
) -> None:
    """Make the model `output` of a dataset folder; `work` keeps what an interrupted run made.

    steps: of each training, where they are not to be the recipe's.
    """
    recipe = recipe or Recipe()
    if steps is not None:
        recipe = replace(recipe, schedule=replace(recipe.schedule, steps=steps))
    check_folder(output)
    dataset = (
        datasets.from_recipe(recipe_file, folder) if recipe_file else datasets.from_folder(folder)
    )
    all_folds = [Fold(index, folds, work) for index in range(folds + 1)]
    check_dataset(dataset, all_folds[:-1], folder)
    check_work(work, dataset, recipe, folds)
    console = Console()
    if dataset.synthesis != datasets.Synthesis():
        with console.status("synthesising speech"):
            synthetic_speech(dataset.synthesis, list(dataset.positives), work / SYNTHETIC)
    count = min(len(all_folds), os.cpu_count() or 1)
    with processes(count) as executor:
        with shown(all_folds, console) as look:
            *tested, (final, _) = cross_validate(dataset, recipe, all_folds, executor, look)
        heard = [conditions for _, conditions in tested]
        config = calibrated(final.config, together(heard)[CLEAN], recipe.alarms_per_hour)
        results = judged(config, heard)
        config = replace(config, card=card(dataset, folds, results))
        job = executor.submit(quietly, all_folds[-1].log, _embedded, (final.content, config))
        _write(output, job.result())
    for condition, evaluation in results.items():
        console.print(evaluation.table(f"cross-validation, {folds} folds, {condition}"))
    console.print(f"wrote {output}, {output.stat().st_size} bytes")


def _write(output: Path, content: bytes) -> None:
    try:
        output.write_bytes(content)
    except OSError as error:
        raise KwsError(f"{output}: {error.strerror or error}") from error


def card(dataset: Dataset, folds: int, results: dict[str, Evaluation]) -> dict[str, Any]:
    """What the model file says of its making."""
    return {
        **dataset.card,
        "recordings": {keyword: len(clips) for keyword, clips in dataset.positives.items()},
        "negative_recordings": len(dataset.negatives),
        "measured": f"{folds}-fold cross-validation by session and speaker",
        "figures": {condition: result.to_dict() for condition, result in results.items()},
    }


def _embedded(job: tuple[bytes, ModelConfig]) -> bytes:
    from kws.training.convert import embed

    return embed(*job)
