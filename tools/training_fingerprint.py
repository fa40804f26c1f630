"""Write hashes of three tiny seeded trainings, to compare before and after a change of training.

    python tools/training_fingerprint.py DATA OUTPUT.json

One starts from random weights, one from the base model, one learns from a teacher as well (where
pyopen-wakeword is installed). Hashed are the stored arrays, the weights and settings of the int8
model, and its scores on what its fold holds out. On one machine, equal hashes mean that training
draws, computes and keeps the same; TensorFlow's kernels differ from one processor to another.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from fingerprint import digest

from kws.data.clips import PARTITIONS, Clip
from kws.data.dataset import Dataset
from kws.engine.lowering import read
from kws.model_file import ModelFile
from kws.training.architecture import Architecture
from kws.training.batches import Sampler
from kws.training.cross_validation import Job, Plugin, train_and_score
from kws.training.distillation import teacher
from kws.training.distillation.plugin import DistillationPlugin
from kws.training.fold import Fold
from kws.training.prepare import Preparation, prepare_material
from kws.training.recipe import WAKE_WORDS, ExampleCounts, Mining, Recipe, Schedule
from kws.training.workers import Status

FOLDS = 4
EXAMPLES, MINING = ExampleCounts(per_keyword=100, background=300), Mining(passages_per_epoch=10)
SMALL = Recipe(
    architecture=Architecture(channels=16, kernels=(3, 5), last_kernel=3),
    schedule=Schedule(
        epochs=3, steps_per_epoch=12, batch_size=32, warm_up_steps=5, ema_steps=(5, 20), patience=2
    ),
    examples=EXAMPLES,
    mining=MINING,
)


def small_dataset(data: Path) -> Dataset:
    """Return some recordings of a data folder, as models/home.toml names its folders."""

    def some(folder: str, count: int, every: int = 1) -> list[Clip]:
        paths = sorted((data / folder).iterdir())[: count * every : every]
        return [Clip(path, index % PARTITIONS) for index, path in enumerate(paths)]

    return Dataset(
        {"jarvis": some("wake/jarvis", 24), "smart mirror": some("wake/smart_mirror", 24)},
        some("speech/librispeech", 40, 3),
        some("noise/esc10", 16, 5),
        some("rir/surrey_room_a", 4, 9),
    )


def trainings() -> Iterator[tuple[str, Recipe, Plugin | None]]:
    """Yield name, recipe and plug-in of each training."""
    yield "random weights", SMALL, None
    base = ModelFile.load("base")
    shape = Architecture.of(base)
    front_end = base.config.front_end
    yield (
        "base model",
        replace(SMALL, initial=base, front_end=front_end, architecture=shape),
        None,
    )
    found = find_spec("pyopen_wakeword")
    if found and found.origin:
        yield (
            "distillation",
            replace(
                WAKE_WORDS,
                architecture=Architecture(
                    channels=16, first_kernel=3, kernels=(3, 5, 3), last_kernel=3
                ),
                schedule=replace(
                    SMALL.schedule,
                    final_learning_rate_fraction=0.25,
                    ema_steps=(500, 5000),
                    patience=0,
                ),
                examples=EXAMPLES,
                mining=replace(MINING, searched_hours=0.1),
                distillation=replace(
                    WAKE_WORDS.distillation, passages_per_batch=8, spliced_speech_hours=0.02
                ),
            ),
            DistillationPlugin(Path(found.origin).parent / "models"),
        )


def fingerprint(dataset: Dataset, recipe: Recipe, plugin: Plugin | None) -> dict[str, Any]:
    """Train the first fold and return the hashes of what is stored, made and scored."""
    with TemporaryDirectory() as name:
        work = Path(name)
        material = work / "examples"
        status = Status("examples", work / "progress")
        prepare_material(Preparation(dataset, recipe, work / "tts", material, status, plugin))
        stored = {path.stem: digest(np.load(path)) for path in sorted(material.glob("*.npy"))}
        job = Job(
            dataset, recipe, Fold(0, FOLDS, work), material, recipe.schedule.epochs, 1, plugin
        )
        tested = train_and_score(job)
    model, scored = tested.model, tested.scores
    layers = read(model.content, model.name).layers
    arrays = [a for each in layers for a in (each.weights, each.bias, each.multiplier, each.shift)]
    config = model.config
    settings = (
        *(config.keywords, config.thresholds, config.stride),
        *(config.front_end.mean, config.front_end.scale),
        *(config.smoothing.smooth_steps, config.smoothing.refractory_steps),
    )
    return {
        "stored": stored,
        "weights": digest(*arrays),
        "settings": digest(repr(settings).encode()),
        "scores": {
            condition: digest(
                *(q15.astype(np.int64) for q15 in scores.positives.values()),
                *(q15.astype(np.int64) for q15 in scores.negatives.values()),
            )
            for condition, scores in scored.items()
        },
    }


def main() -> None:
    """Write the fingerprints as JSON."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("data", type=Path, help="folder of recordings")
    parser.add_argument("output", type=Path, help="JSON file: TensorFlow prints on stdout")
    arguments = parser.parse_args()
    dataset = small_dataset(arguments.data)
    teacher.STEPS, teacher.MINE_EVERY = 60, 20
    # Batches are drawn ahead of the steps that tell the sampler what is hard: a race of threads.
    setattr(Sampler, "update", lambda *arguments: None)  # noqa: B010
    found = {name: fingerprint(dataset, *how) for name, *how in trainings()}
    arguments.output.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
