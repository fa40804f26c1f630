"""Cross-validation by session: every recording is judged by a model that never heard its session.

The thresholds of the model that is kept, which is trained on everything, come from what the models
of the folds together make of speech that none of them was trained on.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, wait

import numpy as np

from kws.config import ModelConfig
from kws.data.audio import read_audio
from kws.data.dataset import Dataset
from kws.evaluation.evaluate import Evaluation, evaluate, merged
from kws.evaluation.mixing import with_noise
from kws.evaluation.traces import Detector, Samples, Traces, traces
from kws.model_file import ModelFile
from kws.training.fold import DONE, Fold
from kws.training.processes import quietly
from kws.training.recipe import Recipe

POLL = 0.3  # s
SYNTHETIC = "synthetic"  # folder of what synthesisers said, within the work folder
CLEAN = "clean"
NOISY_SNR = 10.0  # dB
NOISY = f"{NOISY_SNR:g} dB"

Conditions = dict[str, Traces]


def cross_validate(
    dataset: Dataset,
    recipe: Recipe,
    folds: Sequence[Fold],
    executor: Executor,
    progress: Callable[[], object],
) -> list[tuple[ModelFile, Conditions]]:
    """Train and test the model of each fold, several at a time; models found are kept.

    progress is called every POLL seconds, to look at how far the folds are.
    """
    jobs = {fold: (dataset, recipe, fold) for fold in folds}
    pending = {executor.submit(quietly, f.log, _run, job): f for f, job in jobs.items()}
    results: dict[Fold, tuple[ModelFile, Conditions]] = {}
    while pending:
        done, _ = wait(pending, POLL, FIRST_COMPLETED)
        for future in done:
            results[pending.pop(future)] = future.result()
        progress()
    return [results[fold] for fold in folds]


def _run(job: tuple[Dataset, Recipe, Fold]) -> tuple[ModelFile, Conditions]:
    dataset, recipe, fold = job
    if not fold.path.exists():
        import tensorflow as tf

        from kws.training.train import train

        tf.config.threading.set_intra_op_parallelism_threads(1)  # each fold has a core of its own
        kept = fold.training_set(dataset)
        trained = train(kept, recipe, fold.folder / SYNTHETIC, fold.report)
        trained.network.save_weights(fold.weights)
        unfinished = fold.path.with_suffix(".part")
        unfinished.write_bytes(trained.content)
        unfinished.rename(fold.path)
    model = fold.load(recipe)
    fold.report("testing", 0.0)
    heard = hear(model, fold.test_set(dataset)) if fold.held_out else {}
    fold.report(DONE, 1.0)
    return model, heard


def hear(model: ModelFile, test: Dataset) -> Conditions:
    """What a model makes of a test set, clean and in noise."""
    detector = Detector(model)
    positives, negatives = recordings(test)
    heard = {CLEAN: traces(detector, positives, negatives)}
    if test.noise:
        noise = np.concatenate([read_audio(clip.path) for clip in test.noise])
        noisy = {
            keyword: with_noise(utterances, noise, NOISY_SNR, seed=index)
            for index, (keyword, utterances) in enumerate(positives.items())
        }
        around = with_noise(negatives, noise, NOISY_SNR, seed=len(positives))
        heard[NOISY] = traces(detector, noisy, around)
    return heard


def recordings(test: Dataset) -> tuple[dict[str, list[Samples]], list[Samples]]:
    """Utterances by keyword, and the negatives."""
    positives = {
        keyword: [read_audio(clip.path) for clip in clips]
        for keyword, clips in test.positives.items()
    }
    return positives, [read_audio(clip.path) for clip in test.negatives]


def judged(config: ModelConfig, heard: list[Conditions]) -> dict[str, Evaluation]:
    """Evaluation by condition, the folds taken together."""
    return {condition: evaluate(t, config) for condition, t in together(heard).items()}


def together(heard: list[Conditions]) -> Conditions:
    """The folds as one test set; noise where a fold has noise that its model never heard."""
    conditions = dict.fromkeys(condition for fold in heard for condition in fold)
    return {c: merged([fold[c] for fold in heard if c in fold]) for c in conditions}
