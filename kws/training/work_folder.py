"""Check before a training begins what would spoil it: output, recordings, work folder."""

from __future__ import annotations

import hashlib
import logging
import os
import shutil
from dataclasses import fields, replace
from pathlib import Path

from kws.atomic_write import write_atomically
from kws.audio import tar_members
from kws.audio.audio_file import AudioFile
from kws.config import FrontEnd
from kws.data.clips import Clip
from kws.data.dataset import Dataset, Synthesis
from kws.errors import KwsError
from kws.training.plan import Plan
from kws.tts.kokoro import kokoro_files

# Goes into the stamp; to be raised whenever a work folder of before cannot be continued.
VERSION = 2
SYNTHESISED, HELD_OUT_VOICES = SPOKEN = ("synthetic", "held-out-voices")  # folders within
FRONT_END = "arithmetic", "kind"  # its settings that are in no repr
FINISHED, SYNTHESIS_STAMP = "finished", "synthesis.sha256"

_log = logging.getLogger(__name__)


def default_work(output: Path) -> Path:
    """Return the work folder of a model where no option names it; KwsError without a name."""
    if not output.name:
        raise KwsError(f"{output}: a folder, not a model file")
    return output.with_suffix(".work")


def check_output(output: Path, report: Path | None = None, work: Path | None = None) -> None:
    """Raise KwsError where the model file or a report folder cannot be written.

    Nor can they where the model has the path of a folder that the training makes.
    """
    for folder, option in ((work, "--work"), (report, "--report")):
        if folder and folder.resolve() == output.resolve():
            what = f"both the model and its {option[2:]} folder"
            raise KwsError(f"{output}: {what}; choose another --output or {option}")
    if not os.access(output.parent, os.W_OK):
        raise KwsError(f"{output.parent}: not a folder that can be written to")
    if output.is_dir():
        raise KwsError(f"{output}: a folder, not a model file")
    if output.is_file() and not _is_replaceable(output):
        raise KwsError(f"{output}: not a .tflite model, which the new one would replace")
    if report:
        from kws.evaluation.report import prepare_report_folder  # loads matplotlib

        prepare_report_folder(report)


def _is_replaceable(output: Path) -> bool:
    """Return whether a file is a model, or empty."""
    try:
        with output.open("rb") as file:
            start = file.read(8)
    except OSError as error:
        raise KwsError(f"{output}: {error.strerror}") from error
    return not start or start[4:] == b"TFL3"


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

    A stamp in it is a hash of recordings, synthesis, recipe and number of folds. What a finished
    training of something else left makes room, but for its synthetic speech, where that is of the
    same synthesis: a recording more does not synthesise all of it again.
    """
    fingerprint, said = _fingerprints(plan)
    stamp = work / "inputs.sha256"
    make_work_folder(work)
    try:
        if (work / FINISHED).exists() and stamp.exists() and stamp.read_text() != fingerprint:
            _make_room(work, said)
        if stamp.exists() and stamp.read_text() != fingerprint:
            raise KwsError(
                f"{work}: made from other recordings or settings, or by another version of kws;"
                " remove it, or choose another folder with --work"
            )
        if not stamp.exists():
            write_atomically(stamp, fingerprint)
            write_atomically(work / SYNTHESIS_STAMP, said)
    except OSError as error:
        raise KwsError(f"{work}: {error.strerror}") from error


def _fingerprints(plan: Plan) -> tuple[str, str]:
    """Return the hashes of all that a training depends on, and of its synthetic speech alone."""
    dataset, recipe = plan.dataset, plan.recipe
    files = [
        (*clip.path.parts[-2:], clip.partition, clip.testable, _file_state(clip.path))
        for clip in _clips(dataset)
    ]
    # What follows the training may differ.
    posterior = replace(recipe.posterior, false_alarms_per_hour=0.0)
    committee = replace(recipe.committee, bound=1.0)
    trained = replace(recipe, posterior=posterior, committee=committee)
    kokoro = dataset.synthesis.kokoro
    voices: list[object] = [_file_state(path) for path in kokoro_files(kokoro)] if kokoro else []
    synthesis = replace(dataset.synthesis, kokoro=None)  # wherever its folder is
    voices += _added(synthesis, "voices", "casual_per_keyword")
    others = [*_added(synthesis, "excluded_phrases"), *_added(recipe.front_end, *FRONT_END)]
    if (teacher := recipe.teacher).model:  # which stamps of before had not; wherever its file is
        others.append((_file_state(Path(teacher.model)), teacher.weight, teacher.temperature))
    inputs = repr((VERSION, files, synthesis, [*voices, *others], trained, plan.kept.folds))
    said = repr((VERSION, synthesis, voices))
    fingerprint, of_synthesis = (hashlib.sha256(t.encode()).hexdigest() for t in (inputs, said))
    return fingerprint, of_synthesis


def _file_state(path: Path) -> tuple[int, int]:
    """Return size and time of a file; raise KwsError where it is gone."""
    try:
        return tar_members.file_state(path)
    except OSError as error:
        raise KwsError(f"{path}: {error.strerror or error}") from error


def _added(settings: Synthesis | FrontEnd, *names: str) -> list[object]:
    """Return the settings that stamps of before had not, by name, where they are no defaults."""
    defaults = {field.name: field.default for field in fields(settings)}
    values = {name: getattr(settings, name) for name in names}
    return [(name, value) for name, value in values.items() if value != defaults[name]]


def finish(work: Path, examples: Path) -> None:
    """Mark a work folder's training as finished and remove its examples.

    What stays lets the same command set other thresholds, and serves a training of more recordings.
    """
    try:
        shutil.rmtree(examples, ignore_errors=True)
        write_atomically(work / FINISHED, "")
    except OSError as error:
        raise KwsError(f"{work}: {error.strerror or error}") from error


def what_is_kept(work: Path, output: Path) -> str:
    """Return the line that says how large the work folder of a model is, and what it serves.

    One that is not marked as finished, as a user named it, makes no room for other trainings.
    """
    size = sum(path.stat().st_size for path in work.rglob("*") if path.is_file())
    found = work.resolve() == default_work(output).resolve()  # as --add looks for it
    more = (work / FINISHED).exists()
    which = "with more recordings" if more else "of the same recordings and settings"
    uses = f"{'--add and ' if found else ''}a training {which}"
    return f"{work}: {size / 1e6:.0f} MB, for {uses}"


def _make_room(work: Path, said: str) -> None:
    """Remove what a finished training left, but for the synthetic speech of the same synthesis."""
    stamp = work / SYNTHESIS_STAMP
    kept = SPOKEN if stamp.exists() and stamp.read_text() == said else ()
    for path in work.iterdir():
        if path.is_dir() and not path.is_symlink() and path.name not in kept:
            shutil.rmtree(path)
        elif path.is_file() and not path.name.startswith("."):  # but for its lock
            path.unlink()
    what = "its synthetic speech is used again" if kept else "nothing of it can be used"
    _log.info("%s: of a finished training of other recordings or settings; %s", work, what)


def _clips(dataset: Dataset) -> list[Clip]:
    positives = [clip for clips in dataset.positives.values() for clip in clips]
    return [*positives, *dataset.negatives, *dataset.noise, *dataset.impulse_responses]
