"""Train and test models in a cross-validation by session.

Each fold holds out partitions of the dataset, so that every recording is tested by a model that was
trained on nothing of its session. The final model is trained on everything, unless a recipe lets it
be one of the folds.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np

from kws.atomic_write import write_atomically
from kws.audio.audio_file import read_usable
from kws.data.clips import PARTITIONS
from kws.data.dataset import Dataset
from kws.errors import KwsError
from kws.evaluation.condition_scores import SPACINGS
from kws.evaluation.noise_mixing import mix_with_noise
from kws.evaluation.scores import Scorer, Scores, score_recordings
from kws.evaluation.speech_peaks import SpeechPeaks, by_kind, find_speech_peaks
from kws.model_file import ModelFile
from kws.training.checkpoint import Checkpoint
from kws.training.recipe import Recipe
from kws.training.workers import DONE, Status, run_jobs
from kws.types import Samples
from kws.worker_pool import Workers

if TYPE_CHECKING:
    from kws.training.examples import ExampleGenerator
    from kws.training.trainer import AuxiliaryTask

QUARTERS = 4  # of the partitions
CLEAN = "clean"
NOISY_SNR = 10.0  # dB
NOISY = f"{NOISY_SNR:g} dB"

ScoresByCondition = dict[str, Scores]

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Fold:
    """Describe one training: what it holds out, and where its model is kept.

    Fold number `folds`, the last, holds out nothing: it makes the final model. The model of a fold
    may have several networks, each of which is a training of its own.
    """

    index: int
    folds: int
    folder: Path
    network: int | None = None  # of a committee; None for the model

    def networks(self, count: int) -> list[Fold]:
        """Return the trainings of the networks of its model: itself, where there is one."""
        return [self] if count == 1 else [replace(self, network=n) for n in range(count)]

    @property
    def held_out(self) -> list[int]:
        """Return the partitions of the dataset that this fold is tested on.

        A few speakers lie in the first partitions: shares of more than a quarter are interleaved.
        """
        parts = range(PARTITIONS)
        if self.folds < QUARTERS:
            return [part for part in parts if part % self.folds == self.index]
        return [part for part in parts if part * self.folds // PARTITIONS == self.index]

    @property
    def training_partitions(self) -> list[int]:
        """Return the partitions of the dataset that its model is trained on."""
        return [part for part in range(PARTITIONS) if part not in self.held_out]

    def test_set(self, dataset: Dataset) -> Dataset:
        """Return what its model is tested on."""
        return dataset.partitions(self.held_out).testable()

    @property
    def path(self) -> Path:
        """Return the path of its model."""
        network = "" if self.network is None else f"-network-{self.network}"
        return self.folder / f"fold-{self.index}{network}.tflite"

    @property
    def weights(self) -> Path:
        """Return the path of the float network that was quantised, in Keras's format."""
        return self.path.with_suffix(".weights.h5")

    @property
    def teacher(self) -> Path:
        """Return the path of its teacher, where there is distillation, in Keras's format."""
        return self.path.with_suffix(".teacher.weights.h5")

    def load(self, recipe: Recipe) -> ModelFile:
        """Return its model with the posterior handling of a recipe, which needs no training."""
        model = ModelFile.load(self.path)
        return replace(model, config=recipe.inference_config(model.config))

    def is_trained(self) -> bool:
        """Return whether its model is there; a damaged one is logged and made again."""
        if not self.path.exists():
            return False
        try:
            ModelFile.load(self.path)
        except KwsError as error:
            log.warning("%s; it is made again", error)
            self.path.unlink()
        return self.path.exists() and Checkpoint.load(self.checkpoint).epoch > 0

    @property
    def log(self) -> Path:
        """Return the path of what its process prints."""
        return self.path.with_suffix(".log")

    @property
    def checkpoint(self) -> Path:
        """Return the path of the state of its training."""
        return self.path.with_suffix(".checkpoint")

    @property
    def epochs(self) -> int:
        """Return the best of its epochs, once it is trained."""
        return Checkpoint.load(self.checkpoint).best_epoch

    @property
    def status(self) -> Status:
        """Return its progress, for those who watch."""
        return Status(str(self), self.path.with_suffix(".progress"))

    def __str__(self) -> str:
        name = "final model" if self.index == self.folds else f"fold {self.index + 1}"
        return name if self.network is None else f"{name}, network {self.network + 1}"


class Plugin(Protocol):
    """Extend every training of a run by an auxiliary task; it goes to other processes."""

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
class Tested:
    """Hold a trained model and what it gives on what its fold holds out, if anything."""

    model: ModelFile
    scores: ScoresByCondition
    peaks: dict[str, SpeechPeaks]  # in clean speech, by how recordings follow each other


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
        """Return the trainings of its model's networks, which differ by their seeds."""
        recipe = self.recipe
        return [
            replace(self, fold=fold, recipe=replace(recipe, seed=recipe.seed + number))
            for number, fold in enumerate(self.fold.networks(recipe.committee.networks))
        ]


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


def test_model(model: ModelFile, test: Dataset) -> Tested:
    """Return what a model gives on a test set."""
    scorer, speech = Scorer(model), by_kind(test.negatives)
    peaks = {name: find_speech_peaks(scorer, speech, pause) for name, pause in SPACINGS.items()}
    return Tested(model, score_test_set(model, test), peaks)


def score_test_set(model: ModelFile, test: Dataset) -> ScoresByCondition:
    """Return a model's scores on a test set, clean and in noise where there is noise."""
    scorer = Scorer(model)
    positives, negatives = read_test_set(test)
    scores = {CLEAN: score_recordings(scorer, positives, negatives)}
    if sounds := read_usable([clip.path for clip in test.noise], warn=False):
        noise = np.concatenate(sounds)
        noisy = {
            keyword: mix_with_noise(utterances, noise, NOISY_SNR, seed=index)
            for index, (keyword, utterances) in enumerate(positives.items())
        }
        noisy_negatives = mix_with_noise(negatives, noise, NOISY_SNR, seed=len(positives))
        scores[NOISY] = score_recordings(scorer, noisy, noisy_negatives)
    return scores


def read_test_set(test: Dataset) -> tuple[dict[str, list[Samples]], list[Samples]]:
    """Return utterances by keyword, and the negatives; what cannot be read was logged before."""
    positives = {
        keyword: read_usable([clip.path for clip in clips], warn=False)
        for keyword, clips in test.positives.items()
    }
    return positives, read_usable([clip.path for clip in test.negatives], warn=False)
