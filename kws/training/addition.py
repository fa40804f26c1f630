"""Plan a training that goes on from a model with clips that `kws listen --keep` kept.

A person marks a clip by moving it: into the folder of the keyword that was said, or into _negative_
where none was. Clips that were not moved are not used.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from kws.data.clips import Clip, Recording, partition_of, usable_recordings
from kws.data.copies import originals
from kws.data.dataset import NEGATIVE, Dataset, folders_in, from_folder
from kws.data.keywords import folder_name, keyword_folders
from kws.data.splits import split_speech
from kws.errors import KwsError
from kws.keyword_names import comparison_key
from kws.training.before_after import KEPT_KIND
from kws.training.fold import QUARTERS, Fold
from kws.training.former import Former, Split
from kws.training.plan import NONE, Plan, tuned_by, without_distillation
from kws.training.recipe import Teacher
from kws.training.recipe_file import has_data
from kws.training.synthetic_speech import with_kokoro, with_synthesis
from kws.training.training_options import TrainingOptions

_log = logging.getLogger(__name__)


def plan_addition(
    folder: Path, added: Path, work: Path, recipe_file: Path | None, options: TrainingOptions
) -> Plan:
    """Plan to train on from a model with the recordings of a folder and marked clips of another.

    Folds and partitions are those of the model's training, where its work folder tells them.

    Args:
        folder: The dataset that the model was trained on, or another with its keywords.
        added: The folder of `kws listen --keep`.
        work: Keeps the trainings.
        recipe_file: Hyperparameters and what is synthesised, without data.
        options: Of which `initial` is the model; it must not be None.

    Raises:
        KwsError: Nothing is marked, something cannot be read, or an option has no use here.
    """
    model = _checked_model(options)
    spoken = options.spoken_language  # before the clips are compared, which takes long
    if recipe_file and has_data(recipe_file):
        raise KwsError(f"{recipe_file}: names data, which --add takes from the dataset alone")
    former = Former.load(model)
    if options.alarms_per_hour is not None and not former.work:
        raise KwsError(
            f"{model}: the work folder of its training is gone, so its thresholds are kept, without"
            " --alarms-per-hour"
        )
    committee = former.model.config.committee
    if committee and committee.first_stage:
        _log.warning("%s: its first stage is left out; kws calibrate puts one before again", model)
    clips = marked_clips(added, former.model.config.keywords)
    joined = _joined(_known(folder, former, model), clips, added, former.split)
    dataset = with_synthesis(joined, spoken, recipe_file)
    dataset = with_kokoro(dataset, options.kokoro) if options.kokoro is not None else dataset
    recipe = options.applied_to(tuned_by(recipe_file, without_distillation(former.recipe), model))
    if recipe.teacher.model:
        _log.warning("%s: --add trains without a teacher", recipe_file)
        recipe = replace(recipe, teacher=Teacher())
    tested, kept = _folds(former.split, work)
    return Plan(dataset, recipe, tested, kept, former=former)


def _checked_model(options: TrainingOptions) -> str:
    """Return the model that training goes on from; KwsError for options without a use here."""
    if options.initial is None or options.initial == NONE:
        raise KwsError("--add needs --init: the model that training goes on from")
    others = (options.folds, options.held_out, options.embedding)
    if options.keywords or options.phrase or any(option is not None for option in others):
        raise KwsError(
            "--add goes with --init, --recipe, --epochs, --alarms-per-hour, --kokoro, --language,"
            " --cluster, --work and --report alone: all else is as it was in the training of the"
            " model"
        )
    return options.initial


def marked_clips(folder: Path, keywords: Sequence[str]) -> dict[str, list[Recording]]:
    """Return the clips of a folder by what a person marked them as: a keyword, or NEGATIVE.

    The log says what is passed over: folders of other words, and how many clips are not marked.
    Raises KwsError where none is marked.
    """
    folders = folders_in(folder)
    names = {comparison_key(keyword): keyword for keyword in keywords}
    found: dict[str, list[Recording]] = {}
    for word, several in keyword_folders(folders).items():
        keyword = names.get(comparison_key(word))
        if keyword is None:
            _log.warning("%s: passed over, the model does not know %r", several[0], word)
            continue
        for path in filter(_has_files, several):
            found.setdefault(keyword, []).extend(usable_recordings(path, keyword=True))
    if _has_files(folder / NEGATIVE):
        found[NEGATIVE] = usable_recordings(folder / NEGATIVE)
    if not any(found.values()):
        examples = " or ".join(f"{folder_name(keyword)}/" for keyword in keywords[:2])
        raise KwsError(
            f"{folder}: no clip is marked; move those with a keyword into {examples}, and false"
            f" alarms into {NEGATIVE}/"
        )
    if unmarked := len(list(folder.glob("*.flac"))):
        _log.info("%s: %d clips are not marked and not used", folder, unmarked)
    return found


def _has_files(folder: Path) -> bool:
    return folder.is_dir() and any(path.is_file() for path in folder.rglob("*"))


def _known(folder: Path, former: Former, model: str) -> Dataset:
    """Return the recordings of a folder, divided as in the former training where that is known."""
    keywords = former.model.config.keywords
    known = _by_keyword(from_folder(folder, keywords, every=False), keywords)
    if former.split:
        return _with_partitions(known, former.split)
    _log.warning(
        "%s: the work folder of its training is gone, so it may know the recordings that it is"
        " compared on; its thresholds are kept",
        model,
    )
    return known


def _by_keyword(dataset: Dataset, keywords: Iterable[str]) -> Dataset:
    """Return a dataset with the keywords of a model, in its order and spelling."""
    found = {comparison_key(keyword): clips for keyword, clips in dataset.positives.items()}
    positives = {keyword: found.get(comparison_key(keyword), []) for keyword in keywords}
    return replace(dataset, positives=positives)


def _with_partitions(dataset: Dataset, split: Split) -> Dataset:
    """Return a dataset whose recordings are in the partitions that they had before.

    One that is new since then has that of its speaker, or the one that the dataset gives it.
    """
    new = 0

    def placed(clips: Iterable[Clip]) -> list[Clip]:
        nonlocal new
        found = [(clip, split.partition_of(clip.path)) for clip in clips]
        new += sum(str(clip.path.resolve()) not in split.partitions for clip in clips)
        return [clip if at is None else replace(clip, partition=at) for clip, at in found]

    divided = replace(
        dataset,
        positives={keyword: placed(clips) for keyword, clips in dataset.positives.items()},
        negatives=placed(dataset.negatives),
        noise=placed(dataset.noise),
    )
    if new:
        _log.warning(
            "%d recordings are not where those of the former training were; those that were moved"
            " since may be known to a fold that is tested on them",
            new,
        )
    return divided


def _joined(
    dataset: Dataset,
    marked: Mapping[str, Sequence[Recording]],
    folder: Path,
    split: Split | None,
) -> Dataset:
    """Return a dataset with marked clips, without those that it holds already.

    Those that a former training had stay in the partition that they had there.

    They are no part of what thresholds are measured on: they were kept because they set off the
    model, so they say nothing of how often other speech does.
    """
    known = [clip.path for clips in dataset.positives.values() for clip in clips]
    known += [clip.path for clip in dataset.negatives]
    paths = [recording.path for found in marked.values() for recording in found]
    first = originals(dict.fromkeys([*known, *paths], 0.0))
    new = {
        name: [recording for recording in found if first[recording.path] == recording.path]
        for name, found in marked.items()
    }
    if left_out := len(paths) - sum(map(len, new.values())):
        _log.warning("%s: %d clips are in the dataset already; left out", folder, left_out)
    if not any(new.values()):
        raise KwsError(f"{folder}: every marked clip is in the dataset already")
    others = new.pop(NEGATIVE, [])
    partitions = split_speech(list(new.values()), others)

    def clips(found: Iterable[Recording]) -> list[Clip]:
        return [Clip(r.path, placed(r.path), False, KEPT_KIND) for r in found]

    def placed(path: Path) -> int:
        before = split.partition_of(path) if split else None
        return partitions.get(path, partition_of(path)) if before is None else before

    positives = {
        keyword: [*known_clips, *clips(new.get(keyword, []))]
        for keyword, known_clips in dataset.positives.items()
    }
    return replace(dataset, positives=positives, negatives=[*dataset.negatives, *clips(others)])


def _folds(split: Split | None, work: Path) -> tuple[list[Fold], Fold]:
    """Return the folds that are tested and the one that is kept: those of the former training."""
    if split is None:
        return [Fold(index, QUARTERS, work) for index in range(2)], Fold(QUARTERS, QUARTERS, work)
    tested = [Fold(i, split.folds, work, is_kept=i == split.kept) for i in split.tested]
    return tested, Fold(split.kept, split.folds, work, is_kept=True)
