"""Compare a network by a recipe of kws with BC-ResNet-1 on the words of Speech Commands.

    python benchmarks/speech_commands.py WORK DATA --output DIR

DATA/speech_commands has training and validation speakers. Both networks are trained on the same
augmented clips of the former, and tested on clips of the latter (command_clips.py). The classes are
those of the ten command words that the data has enough recordings of, silence, and unknown.

kws's network gives a score every 40 ms; its answer is the class with the greatest mean posterior
over the steps of a clip that lies amid silence. It is tested as int8, by the engine. BC-ResNet-1
(bc_resnet.py) sees a clip as an image and is tested in float. What WORK holds is not made again.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from contextlib import redirect_stdout
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from bc_resnet import BATCH, HOP, WINDOW, build_bc_resnet, images, multiplications, train_bc_resnet
from command_clips import LEAST, CommandTask, read_task, recorded_words, varied
from scipy.special import softmax
from user_errors import run_main

from kws.backend import open_ds_cnn, open_front_end
from kws.config import SAMPLE_RATE
from kws.evaluation.intervals import mcnemar, wilson_interval
from kws.model_file import ModelFile
from kws.training.architecture import convolutions
from kws.training.example_store import EXAMPLES, ExamplePool
from kws.training.features import ExampleLayout, LogMelExtractor
from kws.training.recipe import COMMAND_WORDS, Recipe
from kws.training.recipe_file import read_hyperparameters
from kws.training.training_run import Training
from kws.types import Int, Samples

STEPS = 11  # of a clip: so the last begins 0.4 s after the first
CLIP_FRAMES = (SAMPLE_RATE - WINDOW) // HOP + 1
CLIP = slice(21, 21 + CLIP_FRAMES)  # of the stored frames of an example, its clip
VARIANTS = 4  # of each clip for training
EPOCHS = 200  # of BC-ResNet-1 over the clips, as in its paper
KWS, BC_RESNET = "kws", "BC-ResNet-1"
PUBLISHED = (
    "published: BC-ResNet-1 96.9 % with 9.2 K parameters, for 12 classes, by all of Speech Commands"
    " and on its test speakers"
)


@dataclass(frozen=True)
class Entrant:
    """Hold what a trained network answers to the clips of the test, and what it costs."""

    answers: Int  # [clips]
    parameters: int
    multiplications: float  # per second of audio


def main() -> None:
    """Train and test both networks, and print and write what they reach."""
    given = arguments()
    root = given.data / "speech_commands"
    found = recorded_words(root)
    words = given.words or [word for word, count in found.items() if count >= LEAST]
    if not words:
        raise SystemExit(f"{root}: no command has {LEAST} recordings")
    task = read_task(root, words)
    print(described(task, {word: n for word, n in found.items() if word not in words}))
    given.work.mkdir(parents=True, exist_ok=True)
    pool = examples_of(task, layout_of(recipe_of(given)), given.work, given.variants)
    ways = {KWS: of_kws, BC_RESNET: of_bc_resnet}
    results, right = [], {}
    for seed in given.seeds:
        for name in given.networks:
            entrant = ways[name](given, task, pool, seed)
            right[name, seed] = entrant.answers == task.test.labels
            results.append({"network": name, "seed": seed, **figures(entrant, task)})
            print(in_words(results[-1]), flush=True)
        if len(given.networks) == len(ways):
            p = mcnemar(~right[KWS, seed], ~right[BC_RESNET, seed])
            print(f"seed {seed}: p = {p:.2g} that both are wrong equally often (McNemar)")
    print(PUBLISHED)
    given.output.mkdir(parents=True, exist_ok=True)
    table = {"classes": task.names, "results": results}
    (given.output / "speech_commands.json").write_text(json.dumps(table, indent=1) + "\n")


def arguments() -> argparse.Namespace:
    """Return the options of the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("work", type=Path)
    parser.add_argument("data", type=Path)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--recipe", type=Path, default=Path(__file__).with_suffix(".toml"))
    parser.add_argument("--words", nargs="+", help="in place of the commands that are recorded")
    parser.add_argument("--networks", nargs="+", choices=[KWS, BC_RESNET], default=[KWS, BC_RESNET])
    parser.add_argument("--seeds", nargs="+", type=int, default=[1, 2, 3])
    parser.add_argument("--variants", type=int, default=VARIANTS, help="of each training clip")
    parser.add_argument("--epochs", type=int, default=EPOCHS, help="of BC-ResNet-1")
    return parser.parse_args()


def described(task: CommandTask, missing: dict[str, int]) -> str:
    """Return what is trained and tested, in words."""
    lacking = ", ".join(f"{word} ({count})" for word, count in missing.items())
    return (
        f"{len(task.names)} classes: {', '.join(task.names)}; {len(task.training.labels)} clips to"
        f" train on, {len(task.test.labels)} to test on; commands that are no class, with their"
        f" recordings: {lacking or 'none'}"
    )


def of_kws(given: argparse.Namespace, task: CommandTask, pool: ExamplePool, seed: int) -> Entrant:
    """Train the recipe's network, unless WORK has it, and return what the engine answers."""
    recipe = recipe_of(given)
    layout, epochs = layout_of(recipe), recipe.schedule.epochs
    path = given.work / f"kws-{seed}.tflite"
    if not path.exists():
        training = Training(given.work, task.names[1:], replace(recipe, seed=seed), held_out=())
        with redirect_stdout(sys.stderr):  # the converter's lines
            trained = training.run(given.work / f"kws-{seed}.npz", epochs, progress)
        path.write_bytes(trained.content)
    model = ModelFile.load(path)
    weights, biases = (
        sum(operator.constant(i, model.name).size for operator in convolutions(model))
        for i in (1, 2)
    )
    steps_per_second = SAMPLE_RATE / (layout.stride * layout.front_end.hop)
    answers = np.array([answer(model, amid_silence(x, layout)) for x in task.test.samples])
    return Entrant(answers, weights + biases, weights * steps_per_second)


def of_bc_resnet(
    given: argparse.Namespace, task: CommandTask, pool: ExamplePool, seed: int
) -> Entrant:
    """Train BC-ResNet-1, unless WORK has it, and return what it answers in float."""
    layout, classes = layout_of(recipe_of(given)), len(task.names)
    if layout.oversampled.hop != HOP:
        raise SystemExit(f"{given.recipe}: {BC_RESNET} needs examples with a hop of {2 * HOP}")
    path = given.work / f"bc-resnet-{seed}.weights.h5"
    if path.exists():
        model = build_bc_resnet(classes, CLIP_FRAMES)
        model.load_weights(path)
    else:
        clips, labels = pool.log_mels[:, CLIP], pool.keywords.astype(np.int64)
        steps = given.epochs * len(task.training.labels) // BATCH
        model = train_bc_resnet(clips, labels, classes, steps, seed, progress)
        model.save_weights(path)
    extractor = LogMelExtractor(layout.oversampled)
    test = np.stack([extractor.extract(amid_silence(x, layout)) for x in task.test.samples])
    logits = model.predict(images(test[:, CLIP].astype(np.float16)), verbose=0)
    parameters = sum(math.prod(variable.shape) for variable in model.trainable_variables)
    return Entrant(logits.argmax(axis=1), parameters, multiplications(model))


def recipe_of(given: argparse.Namespace) -> Recipe:
    """Return the recipe of kws's network."""
    return read_hyperparameters(given.recipe, COMMAND_WORDS)


def layout_of(recipe: Recipe) -> ExampleLayout:
    """Return the layout of an example: a clip amid silence."""
    return replace(ExampleLayout.of(recipe.front_end, recipe.architecture), steps=STEPS)


def amid_silence(samples: Samples, layout: ExampleLayout) -> Samples:
    """Return a clip with as much silence around it as an example has."""
    before = CLIP.start * layout.oversampled.hop
    return np.pad(samples, (before, layout.samples - before - len(samples)))


def examples_of(task: CommandTask, layout: ExampleLayout, work: Path, variants: int) -> ExamplePool:
    """Return the augmented clips of training, and keep them in WORK, unless it has them."""
    if not (work / "examples.labels.npy").exists():
        random, extractor = np.random.default_rng(1), LogMelExtractor(layout.oversampled)
        labels = np.repeat(task.training.labels, variants)
        log_mels = np.empty((len(labels), layout.frames, layout.front_end.mel_filters), np.float16)
        for i in range(len(labels)):
            clip = varied(task.training.samples[i // variants], task.noise, random)
            log_mels[i] = extractor.extract(amid_silence(clip, layout))
            progress("augmentation", (i + 1) / len(labels))
        steps = labels.astype(np.int8)[:, None].repeat(STEPS, axis=1)
        EXAMPLES.save(work, ExamplePool(log_mels, steps, np.zeros(len(labels), np.int8)))
    return ExamplePool.load(work)


def answer(model: ModelFile, samples: Samples) -> int:
    """Return the class with the greatest mean posterior over all steps of a clip."""
    network = open_ds_cnn(model)
    scores = network.push(open_front_end(model).push(samples))
    return int(softmax(scores * network.score_scale, axis=1).mean(axis=0).argmax())


def figures(entrant: Entrant, task: CommandTask) -> dict[str, Any]:
    """Return what is written of an entrant."""
    labels, count = task.test.labels, len(task.test.labels)
    right = int((entrant.answers == labels).sum())
    confusions = np.zeros((len(task.names),) * 2, int)
    np.add.at(confusions, (labels, entrant.answers), 1)
    return {
        "clips": count,
        "right": right,
        "accuracy": round(right / count, 4),
        "interval": [round(limit, 4) for limit in wilson_interval(right, count)],
        "parameters": entrant.parameters,
        "multiplications_per_second": round(entrant.multiplications),
        "confusions": confusions.tolist(),  # by label, then by answer
    }


def in_words(result: dict[str, Any]) -> str:
    """Return the figures of a network in words."""
    low, high = result["interval"]
    return (
        f"{result['network']}, seed {result['seed']}: {result['accuracy']:.1%} right"
        f" ({result['right']} of {result['clips']}, {low:.1%} to {high:.1%}),"
        f" {result['parameters']:,} parameters,"
        f" {result['multiplications_per_second'] / 1e6:.2f} M multiplications per second"
    )


def progress(what: str, share: float) -> None:
    """Show on standard error what is being done and how far it is."""
    print(f"\r{what}: {share:.0%}   ", end="\n" if share == 1 else "", file=sys.stderr, flush=True)


if __name__ == "__main__":
    run_main(main)
