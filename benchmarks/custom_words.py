"""Measure how many recordings a wake word of your own takes: misses by their number.

    python benchmarks/custom_words.py WORK DATA --output DIR

For each word a base model is trained as the shipped one is, without the word, what sounds like it,
and a quarter of all sessions and speakers. From there `kws train` makes models of 0, 10, 25 ...
recordings of the word, out of the other three quarters and at random (seed 1), besides synthetic
speech; with an hour of recorded speech and noise and, for some counts, with nothing else. They are
tested on the quarter that neither they nor the base model was trained on: on the word, clean and in
noise of 10 dB SNR, at the threshold for at most 0.5 false alarms per hour of that quarter's speech.
Each training is repeated from other seeds: where few sessions and the hardest second of the speech
decide, trainings differ. What WORK holds already is not made again.
"""

from __future__ import annotations

import argparse
import json
import os
from dataclasses import replace
from pathlib import Path

import numpy as np

from kws.data.clips import Clip
from kws.data.dataset import Dataset
from kws.data.dataset_recipe import from_recipe
from kws.evaluation.evaluate import evaluate
from kws.model_file import ModelFile
from kws.parallel import workers
from kws.training.cross_validation import (
    Fold,
    Job,
    ScoresByCondition,
    score_test_set,
    train_and_test,
)
from kws.training.pipeline import EXAMPLES, SYNTHETIC
from kws.training.plan import QUARTERS
from kws.training.prepare import Preparation, prepare_material
from kws.training.recipe import BASE_MODEL, Recipe, fine_tuning
from kws.training.recipe_file import read_hyperparameters
from kws.training.synthetic_speech import with_synthesis
from kws.training.workers import run_jobs

WORDS = "alexa:0,jarvis:0,smart mirror:2"
COUNTS = (0, 10, 25, 50, 100, 200)
ALONE = (0, 50)  # of those, also with nothing but synthetic speech
SPEECH = "speech/librispeech", "speech/orders"  # folders of the recorded speech
EVERY = 2  # of its recordings is used, which makes about an hour
ALARMS_PER_HOUR = 0.5  # at most, at the threshold that misses are given for


def main() -> None:
    """Print a line of JSON for each case, and write all of them."""
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("work", type=Path)
    arguments.add_argument("data", type=Path)
    arguments.add_argument("--recipe", type=Path, default=Path("models/home.toml"))
    arguments.add_argument("--base", type=Path, default=Path("models/base.toml"))
    arguments.add_argument("--words", default=WORDS, help="each with the quarter it is tested on")
    arguments.add_argument("--counts", default=",".join(map(str, COUNTS)))
    arguments.add_argument("--seeds", type=int, default=2, help="trainings of each kind")
    arguments.add_argument("--output", type=Path, required=True)
    given = arguments.parse_args()
    everything, of_base = (from_recipe(r, given.data) for r in (given.recipe, given.base))
    recipe = read_hyperparameters(given.base, BASE_MODEL)
    results = []
    for word, quarter in (named.split(":") for named in given.words.split(",")):
        work = given.work / word.replace(" ", "_")
        study = Study(everything, of_base, recipe, word, int(quarter), work)
        base = study.base_model()
        counts = [int(count) for count in given.counts.split(",")]
        cases = [(count, True) for count in counts]
        cases += [(count, False) for count in counts if count in ALONE]
        for count, speech in cases:
            results.append(study.result(base, count, speech, given.seeds))
            print(json.dumps(results[-1]), flush=True)
    given.output.mkdir(parents=True, exist_ok=True)
    (given.output / "custom_words.json").write_text(json.dumps(results, indent=1))


class Study:
    """Train and test models of one word, for which one quarter of the data is held out."""

    def __init__(
        self,
        everything: Dataset,
        of_base: Dataset,
        recipe: Recipe,
        word: str,
        quarter: int,
        work: Path,
    ) -> None:
        self.word, self.work, self.recipe = word, work, recipe
        self.fold = Fold(quarter, QUARTERS, work / "base")
        self.others = without(of_base, word)
        self.kept = everything.partitions(set(range(8)) - set(self.fold.held_out))
        self.test = replace(
            self.fold.test_set(everything),
            positives={word: self.fold.test_set(everything).positives[word]},
        )

    def base_model(self) -> ModelFile:
        """Return the model that training starts from."""
        return self.trained(self.others, self.recipe, self.fold, self.fold.folder / EXAMPLES)

    def result(self, base: ModelFile, count: int, speech: bool, seeds: int) -> dict[str, object]:
        """Train the final model of `kws train` on `count` recordings and test it, for each seed."""
        folder = self.work / f"{count}-{'speech' if speech else 'alone'}"
        dataset, recipe = self.dataset(count, speech), fine_tuning(base)
        models = [
            self.trained(
                dataset,
                replace(recipe, seed=seed),
                Fold(QUARTERS, QUARTERS, folder / f"seed-{seed}"),
                folder / EXAMPLES,
            )
            for seed in range(1, seeds + 1)
        ]
        tests = [self.tested(model) for model in models]
        return {
            "word": self.word,
            "recordings": count,
            "recorded_speech": speech,
            **{name: [test[name] for test in tests] for name in tests[0]},
        }

    def trained(self, dataset: Dataset, recipe: Recipe, fold: Fold, material: Path) -> ModelFile:
        """Return a model trained as `kws train` trains one of its networks."""
        if fold.path.exists():
            return fold.load(recipe)
        fold.folder.mkdir(parents=True, exist_ok=True)
        if not material.exists():
            job = Preparation(dataset, recipe, self.work / SYNTHETIC, material, fold.status)
            with workers(processes=1) as pool:
                run_jobs(pool, prepare_material, [(fold.log, job)])
        training = Job(dataset, recipe, fold, material, recipe.schedule.epochs, os.cpu_count() or 1)
        with workers(processes=1) as pool:
            train_and_test([training], pool, lambda: None)
        return fold.load(recipe)

    def tested(self, model: ModelFile) -> dict[str, float]:
        """Return a model's misses at the threshold for the target of false alarms."""
        with workers(processes=1) as pool:
            log = self.work / "test.log"
            (scores,) = run_jobs(pool, _score, [(log, (model, self.test))])
        clean, noisy = scores.values()
        point = evaluate(clean, model.config).at_target[self.word][ALARMS_PER_HOUR]
        threshold = point.threshold if point else float("nan")
        config = replace(model.config, thresholds=(min(1.0, threshold),))
        rates = [evaluate(traces, config).at_threshold[self.word] for traces in (clean, noisy)]
        return {
            "hours": round(clean.hours, 2),
            "threshold": round(rates[0].threshold, 4),
            "clean": round(rates[0].miss_rate, 4),
            "10 dB": round(rates[1].miss_rate, 4),
            "false alarms": rates[0].false_alarms,
        }

    def dataset(self, count: int, speech: bool) -> Dataset:
        """Return `count` recordings of the word and, if speech, recorded speech and noise."""
        clips = [clip for clip in self.kept.positives[self.word] if clip.testable]
        chosen = np.random.default_rng(1).permutation(len(clips))[:count]
        negatives = [c for c in self.kept.negatives if any(f in str(c.path) for f in SPEECH)]
        return with_synthesis(
            Dataset(
                {self.word: self._renumbered([clips[i] for i in chosen])},
                self._renumbered(negatives[::EVERY]) if speech else [],
                self._renumbered(self.kept.noise) if speech else [],
            )
        )

    def _renumbered(self, clips: list[Clip]) -> list[Clip]:
        """Return clips in the first partitions, as if there were no quarter left out."""
        parts = sorted(set(range(8)) - set(self.fold.held_out))
        return [replace(clip, partition=parts.index(clip.partition)) for clip in clips]


def without(everything: Dataset, word: str) -> Dataset:
    """Return a dataset without a word and the listed phrases, some of which sound like it."""
    positives = {k: clips for k, clips in everything.positives.items() if k != word}
    synthesis = replace(everything.synthesis, confusable_phrases=())
    return replace(everything, positives=positives, synthesis=synthesis)


def _score(job: tuple[ModelFile, Dataset]) -> ScoresByCondition:
    return score_test_set(*job)


if __name__ == "__main__":
    main()
