"""A dataset to an int8 network: examples, fit, quantisation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import keras
import numpy as np
import numpy.typing as npt

from kws.config import FrontEnd, ModelConfig
from kws.data.audio import read_audio
from kws.data.clips import Clip
from kws.data.dataset import Dataset
from kws.mfcc_tables import FrontEndTables
from kws.training.architecture import Architecture
from kws.training.builder import build, copy_weights
from kws.training.convert import embed, quantise
from kws.training.examples import Examples, Layout
from kws.training.fit import Trainer
from kws.training.log_mels import full_dct
from kws.training.pool import Pool, make_pool
from kws.training.recipe import Recipe
from kws.training.synthetic import synthetic_speech

TYPICAL = 600  # examples that set the ranges of the activations
MEASURED = 3000  # examples that set the features' mean and scale
RANGE = 6.0  # standard deviations that the network's int8 input spans; what is beyond saturates


@dataclass(frozen=True)
class Trained:
    """A model as it is kept, and the float network that it was quantised from."""

    content: bytes  # .tflite; its thresholds are 1.0 until they are calibrated
    network: keras.Model


Progress = Callable[[str, float], None]  # what is being done, and the share of it that is


def train(dataset: Dataset, recipe: Recipe, synthetic_folder: Path, progress: Progress) -> Trained:
    """A model of a dataset.

    synthetic_folder keeps synthetic speech from one training to the next.
    """
    layout = Layout(recipe.front_end, recipe.architecture.window_rows, recipe.architecture.stride)
    progress("reading recordings", 0.0)
    synthetic = synthetic_speech(dataset.synthesis, list(dataset.positives), synthetic_folder)
    examples = Examples(
        layout,
        [_read(clips) + synthetic.keywords[name] for name, clips in dataset.positives.items()],
        _read(dataset.negatives),
        _read(dataset.noise),
        _read(dataset.rooms),
        synthetic.near_words,
        synthetic.sentences,
    )
    pool = make_pool(
        examples,
        recipe.positives,
        recipe.backgrounds,
        recipe.seed,
        lambda share: progress("making examples", share),
    )
    front_end = standardised(recipe.front_end, pool)
    keywords = tuple(dataset.positives)
    config = ModelConfig(
        keywords,
        (1.0,) * len(keywords),
        recipe.architecture.stride,
        front_end,
        recipe.smoothing,
    )
    network, content = _fitted(pool, config, recipe, progress)
    return Trained(embed(content, config), network)


def standardised(front_end: FrontEnd, pool: Pool) -> FrontEnd:
    """The front end with the mean and scale that give its coefficients mean 0 and deviation 1."""
    rows = pool.log_mels[:MEASURED].astype(np.float32).reshape(-1, front_end.mel_filters)
    raw = rows @ full_dct(FrontEndTables(front_end))
    mean, deviation = raw.mean(axis=0), raw.std(axis=0)
    return replace(
        front_end,
        mean=tuple(np.round(mean, 4).tolist()),
        scale=tuple(np.round(1 / deviation, 4).tolist()),
    )


def _fitted(
    pool: Pool, config: ModelConfig, recipe: Recipe, progress: Progress
) -> tuple[keras.Model, bytes]:
    classes = len(config.classes)
    architecture, steps = recipe.architecture, recipe.schedule.steps
    model = build(architecture, config.front_end, classes)
    trainer = Trainer(model, architecture, FrontEndTables(config.front_end), recipe.schedule)
    trainer.fit(pool, recipe.seed, lambda step, loss: progress("training", step / steps))
    window = build(architecture, config.front_end, classes, architecture.window_rows)
    copy_weights(model, window)
    return window, quantise(window, typical_windows(pool, config.front_end, architecture))


def typical_windows(
    pool: Pool, front_end: FrontEnd, architecture: Architecture
) -> npt.NDArray[np.float32]:
    """[TYPICAL, rows, coefficients] windows of examples; of keywords those that end with them.

    Without these the ranges of the last layers would be too narrow for the scores that count.
    """
    tables = FrontEndTables(front_end)
    dct = full_dct(tables)
    random = np.random.default_rng(0)
    windows = []
    for log_mels, labels in zip(pool.log_mels[-TYPICAL:], pool.labels[-TYPICAL:], strict=True):
        steps = np.flatnonzero(labels > 0) if labels.max() > 0 else np.arange(len(labels))
        start = int(random.choice(steps)) * architecture.stride
        rows = log_mels[start : start + architecture.window_rows].astype(np.float32)
        windows.append(rows @ dct + tables.bias)
    typical: npt.NDArray[np.float32] = np.clip(np.stack(windows), -RANGE, RANGE)
    return typical


def _read(clips: list[Clip]) -> list[npt.NDArray[np.int16]]:
    return [read_audio(clip.path) for clip in clips]
