"""Cross-validation by session: every recording is judged by a model that never heard its session.

The thresholds of the model that is kept, which is trained on everything, come from what the models
of the folds together make of speech that none of them was trained on.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from kws.config import ModelConfig
from kws.data.audio import read_audio
from kws.data.clips import PARTS, UNTESTED
from kws.data.dataset import Dataset
from kws.evaluation.evaluate import Evaluation, evaluate, merged
from kws.evaluation.mixing import with_noise
from kws.evaluation.traces import Detector, Samples, Traces, traces
from kws.model_file import ModelFile
from kws.training.quiet import quiet
from kws.training.recipe import Recipe
from kws.training.synthetic import synthetic_speech

SYNTHETIC = "synthetic"  # folder of what synthesisers said, within the work folder
CLEAN = "clean"
NOISY_SNR = 10.0  # dB
NOISY = f"{NOISY_SNR:g} dB"

Conditions = dict[str, Traces]


@dataclass(frozen=True)
class Fold:
    """One training: what it leaves out, and where its model is kept.

    Fold number `folds`, the last, leaves out nothing: it makes the model that is kept.
    """

    index: int
    folds: int
    folder: Path

    @property
    def held_out(self) -> list[int]:
        """Parts of the dataset that this fold is tested on."""
        return [part for part in range(PARTS) if part * self.folds // PARTS == self.index]

    @property
    def path(self) -> Path:
        """The model that it makes."""
        return self.folder / f"fold-{self.index}.tflite"

    @property
    def weights(self) -> Path:
        """The float network that it was quantised from, in Keras's format."""
        return self.folder / f"fold-{self.index}.weights.h5"


def cross_validate(
    dataset: Dataset, recipe: Recipe, folds: int, folder: Path, processes: int
) -> Iterator[tuple[ModelFile, Conditions]]:
    """Train and test a model for each fold and one on everything, which comes last, untested.

    Several are trained at a time; those found in the folder are kept.
    """
    folder.mkdir(parents=True, exist_ok=True)
    synthetic_speech(dataset.synthesis, dataset.positives, folder / SYNTHETIC)
    jobs = [(dataset, recipe, Fold(index, folds, folder)) for index in range(folds + 1)]
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, context) as executor:
        yield from executor.map(_run, jobs)


def _run(job: tuple[Dataset, Recipe, Fold]) -> tuple[ModelFile, Conditions]:
    dataset, recipe, fold = job
    if not fold.path.exists():
        import tensorflow as tf

        from kws.training.train import train

        tf.config.threading.set_intra_op_parallelism_threads(1)  # each fold has a core of its own
        kept = {UNTESTED, *range(PARTS)} - set(fold.held_out)
        report = _progress(fold.path.with_suffix(".progress"))
        with quiet(fold.path.with_suffix(".log")):
            trained = train(dataset.parts(kept), recipe, fold.folder / SYNTHETIC, report)
        trained.network.save_weights(fold.weights)
        unfinished = fold.path.with_suffix(".part")
        unfinished.write_bytes(trained.content)
        unfinished.rename(fold.path)
    model = ModelFile.load(fold.path)
    # Smoothing can be tuned without training again.
    model = replace(model, config=replace(model.config, smoothing=recipe.smoothing))
    return model, hear(model, dataset.parts(fold.held_out)) if fold.held_out else {}


def _progress(log: Path) -> Callable[[str, float], None]:
    def report(doing: str, share: float) -> None:
        log.write_text(f"{doing} {share:.0%}\n")

    return report


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
    """The folds as one test set."""
    return {condition: merged([fold[condition] for fold in heard]) for condition in heard[0]}
