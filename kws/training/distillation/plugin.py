"""Plug distillation into the trainings of a run; nothing here loads TensorFlow before it must."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from kws.training.cross_validation import Job
from kws.training.distillation.corpus import DistillationCorpus, build_corpus
from kws.training.examples import ExampleGenerator
from kws.training.features import ExampleLayout
from kws.training.recipe import Recipe

if TYPE_CHECKING:
    from kws.training.augmentation.waveform import Samples
    from kws.training.distillation.task import DistillationTask


@dataclass(frozen=True)
class DistillationPlugin:
    """Make the corpus of a run with the speech embedding, and the task of each training."""

    embedding: Path  # folder of the speech embedding's networks
    window_frames = 0  # that it needs before the end of an example's first step: the network's own

    def prepare(
        self,
        generators: Sequence[ExampleGenerator],
        speech: Sequence[Sequence[Samples]],
        recipe: Recipe,
        folder: Path,
    ) -> None:
        """Build the corpus from the keywords and the speech of each partition, in a folder."""
        hours = recipe.distillation.spliced_speech_hours
        build_corpus(generators, speech, hours, self.embedding, recipe.seed, folder)

    def make_task(self, job: Job) -> DistillationTask:
        """Train the teacher of a fold on the corpus of its training partitions."""
        from kws.training.distillation.task import DistillationTask
        from kws.training.distillation.teacher import teacher_targets

        recipe, fold = job.recipe, job.fold
        layout = ExampleLayout.of(recipe.front_end, recipe.architecture)
        corpus = DistillationCorpus.load(job.material).select(fold.training_partitions)
        classes = len(job.dataset.positives) + 1
        report = fold.status.report
        targets = teacher_targets(corpus, layout, classes, recipe.seed, fold.teacher, report)
        return DistillationTask(corpus, targets, layout, recipe)
