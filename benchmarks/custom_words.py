"""Measure what `kws new` makes of words that no shipped model knows.

    python benchmarks/custom_words.py WORK DATA --output DIR

For each word and number of recordings `kws new` runs as a user runs it: from the text alone, or
with 10 or 50 recordings besides, and with a folder of other speech where there is one (--speech).
The words are those that a recipe keeps unheard (--unheard). The networks of home, from which
trainings start, have heard them among other speech, but not by the quarter of the sessions and
speakers that home's recipe holds out: the model is tested on that quarter alone, on the word clean
and in household noise of 10 dB SNR, and on all speech without it, running and with 2 s between its
recordings. Recordings to train on come from the others. Misses are given at the model's own
threshold and at those for 0.5 and 0.1 false alarms per hour. What WORK holds is not made again.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from user_errors import run_main

from kws.audio.audio_file import read_usable
from kws.config import SAMPLE_RATE
from kws.data.audio_files import audio_files
from kws.data.clips import Clip
from kws.data.dataset import NEGATIVE, Dataset
from kws.data.dataset_recipe import from_recipe
from kws.data.transcripts import transcripts_of
from kws.evaluation.condition_scores import ALONE_SECONDS
from kws.evaluation.intervals import wilson_interval
from kws.evaluation.noise_mixing import mix_with_noise
from kws.evaluation.operating_points import count_detections, lowest_threshold
from kws.evaluation.scores import Scorer
from kws.keyword_names import comparison_key, words_of
from kws.model_file import ModelFile
from kws.posterior import ONE, quantise_threshold
from kws.toml_file import read_toml
from kws.training.fold import QUARTERS, Fold
from kws.training.recipe import WAKE_WORDS
from kws.training.recipe_file import read_hyperparameters
from kws.types import Int, Samples, Trace

COUNTS = "0,10,50"
SPOKEN = {"thinkengine": "think engine"}  # how a word is given to synthesisers
SNR = 10.0  # dB
RATES = (0.5, 0.1)  # false alarms per hour


def main() -> None:
    """Print a line of JSON for each model, and write all of them."""
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("work", type=Path)
    arguments.add_argument("data", type=Path)
    arguments.add_argument("--recipe", type=Path, default=Path("models/home.toml"))
    arguments.add_argument("--unheard", type=Path, default=Path("models/base.toml"))
    arguments.add_argument("--words", help="of those that are kept unheard; default all")
    arguments.add_argument("--counts", default=COUNTS, help="of recordings, 0 for the text alone")
    arguments.add_argument("--speech", type=Path, help="recorded speech to train on as well")
    arguments.add_argument("--init", help="model that training starts from, instead of home")
    arguments.add_argument("--kokoro", type=Path, help="folder of Kokoro, which speaks as well")
    arguments.add_argument("--output", type=Path, required=True)
    given = arguments.parse_args()
    everything = from_recipe(given.recipe, given.data)
    unheard = read_toml(given.unheard).texts("unheard", '["a phrase"]')
    quarter = read_hyperparameters(given.recipe, WAKE_WORDS).schedule.held_out or 1
    held_out = Fold(quarter - 1, QUARTERS, given.work).held_out
    results = []
    for word in given.words.split(",") if given.words else unheard:
        work = given.work / word.replace(" ", "_")
        study = Study.of(word, everything, given.data, work, held_out)
        study = replace(study, speech=given.speech, initial=given.init, kokoro=given.kokoro)
        for count in map(int, given.counts.split(",")):
            results.append({"word": word, "recordings": count, **study.result(count)})
            print(json.dumps(results[-1]), flush=True)
    given.output.mkdir(parents=True, exist_ok=True)
    (given.output / "custom_words.json").write_text(json.dumps(results, indent=1))


@dataclass(frozen=True)
class Misses:
    """Hold the misses of a test, with Wilson's interval, and the false alarms at its threshold."""

    clean: float
    clean_interval: tuple[float, float]
    noisy: float
    noisy_interval: tuple[float, float]
    threshold: float
    false_alarms: int


@dataclass(frozen=True)
class Study:
    """Train and test models of one word."""

    word: str
    recordings: list[Clip]
    negatives: list[Clip]  # that it is tested on
    noise: list[Clip]  # of the household
    work: Path
    held_out: Sequence[int]  # partitions that it is tested on
    speech: Path | None = None  # without the word, of which `kws new` is given what is not tested
    initial: str | None = None  # model that training starts from; None for home
    kokoro: Path | None = None  # folder of a synthesiser that speaks as well

    @staticmethod
    def of(
        word: str, everything: Dataset, data: Path, work: Path, held_out: Sequence[int]
    ) -> Study:
        """Return the study of a word that is said in the negatives, by their transcripts."""
        said = transcripts_of(everything.negatives, data)
        spoken = [clip for clip in everything.negatives if said.get(clip.path) == word]
        own = {clip.path for clip in spoken}
        negatives = [
            clip
            for clip in everything.testable().negatives
            if clip.partition in held_out
            and clip.path not in own
            and not is_heard_in(said.get(clip.path, ""), word)
        ]
        recordings = [clip for clip in spoken if clip.testable]
        household = [clip for clip in everything.noise if clip.kind == "household"]
        return Study(SPOKEN.get(word, word), recordings, negatives, household, work, held_out)

    def result(self, count: int) -> dict[str, Any]:
        """Return what `kws new` says of its model of `count` recordings, and what is measured."""
        named = str(count) + "-and-speech" * bool(self.speech) + "-kokoro" * bool(self.kokoro)
        folder = self.work / (f"{named}-from-{Path(self.initial).stem}" if self.initial else named)
        model, report = folder / "model.tflite", folder / "report"
        figures = report / "report.json"
        if not (model.exists() and figures.exists()):  # or interrupted between the two
            command = [sys.executable, "-m", "kws", "new", self.word, "--anyway"]
            command += ["--output", str(model), "--report", str(report)]
            if self.initial:
                command += ["--init", self.initial]
            if self.kokoro:
                command += ["--kokoro", str(self.kokoro)]
            if count or self.speech:
                command += ["--recordings", str(self._dataset(count, folder / "recordings"))]
            folder.mkdir(parents=True, exist_ok=True)
            path = folder / "log.txt"
            with path.open("w") as log:
                done = subprocess.run(command, stdout=log, stderr=subprocess.STDOUT)
            if done.returncode:
                raise SystemExit(f"{path}: kws new failed with {done.returncode}; its end says why")
        said = json.loads(figures.read_text())
        phrases = said["confusable_phrases"]
        return {
            **self.tested(ModelFile.load(model)),
            "promised": next(iter(said["keywords"].values())),
            "near_phrases": [len(phrases["woken_by"]), phrases["count"]] if phrases else None,
        }

    def tested(self, model: ModelFile) -> dict[str, Any]:
        """Return a model's misses at its own threshold and at those for RATES."""
        scorer, negatives = Scorer(model), _read(self.negatives)
        clips = [clip for clip in self.recordings if clip.partition in self.held_out]
        clean = _read(clips)
        noisy = mix_with_noise(clean, np.concatenate(_read(self.noise)), SNR, seed=0)
        peaks = [np.array([scorer.peaks([x])[0] for x in some]) for some in (clean, noisy)]
        trace, hours = self._trace(scorer, negatives)
        refractory = model.config.smoothing.refractory_steps

        def at(threshold: int) -> dict[str, Any]:
            alarms = count_detections(trace, threshold, refractory)
            return asdict(_misses(peaks, threshold, alarms))

        own = at(quantise_threshold(model.config.thresholds[0]))
        of_rates = {
            f"{rate:g}/h": at(lowest_threshold(trace, int(rate * hours), refractory))
            for rate in RATES
        }
        return {"utterances": len(clean), "hours": round(hours, 2), "own": own, **of_rates}

    def _trace(self, scorer: Scorer, negatives: list[Samples]) -> tuple[Trace, float]:
        """Return the word's confidences over all speech, running and then alone, and its hours."""
        pause = np.zeros(round(ALONE_SECONDS * SAMPLE_RATE), np.int16)
        alone = (piece for samples in negatives for piece in (pause, samples))
        trace = np.concatenate([scorer.trace_stream(negatives), scorer.trace_stream(alone)])
        return trace[:, 0], 2 * sum(map(len, negatives)) / SAMPLE_RATE / 3600

    def _dataset(self, count: int, folder: Path) -> Path:
        """Return a dataset folder with `count` recordings that the word is not tested on."""
        clips = [clip for clip in self.recordings if clip.partition not in self.held_out]
        chosen = np.random.default_rng(1).permutation(len(clips))[:count]
        links = {folder / self.word / clips[i].path.name: clips[i].path for i in chosen}
        tested = {clip.path.resolve() for clip in self.negatives}
        for path in audio_files(self.speech) if self.speech else []:
            if path.resolve() not in tested:
                links[folder / NEGATIVE / path.name] = path
        for link, path in links.items():
            link.parent.mkdir(parents=True, exist_ok=True)
            if not link.exists():
                link.symlink_to(path.resolve())
        return folder


def is_heard_in(text: str, word: str) -> bool:
    """Return whether a word is a part of what is said: "ope rator", "voyagers" as well."""
    said, wanted = ("".join(words_of(comparison_key(each), "")) for each in (text, word))
    return wanted in said


def _misses(peaks: Iterable[Int], threshold: int, alarms: int) -> Misses:
    (clean, of_clean), (noisy, of_noisy) = (
        (float(np.mean(p < threshold)), wilson_interval(int((p < threshold).sum()), len(p)))
        for p in peaks
    )
    return Misses(clean, of_clean, noisy, of_noisy, threshold / ONE, alarms)


def _read(clips: Iterable[Clip]) -> list[Samples]:
    return read_usable([clip.path for clip in clips], warn=False)


if __name__ == "__main__":
    run_main(main)
