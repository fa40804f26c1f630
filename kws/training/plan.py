"""What `kws train` is to do with a folder: on which recordings, by which recipe, tested on what."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from kws.data.clips import PARTITIONS
from kws.data.dataset import Dataset, from_folder
from kws.data.recipe import from_recipe
from kws.data.speech_commands import for_training, is_speech_commands
from kws.errors import KwsError
from kws.model_file import DEFAULT_BASE, ModelFile
from kws.training.distillation.embedding import EMBEDDING_CARD
from kws.training.distillation.embedding import files as embedding_files
from kws.training.fold import Fold
from kws.training.recipe import BASE_MODEL, COMMAND_WORDS, WAKE_WORDS, Recipe, fine_tuning
from kws.training.synthetic_speech import with_kokoro, with_other_words, with_synthesis
from kws.tts.kokoro import kokoro_voices

QUARTERS = 4
_log = logging.getLogger(__name__)

NONE = "none"  # instead of a model that training starts from


@dataclass(frozen=True)
class Plan:
    """Trainings on a dataset: some are tested on what they leave out, one is kept."""

    dataset: Dataset
    recipe: Recipe
    tested: list[Fold]  # none for a trunk
    kept: Fold  # the only tested one, where the dataset brings its own split
    embedding: Path | None = None  # folder of the speech embedding, where speech guides

    @property
    def own_split(self) -> bool:
        """Whether the dataset says what to test on: the model that is tested is then kept."""
        return self.kept in self.tested


def plan(
    folder: Path,
    work: Path,
    recipe_file: Path | None = None,
    keywords: Sequence[str] = (),
    initial: str | None = None,
    folds: int | None = None,
    epochs: int | None = None,
    alarms_per_hour: float = 0.5,
    kokoro: Path | None = None,
    embedding: Path | None = None,
) -> Plan:
    """What to do with a folder.

    initial: name or path of a model, or "none"; None leaves it to the kind of folder. kokoro: a
    folder of its network and voices. embedding: a folder of the speech embedding's networks,
    without which no speech guides the trainings.

    A recipe and the command words of Speech Commands are trained from scratch; a folder of one's
    own starts from the shipped trunk. epochs: at most, where it is not the recipe's number.
    KwsError for what cannot be read.
    """
    start = initial or NONE
    validation = None
    if kokoro is not None:
        kokoro_voices(kokoro)  # tells what is wrong with it before anything else is done
    if embedding is not None:
        embedding_files(embedding)  # the same
    if recipe_file:
        if keywords:
            raise KwsError(f"{recipe_file}: names the keywords itself, without --keywords")
        dataset = from_recipe(recipe_file, folder)
        recipe = BASE_MODEL if dataset.base_model else WAKE_WORDS
    elif is_speech_commands(folder):
        if folds:
            raise KwsError(f"{folder}: Speech Commands have a split of their own, without --folds")
        dataset, recipe = with_other_words(for_training(folder, keywords)), COMMAND_WORDS
        validation = Fold(0, PARTITIONS, work)
    else:
        dataset, recipe = with_synthesis(from_folder(folder, keywords)), Recipe()
        start = initial or DEFAULT_BASE
    if kokoro is not None:
        dataset = with_kokoro(dataset, kokoro)
    if start != NONE:
        recipe = fine_tuning(ModelFile.load(start))
    dataset, recipe = _guided(dataset, recipe, embedding)
    schedule = replace(recipe.schedule, epochs=epochs or recipe.schedule.epochs)
    posterior = replace(recipe.posterior, false_alarms_per_hour=alarms_per_hour)
    recipe = replace(recipe, schedule=schedule, posterior=posterior)
    if validation:
        return Plan(dataset, recipe, [validation], validation, embedding)
    if not folds:
        folds = 0 if dataset.base_model else QUARTERS if start == NONE else 2
    split = max(folds, QUARTERS)
    return Plan(
        dataset,
        recipe,
        [Fold(index, split, work) for index in range(folds)],
        Fold(split, split, work),
        embedding,
    )


def without_distillation(recipe: Recipe) -> Recipe:
    """Return a recipe that trains without the speech embedding."""
    return replace(recipe, distillation=replace(recipe.distillation, passages_per_batch=0))


def _guided(dataset: Dataset, recipe: Recipe, embedding: Path | None) -> tuple[Dataset, Recipe]:
    """Both as they are with a speech embedding to guide the trainings, or without one."""
    if embedding is None:
        return dataset, without_distillation(recipe)
    if not recipe.distillation.passages_per_batch:
        _log.warning("the speech embedding guides nothing: only home's recipe asks it to")
        return dataset, recipe
    return dataset.with_source(EMBEDDING_CARD), recipe
