"""Plug distillation into the trainings of a run; nothing here loads TensorFlow before it must."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from kws.training.cross_validation import Job
from kws.training.distillation.corpus import GuidingSpeech
from kws.training.distillation.corpus_builder import make_guiding_speech
from kws.training.example_layout import Layout
from kws.training.examples import Examples
from kws.training.recipe import Recipe

if TYPE_CHECKING:
    from kws.training.augmentation.scene import Samples
    from kws.training.distillation.task import DistillationTask


@dataclass(frozen=True)
class DistillationPlugin:
    """Make the corpus of a run with the speech embedding, and the task of each training."""

    embedding: Path  # folder of the speech embedding's networks

    def prepare(
        self,
        examples: Sequence[Examples],
        speech: Sequence[Sequence[Samples]],
        recipe: Recipe,
        folder: Path,
    ) -> None:
        """Make the corpus from the examples and the speech of each partition, in a folder."""
        hours = recipe.distillation.spliced_speech_hours
        make_guiding_speech(examples, speech, hours, self.embedding, recipe.seed, folder)

    def make_task(self, job: Job) -> DistillationTask:
        """Train the teacher of a fold on the corpus of its training partitions."""
        from kws.training.distillation.task import DistillationTask
        from kws.training.distillation.teacher import taught

        recipe, fold = job.recipe, job.fold
        layout = Layout.of(recipe.front_end, recipe.architecture)
        corpus = GuidingSpeech.load(job.material).of(fold.training_partitions)
        classes = len(job.dataset.positives) + 1
        report = fold.status.report
        targets = taught(corpus, layout, classes, recipe.seed, fold.teacher, report)
        return DistillationTask(corpus, targets, layout, recipe)
