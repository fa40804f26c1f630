"""Print the shipped model's figures with 95 % intervals: python tools/bootstrap_intervals.py DATA.

DATA is the data folder of the recipe. The model of each fold in models/home.folds scores the
recordings that it was not trained on, clean and in noise, as `kws train` does. Miss rates are at
the thresholds of the shipped model. Their intervals are percentiles of a bootstrap over recording
sessions (session_clustering.py groups the recordings by sound), since recordings of one session
resemble each other: a bootstrap over single recordings would give intervals that are too narrow.
Where no recording is missed, a bootstrap gives no width; the upper limit is then that of
Clopper and Pearson (1934) for no miss in so many sessions. Intervals of false alarms per hour are
the exact ones of a Poisson count (Garwood 1936). Takes some minutes.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt
from rich.console import Console
from rich.progress import track
from rich.table import Table
from session_clustering import cluster_sessions

from kws.audio.audio_file import read_audio
from kws.data.clips import Clip
from kws.data.dataset_recipe import from_recipe
from kws.evaluation.evaluate import Evaluation
from kws.evaluation.intervals import poisson_interval
from kws.evaluation.scores import Scores
from kws.model_file import ModelFile
from kws.posterior import quantise_threshold
from kws.training.calibration import evaluate_folds, merge_folds
from kws.training.cross_validation import Fold, score_test_set
from kws.training.plan import QUARTERS
from kws.training.recipe import WAKE_WORDS

MODELS = Path(__file__).parents[1] / "models"
REPLICATES = 10_000
COVERAGE = 0.95
LOW, HIGH = (1 - COVERAGE) / 2, (1 + COVERAGE) / 2

Bool = npt.NDArray[np.bool_]
Int = npt.NDArray[np.int64]
Float = npt.NDArray[np.float64]
Interval = tuple[float, float]


def bootstrap_rates(missed: Bool, session: Int, random: np.random.Generator) -> Float:
    """Return the miss rate of each replicate, shape [REPLICATES].

    missed and session have shape [utterances]; a replicate draws as many sessions as there are,
    with replacement, and takes all utterances of a drawn session.
    """
    _, index = np.unique(session, return_inverse=True)
    misses = np.bincount(index, missed)
    utterances = np.bincount(index)
    count = len(utterances)
    drawn = random.multinomial(count, np.full(count, 1 / count), REPLICATES)
    rates: Float = (drawn @ misses) / (drawn @ utterances)
    return rates


def miss_interval(missed: Bool, session: Int, rates: Float) -> Interval:
    """Return the interval of one keyword's miss rate from the rates of its replicates."""
    if missed.any():
        return percentiles(rates)
    return 0.0, float(1 - LOW ** (1 / len(np.unique(session))))


def percentiles(rates: Float) -> Interval:
    """Return the percentile interval of replicates, shape [REPLICATES]."""
    low, high = np.quantile(rates, (LOW, HIGH))
    return float(low), float(high)


def session_labels(clips: list[Clip]) -> Int:
    """Return the session of each recording of one word, shape [clips]."""
    recordings = [read_audio(clip.path) for clip in clips]
    return cluster_sessions(recordings, [clip.path.stem for clip in clips]).astype(np.int64)


def table(title: str, scores: Scores, result: Evaluation, labels: Mapping[str, Int]) -> Table:
    """Return the table of one condition: a row per keyword, and their mean."""
    random = np.random.default_rng(1)
    columns = ("keyword", "utterances", "sessions", "with a miss", "missed", "95 %", "FA/h", "95 %")
    shown = Table(*columns, title=f"{title}, {scores.hours:.2f} h without the keywords")
    replicates, alarms = [], 0
    for keyword, point in result.at_threshold.items():
        missed = scores.positives[keyword] < quantise_threshold(point.threshold)
        rates = bootstrap_rates(missed, labels[keyword], random)
        replicates.append(rates)
        alarms += point.false_alarms
        shown.add_row(
            keyword,
            str(len(missed)),
            str(len(np.unique(labels[keyword]))),
            str(len(np.unique(labels[keyword][missed]))),
            f"{100 * missed.mean():.1f} %",
            percent(miss_interval(missed, labels[keyword], rates)),
            f"{point.false_alarms_per_hour:.2f}",
            per_hour(poisson_interval(point.false_alarms, scores.hours)),
        )
    mean = percentiles(np.mean(replicates, axis=0))
    missed_mean = f"{100 * result.mean_miss_rate():.1f} %"
    whole = f"{alarms / scores.hours:.2f}"
    interval = per_hour(poisson_interval(alarms, scores.hours))
    shown.add_section()
    shown.add_row("mean, sum", "", "", "", missed_mean, percent(mean), whole, interval)
    return shown


def percent(interval: Interval) -> str:
    """Return an interval of a rate in per cent."""
    return f"{100 * interval[0]:.1f} to {100 * interval[1]:.1f} %"


def per_hour(interval: Interval) -> str:
    """Return an interval of a rate per hour."""
    return f"{interval[0]:.2f} to {interval[1]:.2f}"


def main() -> None:
    """Score the recordings with the folds' models, and print a table for each condition."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    dataset = from_recipe(MODELS / "home.folds" / "data.toml", parser.parse_args().data)
    folds = [Fold(index, QUARTERS, MODELS / "home.folds") for index in range(QUARTERS)]
    tests = [fold.test_set(dataset) for fold in folds]
    pairs = track(list(zip(folds, tests, strict=True)), "scoring")
    scored = [score_test_set(fold.load(WAKE_WORDS), test) for fold, test in pairs]
    labels = {}
    for keyword in dataset.positives:
        clips = [clip for test in tests for clip in test.positives[keyword]]
        by_path = sorted(clips, key=lambda clip: clip.path)
        session = dict(zip((c.path for c in by_path), session_labels(by_path), strict=True))
        labels[keyword] = np.array([session[clip.path] for clip in clips])
    results = evaluate_folds(ModelFile.load().config, scored)
    console = Console(width=120)
    for condition, scores in merge_folds(scored).items():
        console.print(table(condition, scores, results[condition], labels))


if __name__ == "__main__":
    main()
