"""Check before a training begins what would spoil it: output, recordings, work folder."""

from __future__ import annotations

import hashlib
import os
from dataclasses import replace
from pathlib import Path

from kws.atomic_write import write_atomically
from kws.audio.audio_file import AudioFile
from kws.data.clips import Clip
from kws.data.dataset import Dataset
from kws.errors import KwsError
from kws.training.plan import Plan
from kws.tts.kokoro import kokoro_files

# Goes into the stamp; to be raised whenever a work folder of before cannot be continued.
VERSION = 2


def check_output(output: Path, report: Path | None = None) -> None:
    """Raise KwsError where the model file or a report folder cannot be written."""
    if not os.access(output.parent, os.W_OK):
        raise KwsError(f"{output.parent}: not a folder that can be written to")
    if output.is_dir():
        raise KwsError(f"{output}: a folder, not a model file")
    if report:
        from kws.evaluation.report import prepare_report_folder  # loads matplotlib

        prepare_report_folder(report)


def check_dataset(dataset: Dataset) -> None:
    """Raise KwsError for a recording that cannot be opened."""
    for clip in _clips(dataset):
        with AudioFile(clip.path):
            pass


def make_work_folder(work: Path) -> None:
    """Make the work folder; raise KwsError where that fails."""
    try:
        work.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise KwsError(f"{work}: {error.strerror}") from error


def check_work(work: Path, plan: Plan) -> None:
    """Make the work folder; raise KwsError where it holds trainings of something else.

    A stamp in it is a hash of recordings, synthesis, recipe and number of folds.
    """
    dataset, recipe = plan.dataset, plan.recipe
    files = [
        (*clip.path.parts[-2:], clip.partition, clip.testable, _state(clip.path))
        for clip in _clips(dataset)
    ]
    # What follows the training may differ.
    posterior = replace(recipe.posterior, false_alarms_per_hour=0.0)
    committee = replace(recipe.committee, bound=1.0)
    trained = replace(recipe, posterior=posterior, committee=committee)
    kokoro = dataset.synthesis.kokoro
    voices = [_state(path) for path in kokoro_files(kokoro)] if kokoro else []
    synthesis = replace(dataset.synthesis, kokoro=None)  # wherever its folder is
    inputs = repr((VERSION, files, synthesis, voices, trained, plan.kept.folds))
    fingerprint = hashlib.sha256(inputs.encode()).hexdigest()
    stamp = work / "inputs.sha256"
    make_work_folder(work)
    try:
        if stamp.exists() and stamp.read_text() != fingerprint:
            raise KwsError(
                f"{work}: made from other recordings or settings, or by another version of kws;"
                " remove it, or choose another folder with --work"
            )
        if not stamp.exists():
            write_atomically(stamp, fingerprint)
    except OSError as error:
        raise KwsError(f"{work}: {error.strerror}") from error


def _state(path: Path) -> tuple[int, int]:
    return path.stat().st_size, path.stat().st_mtime_ns


def _clips(dataset: Dataset) -> list[Clip]:
    positives = [clip for clips in dataset.positives.values() for clip in clips]
    return [*positives, *dataset.negatives, *dataset.noise, *dataset.impulse_responses]
