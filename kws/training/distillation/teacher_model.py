"""Plug a model file into the trainings of a run as their teacher; this loads no TensorFlow."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from kws.config import FrontEnd
from kws.data.dataset import Dataset
from kws.errors import KwsError
from kws.model_file import ModelFile
from kws.training.architecture import Architecture
from kws.training.cross_validation import Job
from kws.training.examples import ExampleGenerator
from kws.training.features import ExampleLayout
from kws.training.recipe import Recipe

if TYPE_CHECKING:
    from pathlib import Path

    from kws.training.augmentation.waveform import Samples
    from kws.training.distillation.model_task import ModelTask


@dataclass(frozen=True)
class TeacherPlugin:
    """Make the task of each training, to give the posteriors of a model."""

    model: ModelFile

    @property
    def window_frames(self) -> int:
        """Return the frames that the model needs before the end of an example's first step."""
        return max(Architecture.of(n).window_frames for n in self.model.deciding_networks())

    def prepare(
        self,
        generators: Sequence[ExampleGenerator],
        speech: Sequence[Sequence[Samples]],
        recipe: Recipe,
        folder: Path,
    ) -> None:
        """Make nothing: the teacher gets the same examples as the network."""

    def make_task(self, job: Job) -> ModelTask:
        """Return the task of a training."""
        from kws.training.distillation.model_task import ModelTask

        recipe = job.recipe
        layout = ExampleLayout.of(recipe.front_end, recipe.architecture, self.window_frames)
        return ModelTask(self.model.deciding_networks(), layout, recipe.teacher)


def with_teacher(dataset: Dataset, recipe: Recipe) -> tuple[Dataset, Recipe, TeacherPlugin]:
    """Return what a training is planned with whose recipe names a model as teacher.

    The card names the teacher, and the network gets its front end, mean and scale included.

    Raises:
        KwsError: The model cannot be read, or cannot teach a network of this recipe.
    """
    path = recipe.teacher.model
    teacher = ModelFile.load(path)
    front_end, keywords = teacher.config.front_end, teacher.config.keywords
    if list(keywords) != list(dataset.positives):
        raise KwsError(
            f"{path}: a teacher has the recipe's keywords in the same order,"
            f" {', '.join(dataset.positives)}; it has {', '.join(keywords)}"
        )
    same = recipe.front_end == (front_end if recipe.initial else _as_stated(front_end))
    if not same:
        raise KwsError(f"{path}: a teacher has the front end of the network that learns from it")
    for network in teacher.deciding_networks():
        stride = Architecture.of(network).stride
        if stride != recipe.architecture.stride:
            raise KwsError(
                f"{path}: its stride is {stride}, and that of the network that learns from it"
                f" {recipe.architecture.stride}; both must be the same"
            )
    dataset = dataset.with_source(f"posteriors of {teacher.name}, sha256 {teacher.sha256}")
    recipe = replace(recipe, front_end=replace(front_end, arithmetic="float"))
    return dataset, recipe, TeacherPlugin(teacher)


def _as_stated(front_end: FrontEnd) -> FrontEnd:
    """Return a front end as a recipe states it: without what training measures."""
    return replace(front_end, mean=(), scale=(), arithmetic="float")
