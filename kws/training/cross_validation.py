"""Cross-validation by session: every recording is judged by a model that never heard its session.

The thresholds of the model that is kept, which is trained on everything, come from what the models
of the folds together make of speech that none of them was trained on.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from kws.audio.audio_file import read_usable
from kws.config import ModelConfig
from kws.data.dataset import Dataset
from kws.evaluation.evaluate import Evaluation, evaluate
from kws.evaluation.scores import Scorer, Scores, merge_scores, score_recordings
from kws.evaluation.test_set import mix_with_noise
from kws.model_file import ModelFile
from kws.training.example_layout import Layout
from kws.training.fold import Fold
from kws.training.recipe import Recipe
from kws.training.status import DONE
from kws.training.workers import quietly
from kws.types import Samples

if TYPE_CHECKING:
    from kws.training.trainer import AuxiliaryTask

POLL = 0.3  # s
CLEAN = "clean"
NOISY_SNR = 10.0  # dB
NOISY = f"{NOISY_SNR:g} dB"

Conditions = dict[str, Scores]


@dataclass(frozen=True)
class Job:
    """One training and its test."""

    dataset: Dataset
    recipe: Recipe
    fold: Fold
    material: Path  # folder of a pool and its speech
    epochs: int  # at most
    threads: int


def train_and_test(
    jobs: Sequence[Job], executor: Executor, progress: Callable[[], object]
) -> list[tuple[ModelFile, Conditions]]:
    """Train and test the model of each fold, several at a time; models found are kept."""
    futures = [executor.submit(quietly, job.fold.log, _run, job) for job in jobs]
    watch(futures, progress)
    return [future.result() for future in futures]


def watch(futures: Sequence[Future[Any]], progress: Callable[[], object]) -> None:
    """Call progress every POLL seconds until all is done or something fails."""
    pending = set(futures)
    while pending:
        done, pending = wait(pending, POLL, FIRST_COMPLETED)
        for future in done:
            future.result()
        progress()


def _run(job: Job) -> tuple[ModelFile, Conditions]:
    fold, status = job.fold, job.fold.status
    if not fold.path.exists():
        status.report("starting", 0.0)
        import tensorflow as tf

        from kws.training.training_run import Training

        tf.config.threading.set_intra_op_parallelism_threads(job.threads)
        keywords = list(job.dataset.positives)
        guide = guide_of(job) if job.recipe.distillation.passages_per_batch else None
        training = Training(job.material, keywords, job.recipe, fold.held_out, guide)
        trained = training.run(fold.checkpoint, job.epochs, status.report)
        trained.network.save_weights(fold.weights)
        unfinished = fold.path.with_suffix(".part")
        unfinished.write_bytes(trained.content)
        unfinished.rename(fold.path)
    model = fold.load(job.recipe)
    status.report("testing", 0.0)
    heard = hear(model, fold.test_set(job.dataset)) if fold.held_out else {}
    status.report(DONE, 1.0)
    return model, heard


def guide_of(job: Job) -> AuxiliaryTask:
    """Passages of the speech that is trained on, and what a teacher of that makes of them."""
    from kws.training.distillation.corpus import GuidingSpeech
    from kws.training.distillation.task import DistillationTask
    from kws.training.distillation.teacher import taught

    recipe, fold = job.recipe, job.fold
    layout = Layout.of(recipe.front_end, recipe.architecture)
    speech = GuidingSpeech.load(job.material).of(fold.heard)
    classes = len(job.dataset.positives) + 1
    lessons = taught(speech, layout, classes, recipe.seed, fold.teacher, fold.status.report)
    return DistillationTask(speech, lessons, layout, recipe)


def hear(model: ModelFile, test: Dataset) -> Conditions:
    """What a model makes of a test set, clean and in noise."""
    scorer = Scorer(model)
    positives, negatives = recordings(test)
    heard = {CLEAN: score_recordings(scorer, positives, negatives)}
    if sounds := read_usable([clip.path for clip in test.noise], warn=False):
        noise = np.concatenate(sounds)
        noisy = {
            keyword: mix_with_noise(utterances, noise, NOISY_SNR, seed=index)
            for index, (keyword, utterances) in enumerate(positives.items())
        }
        around = mix_with_noise(negatives, noise, NOISY_SNR, seed=len(positives))
        heard[NOISY] = score_recordings(scorer, noisy, around)
    return heard


def recordings(test: Dataset) -> tuple[dict[str, list[Samples]], list[Samples]]:
    """Utterances by keyword, and the negatives; what cannot be read was told and left out."""
    positives = {
        keyword: read_usable([clip.path for clip in clips], warn=False)
        for keyword, clips in test.positives.items()
    }
    return positives, read_usable([clip.path for clip in test.negatives], warn=False)


def judged(config: ModelConfig, heard: list[Conditions]) -> dict[str, Evaluation]:
    """Evaluation by condition, the folds taken together."""
    return {condition: evaluate(t, config) for condition, t in together(heard).items()}


def together(heard: list[Conditions]) -> Conditions:
    """The folds as one test set; noise where a fold has noise that its model never heard."""
    conditions = dict.fromkeys(condition for fold in heard for condition in fold)
    return {c: merge_scores([fold[c] for fold in heard if c in fold]) for c in conditions}
