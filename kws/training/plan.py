"""Plan what `kws train` does with a folder: recordings, recipe, and what is tested."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path

from kws.backend import open_mfcc
from kws.config import MAX_KEYWORDS, MFCC
from kws.data.clips import PARTITIONS
from kws.data.dataset import Dataset, for_phrase, from_folder
from kws.data.dataset_recipe import from_recipe
from kws.data.speech_commands import for_training, is_speech_commands
from kws.errors import KwsError
from kws.model_file import DEFAULT_BASE, ModelFile, current_path
from kws.parallel import Cluster
from kws.training import recipe as defaults
from kws.training.cross_validation import Plugin
from kws.training.fold import QUARTERS, Fold
from kws.training.former import Former
from kws.training.recipe import Recipe
from kws.training.recipe_file import has_data, read_hyperparameters
from kws.training.synthetic_speech import with_kokoro, with_other_words, with_synthesis
from kws.training.training_options import TrainingOptions
from kws.tts.kokoro import kokoro_voices
from kws.tts.phrase_check import keyword_warnings

NONE = "none"  # instead of a model that training starts from
AS_USUAL = TrainingOptions()

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Plan:
    """Hold the trainings on a dataset: some are tested on what they leave out, one is kept."""

    dataset: Dataset
    recipe: Recipe
    tested: list[Fold]  # none for a base model
    kept: Fold  # the only tested one, where the dataset or the recipe says what it holds out
    plugin: Plugin | None = None  # what every training learns besides the keywords
    own_split: bool = False  # whether the dataset says what to test on
    former: Former | None = None  # the model that training goes on from, and is compared with
    cluster: Cluster | None = None  # that makes the examples and trains, instead of this machine

    @property
    def keeps_tested(self) -> bool:
        """Return whether the kept model itself is tested, on what it holds out."""
        return self.kept in self.tested


def plan(
    folder: Path | None,
    work: Path,
    recipe_file: Path | None = None,
    options: TrainingOptions = AS_USUAL,
) -> Plan:
    """Plan the trainings on a dataset folder; `work` keeps them.

    A recipe that names data and the command words of Speech Commands are trained from random
    weights; any other folder starts from home's networks. Options override the recipe's
    hyperparameters, and those the defaults of that kind of training. Raises KwsError for what
    cannot be read, and contradictions.
    """
    _check_folders(options.kokoro, options.embedding)
    recipe_file = recipe_file and current_path(recipe_file)
    with_data = recipe_file is not None and has_data(recipe_file)
    own_split = not (folder is None or options.phrase or with_data) and is_speech_commands(folder)
    _check_split(folder if own_split else None, options.folds, options.held_out)
    if with_data and options.keywords:
        raise KwsError(f"{recipe_file}: names the keywords itself, without --keywords")
    dataset, default = _dataset(folder, recipe_file, with_data, options)
    if (count := len(dataset.positives)) > MAX_KEYWORDS:
        where = recipe_file if with_data else folder
        raise KwsError(f"{where}: {count} keywords; a model has {MAX_KEYWORDS} at most")
    if options.kokoro is not None:
        dataset = with_kokoro(dataset, options.kokoro)
    start = NONE if with_data or own_split else DEFAULT_BASE
    recipe = _hyperparameters(recipe_file, default, options.initial, start, _is_well_known(dataset))
    recipe = options.applied_to(recipe)
    open_mfcc(recipe.front_end)  # KwsError where it needs a package that is missing
    _check_batches(recipe, len(dataset.positives))
    if not own_split and not dataset.base_model:
        for line in keyword_warnings(list(dataset.positives), options.spoken_language):
            _log.warning("%s", line)
    if own_split:
        tested = [kept := Fold(0, PARTITIONS, work)]
    else:
        tested, kept = _folds(dataset, recipe, options.folds, work)
    planned = Plan(dataset, recipe, tested, kept, own_split=own_split)
    return _with_distillation(planned, options.embedding)


def _dataset(
    folder: Path | None, recipe_file: Path | None, with_data: bool, options: TrainingOptions
) -> tuple[Dataset, Recipe]:
    """Return the dataset of a folder, by a recipe where there is one, and its default recipe."""
    language = options.spoken_language
    if folder is None or options.phrase:
        dataset = for_phrase(options.phrase, folder)
        return with_synthesis(dataset, language, recipe_file), Recipe()
    if recipe_file and with_data:
        dataset = _said_in(language, from_recipe(recipe_file, folder))
        return dataset, defaults.BASE_MODEL if dataset.base_model else defaults.WAKE_WORDS
    if is_speech_commands(folder):
        dataset = with_other_words(for_training(folder, options.keywords), recipe_file)
        return _said_in(language, dataset), defaults.COMMAND_WORDS
    dataset = from_folder(folder, options.keywords)
    return with_synthesis(dataset, language, recipe_file), Recipe()


def _said_in(language: str | None, dataset: Dataset) -> Dataset:
    """Return a dataset whose synthetic speech is in a language, where one is given."""
    if language is None:
        return dataset
    return replace(dataset, synthesis=replace(dataset.synthesis, language=language))


def held_out_quarter(quarter: int, work: Path) -> Fold:
    """Return the training that leaves out a quarter of the speakers, 1 to 4."""
    return Fold(quarter - 1, QUARTERS, work, is_kept=True)


def _check_split(speech_commands: Path | None, folds: int | None, held_out: int | None) -> None:
    """Raise KwsError where options contradict each other, or the split of Speech Commands."""
    if speech_commands and (folds or held_out):
        option = "--folds" if folds else "--held-out"
        raise KwsError(
            f"{speech_commands}: Speech Commands have a split of their own, without {option}"
        )
    if folds and held_out:
        raise KwsError("--folds and --held-out exclude each other: one of them says what is tested")


def _folds(
    dataset: Dataset, recipe: Recipe, count: int | None, work: Path
) -> tuple[list[Fold], Fold]:
    """Return the folds that are tested, `count` of them if it is given, and the one that is kept.

    Several folds together are tested on every recording, a single one on a quarter.
    """
    if quarter := recipe.schedule.held_out:
        kept = held_out_quarter(quarter if quarter > 0 else _fitting_quarter(dataset), work)
        return [] if dataset.base_model else [kept], kept
    usual = 0 if dataset.base_model else QUARTERS if recipe.initial is None else 2
    count = count or usual
    split = count if count > 1 else QUARTERS
    return [Fold(index, split, work) for index in range(count)], Fold(split, split, work)


def _fitting_quarter(dataset: Dataset) -> int:
    """Return the quarter of the speakers, from 1, with most recordings, a quarter at most.

    Where a few speakers recorded much it may have none, so that all of them train.
    """
    counts = [0] * QUARTERS
    for clip in chain.from_iterable(dataset.positives.values()):
        counts[clip.partition * QUARTERS // PARTITIONS] += clip.testable
    fitting = [count if QUARTERS * count <= sum(counts) else -1 for count in counts]
    return 1 + fitting.index(max(fitting))


def without_distillation(recipe: Recipe) -> Recipe:
    """Return a recipe that trains without the speech embedding."""
    return replace(recipe, distillation=replace(recipe.distillation, passages_per_batch=0))


def _check_folders(kokoro: Path | None, embedding: Path | None) -> None:
    """Raise KwsError where a folder of networks is not what it should be."""
    if kokoro is not None:
        kokoro_voices(kokoro)
    if embedding is not None:
        from kws.training.distillation.embedding import files

        files(embedding)


def is_recorded(dataset: Dataset) -> bool:
    """Return whether there is a recording of a keyword to test on."""
    return any(clip.testable for clips in dataset.positives.values() for clip in clips)


def _is_well_known(dataset: Dataset) -> bool:
    """Return whether each keyword has so many recordings that they show how people say it."""
    counts = (sum(clip.testable for clip in clips) for clips in dataset.positives.values())
    return min(counts) >= defaults.FEW_RECORDINGS


def _hyperparameters(
    path: Path | None, default: Recipe, initial: str | None, usual_start: str, well_known: bool
) -> Recipe:
    """Return the defaults, or those for training from a model, with what a recipe file says.

    initial: what training starts from if it is given; else that is usual_start.
    """
    start = initial or usual_start
    if start == NONE or not initial:
        recipe = read_hyperparameters(path, default) if path else default
        if start == NONE or recipe.front_end.kind != MFCC:  # those of home are on MFCC
            return recipe
    tuning = defaults.fine_tuning if well_known else defaults.mostly_synthetic
    return tuned_by(path, tuning(ModelFile.load(start)), start)


def tuned_by(path: Path | None, tuned: Recipe, start: str) -> Recipe:
    """Return a recipe for training from a model with what a recipe file says, if there is one.

    The model that training starts from keeps its front end and its architecture.
    """
    if path is None:
        return tuned
    front_end = replace(tuned.front_end, mean=(), scale=())
    recipe = read_hyperparameters(path, replace(tuned, front_end=front_end))
    if (recipe.front_end, recipe.architecture) != (front_end, tuned.architecture):
        _log.warning(
            "%s: training starts from %s, whose front end and architecture it keeps", path, start
        )
    return replace(recipe, front_end=tuned.front_end, architecture=tuned.architecture)


def _check_batches(recipe: Recipe, keywords: int) -> None:
    """Raise KwsError where a batch would have no example of a keyword, or no background."""
    size, share = recipe.schedule.batch_size, recipe.schedule.keyword_share
    each = round(size * share / keywords)
    if not each:
        raise KwsError(
            f"schedule: a share of {share:g} of a batch of {size} examples has room for none of"
            f" {keywords} keywords; a larger batch_size or keyword_share does"
        )
    if each * keywords > size - 2:
        raise KwsError(
            f"schedule: {keywords} keywords with a share of {share:g} leave no background in a"
            f" batch of {size} examples; a larger batch_size or a smaller keyword_share does"
        )


def _with_distillation(plan: Plan, embedding: Path | None) -> Plan:
    """Return a plan with distillation from the speech embedding, from a model, or without it."""
    if plan.recipe.teacher.model:
        if embedding is not None:
            raise KwsError(f"--embedding: the recipe's teacher is {plan.recipe.teacher.model}")
        from kws.training.distillation.teacher_model import with_teacher

        dataset, recipe, teacher = with_teacher(plan.dataset, without_distillation(plan.recipe))
        return replace(plan, dataset=dataset, recipe=recipe, plugin=teacher)
    if embedding is None:
        return replace(plan, recipe=without_distillation(plan.recipe))
    if not plan.recipe.distillation.passages_per_batch:
        _log.warning("the speech embedding is not used: the recipe asks for no distillation")
        return plan
    from kws.training.distillation.embedding import EMBEDDING_CARD
    from kws.training.distillation.plugin import DistillationPlugin

    dataset = plan.dataset.with_source(EMBEDDING_CARD)
    return replace(plan, dataset=dataset, plugin=DistillationPlugin(embedding))
