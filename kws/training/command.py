"""`kws train`: cross-validate, calibrate, train on everything, write one model file."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

from rich.console import Console

from kws.data import dataset as datasets
from kws.data.dataset import Dataset
from kws.errors import KwsError
from kws.evaluation.evaluate import Evaluation
from kws.training.calibration import calibrated
from kws.training.cross_validation import CLEAN, cross_validate, judged, together
from kws.training.recipe import Recipe

FEWEST = 8  # recordings of a keyword: one for each part of the split


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
    from kws.training.convert import embed

    dataset = (
        datasets.from_recipe(recipe_file, folder) if recipe_file else datasets.from_folder(folder)
    )
    _check(dataset, folder)
    if not output.parent.is_dir():
        raise KwsError(f"{output}: there is no folder {output.parent}")
    recipe = recipe or Recipe()
    if steps is not None:
        recipe = replace(recipe, schedule=replace(recipe.schedule, steps=steps))
    console = Console()
    processes = max(1, min(folds + 1, os.cpu_count() or 1))
    heard = []
    for model, conditions in cross_validate(dataset, recipe, folds, work, processes):
        if conditions:
            heard.append(conditions)
            console.print(f"fold {len(heard)} of {folds} trained and tested")
        else:
            final = model
    config = calibrated(final.config, together(heard)[CLEAN], recipe.alarms_per_hour)
    results = judged(config, heard)
    for condition, evaluation in results.items():
        console.print(evaluation.table(f"cross-validation, {folds} folds, {condition}"))
    config = replace(config, card=card(dataset, folds, results))
    output.write_bytes(embed(final.content, config))
    console.print(f"wrote {output}, {output.stat().st_size} bytes")


def card(dataset: Dataset, folds: int, results: dict[str, Evaluation]) -> dict[str, Any]:
    """What the model file says of its making."""
    return {
        **dataset.card,
        "recordings": {keyword: len(clips) for keyword, clips in dataset.positives.items()},
        "negative_recordings": len(dataset.negatives),
        "measured": f"{folds}-fold cross-validation by session and speaker",
        "figures": {condition: result.to_dict() for condition, result in results.items()},
    }


def _check(dataset: Dataset, folder: Path) -> None:
    for keyword, clips in dataset.positives.items():
        if len(clips) < FEWEST:
            raise KwsError(
                f"{folder}: {len(clips)} recordings of {keyword!r}; at least {FEWEST} are needed"
            )
