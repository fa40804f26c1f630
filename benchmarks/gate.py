"""What the energy gate costs: `python benchmarks/gate.py WORK DATA [--recipe models/home.toml]`.

WORK is the folder of a `kws train --work WORK`. Each fold's model hears the recordings that the
fold held out with the gate and without it: as they are, in noise at 10 dB SNR, and turned down
until the greatest sample lies at -50 dBFS. Each keyword is heard twice: alone, from a fresh start
as `kws evaluate` hears it, and among all others in one stream, where the gate has got used to what
came before. The thresholds are for 0.5 false alarms per hour of a keyword in clean speech without
the gate.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from itertools import repeat
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table
from work_folder import folds_of, hyperparameters_of, parser

from kws.audio.audio_file import read_audio
from kws.config import SAMPLE_RATE
from kws.data.recipe import from_recipe
from kws.evaluation.evaluate import evaluate
from kws.evaluation.scores import Scorer, Scores, merge_scores, score_recordings
from kws.evaluation.test_set import mix_with_noise
from kws.gate import Gate
from kws.listener import FLUSH_SECONDS
from kws.training.calibration import calibrated
from kws.training.cross_validation import NOISY_SNR, Fold, recordings
from kws.training.recipe import WAKE_WORDS
from kws.training.recipe_file import read_hyperparameters
from kws.types import Samples

ALARMS_PER_HOUR = 0.5
QUIET = -50.0  # dBFS
CLEAN = "clean"
GATES = ("off", "on")

Positives = dict[str, list[Samples]]
Heard = dict[tuple[str, str, str], Scores]  # condition, gate, "alone" or "in one stream"
Open = dict[str, tuple[int, int]]  # condition: samples of the negatives that are heard, and all


def main() -> None:
    """Print the table."""
    arguments = parser(__doc__).parse_args()
    folds = folds_of(arguments)
    with ProcessPoolExecutor(os.cpu_count()) as executor:
        inputs = (folds, repeat(arguments.recipe), repeat(arguments.data))
        heard, opened = zip(*executor.map(hear, *inputs), strict=True)
    together = {key: merge_scores([fold[key] for fold in heard if key in fold]) for key in heard[0]}
    config = folds[0].load(hyperparameters_of(arguments)).config
    config = calibrated(config, together[CLEAN, "off", "alone"], ALARMS_PER_HOUR)
    table = Table()
    for heading in ("", "gate", "missed alone", "in one stream", "false alarms", "speech heard"):
        table.add_column(heading, justify="right" if heading else "left")
    for condition, gate in {key[:2]: None for key in together}:
        results = {
            how: evaluate(together[condition, gate, how], config).at_threshold.values()
            for how in ("alone", "in one stream")
        }
        count = sum(rate.utterances for rate in results["alone"])
        missed = {how: sum(rate.misses for rate in rates) for how, rates in results.items()}
        alarms = sum(rate.false_alarms for rate in results["alone"])
        passed, length = map(sum, zip(*(fold[condition] for fold in opened), strict=True))
        table.add_row(
            condition,
            gate,
            *(f"{n} of {count}, {n / count:.2%}" for n in missed.values()),
            f"{alarms} in {length / SAMPLE_RATE / 3600:.2f} h",
            "100.0%" if gate == "off" else f"{passed / length:.1%}",
        )
    Console().print(table)


def hear(fold: Fold, recipe: Path, data: Path) -> tuple[Heard, Open]:
    """What a fold's model makes of its test set in every condition."""
    model = fold.load(read_hyperparameters(recipe, WAKE_WORDS))
    test = fold.test_set(from_recipe(recipe, data))
    positives, negatives = recordings(test)
    noise = [read_audio(clip.path) for clip in test.noise]
    heard, opened = {}, {}
    for condition, words, speech in conditions(positives, negatives, np.concatenate(noise)):
        for gate in GATES:
            scorer = Scorer(model if gate == "on" else model.without_gate())
            alone = score_recordings(scorer, words, speech)
            heard[condition, gate, "alone"] = alone
            peaks = peaks_in_one_stream(scorer, words)
            heard[condition, gate, "in one stream"] = Scores(peaks, alone.negatives, alone.hours)
        passages = Gate(model.config).push(np.concatenate(speech))
        opened[condition] = (sum(len(p) for _, p in passages), sum(map(len, speech)))
    return heard, opened


def conditions(
    positives: Positives, negatives: list[Samples], noise: Samples
) -> Iterator[tuple[str, Positives, list[Samples]]]:
    """Name, keywords and speech without them, in each condition."""
    yield CLEAN, positives, negatives
    noisy = {
        keyword: list(mix_with_noise(words, noise, NOISY_SNR, seed=index))
        for index, (keyword, words) in enumerate(positives.items())
    }
    around = list(mix_with_noise(negatives, noise, NOISY_SNR, seed=len(positives)))
    yield f"{NOISY_SNR:g} dB SNR", noisy, around
    quiet = {keyword: list(map(turned_down, words)) for keyword, words in positives.items()}
    yield f"{QUIET:g} dBFS", quiet, list(map(turned_down, negatives))


def turned_down(samples: Samples) -> Samples:
    """The recording with its greatest sample at QUIET."""
    peak = max(1.0, np.abs(samples.astype(np.float64)).max())
    quiet: Samples = np.rint(samples * (32768 * 10 ** (QUIET / 20) / peak)).astype(np.int16)
    return quiet


def peaks_in_one_stream(scorer: Scorer, positives: Positives) -> dict[str, np.ndarray]:
    """Greatest confidence of each recording's keyword from its start to shortly behind its end."""
    words = [(keyword, samples) for keyword, some in positives.items() for samples in some]
    order = np.random.default_rng(0).permutation(len(words))
    trace = scorer.score_stream(words[place][1] for place in order)
    config = scorer.config
    step = config.stride * config.front_end.hop
    first = scorer.end_sample(0)
    peaks = np.zeros(len(words), np.int64)
    end = 0
    for place in order:
        keyword, samples = words[place]
        start, end = end, end + len(samples)
        until = end + round(FLUSH_SECONDS * SAMPLE_RATE)
        steps = trace[max(0, start - first) // step : (until - first) // step]
        peaks[place] = steps[:, config.keywords.index(keyword)].max(initial=0)
    of = np.array([keyword for keyword, _ in words])
    return {keyword: peaks[of == keyword] for keyword in positives}


if __name__ == "__main__":
    main()
