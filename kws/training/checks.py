"""What would spoil a training of hours is told before it begins."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from kws.config import Smoothing
from kws.data.clips import PARTS, Clip
from kws.data.dataset import Dataset
from kws.errors import KwsError
from kws.recording import Recording
from kws.training.fold import Fold
from kws.training.recipe import Recipe

FEWEST = 8  # recordings of a keyword: one for each part of the split


def check_folder(output: Path) -> None:
    """KwsError where a file cannot be written."""
    if not os.access(output.parent, os.W_OK):
        raise KwsError(f"{output.parent}: no folder that can be written to")
    if output.is_dir():
        raise KwsError(f"{output}: a folder, not a model file")


def check_dataset(dataset: Dataset, folds: Sequence[Fold], folder: Path) -> None:
    """KwsError where recordings are too few, of too few speakers or sessions, or unreadable."""
    if not 2 <= len(folds) <= PARTS:
        raise KwsError(f"{len(folds)} folds are not 2 to {PARTS}")
    for keyword, clips in dataset.positives.items():
        if len(clips) < FEWEST:
            raise KwsError(
                f"{folder}: {len(clips)} recordings of {keyword!r}; at least {FEWEST} are needed"
            )
    if not dataset.negatives:
        raise KwsError(f"{folder}: no speech without the keywords")
    for fold in folds:
        kept = fold.training_set(dataset)
        needed = {**kept.positives, "speech without the keywords": kept.negatives}
        for what, clips in needed.items():
            if not clips:
                raise KwsError(
                    f"{folder}: all recordings of {what} are of one speaker or session, or of too"
                    f" few to hold some out in {len(folds)} folds"
                )
    for clip in _all(dataset):
        with Recording(clip.path):
            pass


def check_work(work: Path, dataset: Dataset, recipe: Recipe, folds: int) -> None:
    """Make the work folder; KwsError where it holds trainings of something else."""
    files = [(*clip.path.parts[-2:], clip.part, _state(clip.path)) for clip in _all(dataset)]
    # What follows the training may differ.
    trained = replace(recipe, smoothing=Smoothing(), alarms_per_hour=0)
    inputs = repr((files, dataset.synthesis, trained, folds))
    fingerprint = hashlib.sha256(inputs.encode()).hexdigest()
    stamp = work / "inputs.sha256"
    try:
        work.mkdir(parents=True, exist_ok=True)
        if stamp.exists() and stamp.read_text() != fingerprint:
            raise KwsError(
                f"{work}: made from other recordings or settings; remove it, or choose another"
                " folder with --work"
            )
        stamp.write_text(fingerprint)
    except OSError as error:
        raise KwsError(f"{work}: {error.strerror}") from error


def _state(path: Path) -> tuple[int, int]:
    return path.stat().st_size, path.stat().st_mtime_ns


def _all(dataset: Dataset) -> list[Clip]:
    positives = [clip for clips in dataset.positives.values() for clip in clips]
    return [*positives, *dataset.negatives, *dataset.noise, *dataset.rooms]
