"""Train and test models in a cross-validation by session.

Each fold holds out partitions of the dataset, so that every recording is tested by a model that was
trained on nothing of its session. The final model is trained on everything, unless a recipe lets it
be one of the folds.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from kws.atomic_write import write_atomically
from kws.data.dataset import Dataset
from kws.model_file import ModelFile
from kws.training.dataset_scores import Tested, test_model
from kws.training.fold import Fold
from kws.training.recipe import Recipe
from kws.training.workers import DONE, run_jobs
from kws.types import Samples
from kws.worker_pool import Workers

if TYPE_CHECKING:
    from kws.training.examples import ExampleGenerator
    from kws.training.trainer import AuxiliaryTask


class Plugin(Protocol):
    """Extend every training of a run by an auxiliary task; it goes to other processes."""

    @property
    def window_frames(self) -> int:
        """Return the frames that it needs at least before the end of an example's first step."""

    def prepare(
        self,
        generators: Sequence[ExampleGenerator],
        speech: Sequence[Sequence[Samples]],
        recipe: Recipe,
        folder: Path,
    ) -> None:
        """Make what all trainings share, from generators and speech by partition, in a folder."""

    def make_task(self, job: Job) -> AuxiliaryTask:
        """Return what a network learns besides the keywords."""


class Origin(Protocol):
    """Tell which network each training of a run starts from; it goes to other processes."""

    def initial(self, fold: Fold) -> ModelFile:
        """Return the network, which has the keywords of the training."""


@dataclass(frozen=True)
class Job:
    """Describe one training and its test."""

    dataset: Dataset
    recipe: Recipe
    fold: Fold
    material: Path  # folder of a pool of examples and its speech
    epochs: int  # at most
    threads: int
    plugin: Plugin | None = None
    former: Origin | None = None  # the model that training goes on from

    @property
    def is_committee(self) -> bool:
        """Return whether its model has several networks."""
        return self.recipe.committee.networks > 1

    def networks(self) -> list[Job]:
        """Return the trainings of its model's networks.

        They differ by their seeds, and start from the networks of the recipe's initial model in
        turn.
        """
        recipe = self.recipe
        starts = recipe.initial.deciding_networks() if recipe.initial else [None]
        recipes = [
            replace(recipe, seed=recipe.seed + number, initial=starts[number % len(starts)])
            for number in range(recipe.committee.networks)
        ]
        folds = self.fold.networks(len(recipes))
        return [replace(self, fold=f, recipe=r) for f, r in zip(folds, recipes, strict=True)]


def train_and_test(
    jobs: Sequence[Job], pool: Workers, progress: Callable[[], object]
) -> list[Tested]:
    """Train and test the model of each fold, several at a time; finished models are kept."""
    networks = [each for job in jobs if job.is_committee for each in job.networks()]
    run_jobs(pool, train, [(job.fold.log, job) for job in networks], progress)
    return run_jobs(pool, train_and_score, [(job.fold.log, job) for job in jobs], progress)


def train_and_score(job: Job) -> Tested:
    """Train the model of a fold, unless it is there, and score it on what the fold holds out."""
    fold, status = job.fold, job.fold.status
    for each in job.networks():
        train(each)
    if job.is_committee:
        write_atomically(fold.path, _packed(job))
    model = fold.load(job.recipe)
    status.report("testing", 0.0)
    tested = test_model(model, fold.test_set(job.dataset)) if fold.held_out else None
    status.report(DONE, 1.0)
    return tested or Tested(model, {}, {})


def train(job: Job) -> None:
    """Train a network, unless it is there."""
    fold, status = job.fold, job.fold.status
    if not fold.is_trained():
        status.report("starting", 0.0)
        import tensorflow as tf

        from kws.training.training_run import Training

        tf.config.threading.set_intra_op_parallelism_threads(job.threads)
        task = job.plugin.make_task(job) if job.plugin else None
        keywords, recipe = list(job.dataset.positives), job.recipe
        if job.former:
            recipe = replace(recipe, initial=job.former.initial(fold))
        training = Training(
            job.material, keywords, recipe, fold.held_out, task, job.former is not None
        )
        trained = training.run(fold.checkpoint, job.epochs, status.report)
        trained.network.save_weights(fold.weights)
        write_atomically(fold.path, trained.content)
    status.report("trained", 1.0)


def _packed(job: Job) -> bytes:
    """Return the model file of a fold's networks."""
    from kws.training.quantise import pack_committee

    models = [each.fold.load(job.recipe) for each in job.networks()]
    bounds = (job.recipe.committee.bound,) * len(models[0].config.keywords)
    contents = [model.content for model in models]
    return pack_committee(contents, models[0].config, bounds=bounds, where=str(job.fold.path))
