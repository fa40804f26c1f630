"""Measure what the energy gate misses: `python benchmarks/gate.py WORK DATA`.

WORK is the folder of a `kws train --work WORK`. The model of each fold is run on the recordings
that the fold held out, with and without the gate: as they are, in noise at 10 dB SNR, and
attenuated to a peak of -50 dBFS. Each recording of a keyword is scored twice: alone, from a fresh
start as `kws evaluate` does, and among all others in one stream, where the gate has adapted to what
came before. Thresholds are for 0.5 false alarms per hour of each keyword in clean speech without
the gate.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from itertools import repeat
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table
from user_errors import run_main
from work_folder import folds_of, hyperparameters_of, parser

from kws.audio.audio_file import read_audio
from kws.config import SAMPLE_RATE, ModelConfig
from kws.data.dataset_recipe import from_recipe
from kws.evaluation.evaluate import evaluate
from kws.evaluation.noise_mixing import mix_with_noise
from kws.evaluation.operating_points import operating_point_for
from kws.evaluation.scores import Scorer, Scores, merge_scores, score_recordings
from kws.gate import Gate
from kws.listener import FLUSH_SECONDS
from kws.training.dataset_scores import NOISY_SNR, read_test_set
from kws.training.fold import Fold
from kws.training.recipe import WAKE_WORDS
from kws.training.recipe_file import read_hyperparameters
from kws.types import Samples

FA_PER_HOUR = 0.5
LOW_LEVEL = -50.0  # dBFS, peak
CLEAN = "clean"
GATES = ("off", "on")

Positives = dict[str, list[Samples]]
Results = dict[tuple[str, str, str], Scores]  # condition, gate, "alone" or "in one stream"
Passed = dict[str, tuple[int, int]]  # condition: samples of the negatives that pass, and all


def main() -> None:
    """Print a table of misses, false alarms and the share of speech that passes the gate."""
    arguments = parser(__doc__).parse_args()
    folds = folds_of(arguments)
    with ProcessPoolExecutor(os.cpu_count()) as executor:
        inputs = (folds, repeat(arguments.recipe), repeat(arguments.data))
        results, passed = zip(*executor.map(score_fold, *inputs), strict=True)
    merged = {
        key: merge_scores([fold[key] for fold in results if key in fold]) for key in results[0]
    }
    config = folds[0].load(hyperparameters_of(arguments)).config
    config = with_counted_thresholds(config, merged[CLEAN, "off", "alone"])
    table = Table()
    for heading in ("", "gate", "missed alone", "in one stream", "false alarms", "speech passed"):
        table.add_column(heading, justify="right" if heading else "left")
    for condition, gate in {key[:2]: None for key in merged}:
        points = {
            how: evaluate(merged[condition, gate, how], config).at_threshold.values()
            for how in ("alone", "in one stream")
        }
        count = sum(point.utterances for point in points["alone"])
        missed = {how: sum(point.misses for point in some) for how, some in points.items()}
        alarms = sum(point.false_alarms for point in points["alone"])
        share, length = map(sum, zip(*(fold[condition] for fold in passed), strict=True))
        table.add_row(
            condition,
            gate,
            *(f"{n} of {count}, {n / count:.2%}" for n in missed.values()),
            f"{alarms} in {length / SAMPLE_RATE / 3600:.2f} h",
            "100.0%" if gate == "off" else f"{share / length:.1%}",
        )
    Console().print(table)


def with_counted_thresholds(config: ModelConfig, scores: Scores) -> ModelConfig:
    """Return the settings with each keyword's lowest threshold for FA_PER_HOUR."""
    refractory = config.smoothing.refractory_steps
    points = [
        operating_point_for(
            scores.positives[k], scores.negatives[k], FA_PER_HOUR, scores.hours, refractory
        )
        for k in config.keywords
    ]
    return replace(config, thresholds=tuple(min(1.0, max(0.5, p.threshold)) for p in points))


def score_fold(fold: Fold, recipe: Path, data: Path) -> tuple[Results, Passed]:
    """Score the test set of a fold in every condition, with and without the gate."""
    model = fold.load(read_hyperparameters(recipe, WAKE_WORDS))
    test = fold.test_set(from_recipe(recipe, data))
    positives, negatives = read_test_set(test)
    noise = [read_audio(clip.path) for clip in test.noise]
    results, passed = {}, {}
    for condition, words, speech in conditions(positives, negatives, np.concatenate(noise)):
        for gate in GATES:
            scorer = Scorer(model if gate == "on" else model.without_gate())
            alone = score_recordings(scorer, words, speech)
            results[condition, gate, "alone"] = alone
            peaks = peaks_in_one_stream(scorer, words)
            results[condition, gate, "in one stream"] = Scores(peaks, alone.negatives, alone.hours)
        passages = Gate(model.config).push(np.concatenate(speech))
        passed[condition] = (sum(len(p) for _, p in passages), sum(map(len, speech)))
    return results, passed


def conditions(
    positives: Positives, negatives: list[Samples], noise: Samples
) -> Iterator[tuple[str, Positives, list[Samples]]]:
    """Yield the name, the keywords and the speech without them in each condition."""
    yield CLEAN, positives, negatives
    noisy = {
        keyword: list(mix_with_noise(words, noise, NOISY_SNR, seed=index))
        for index, (keyword, words) in enumerate(positives.items())
    }
    noisy_negatives = list(mix_with_noise(negatives, noise, NOISY_SNR, seed=len(positives)))
    yield f"{NOISY_SNR:g} dB SNR", noisy, noisy_negatives
    attenuated = {keyword: list(map(attenuate, words)) for keyword, words in positives.items()}
    yield f"{LOW_LEVEL:g} dBFS", attenuated, list(map(attenuate, negatives))


def attenuate(samples: Samples) -> Samples:
    """Scale a recording to a peak of LOW_LEVEL."""
    peak = max(1.0, np.abs(samples.astype(np.float64)).max())
    scaled: Samples = np.rint(samples * (32768 * 10 ** (LOW_LEVEL / 20) / peak)).astype(np.int16)
    return scaled


def peaks_in_one_stream(scorer: Scorer, positives: Positives) -> dict[str, np.ndarray]:
    """Return the peaks of each keyword's recordings, to FLUSH_SECONDS after their ends."""
    words = [(keyword, samples) for keyword, some in positives.items() for samples in some]
    order = np.random.default_rng(0).permutation(len(words))
    trace = scorer.score_stream(words[index][1] for index in order)
    config = scorer.config
    step = config.stride * config.front_end.hop
    first = scorer.end_sample(0)
    peaks = np.zeros(len(words), np.int64)
    end = 0
    for index in order:
        keyword, samples = words[index]
        start, end = end, end + len(samples)
        until = end + round(FLUSH_SECONDS * SAMPLE_RATE)
        steps = trace[max(0, start - first) // step : (until - first) // step]
        peaks[index] = steps[:, config.keywords.index(keyword)].max(initial=0)
    names = np.array([keyword for keyword, _ in words])
    return {keyword: peaks[names == keyword] for keyword in positives}


if __name__ == "__main__":
    run_main(main)
