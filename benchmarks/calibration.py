"""Measure whether thresholds keep their word: `nice python benchmarks/calibration.py DATA`.

DATA is the data folder of the recipes. Each model of models/home.folds scores the speech that it
was not trained on: its held-out quarter, and `speech_more`, which none of them was trained on. By
random splits over speakers, thresholds from a part of one half are tried on the other half: how
many false alarms are counted there, of how many that were promised, and how often the count lies
within what the interval lets expect (of 95 %: its rates, as Poisson counts). With `--kept MODEL`,
the model that was kept when these folds were trained (models/home.tflite of commit a06d90c),
thresholds from the folds are tried on it, on speech that neither was trained on. Takes some five
minutes of one core; `--peaks DIR` keeps what was scored.
"""

from __future__ import annotations

import argparse
import pickle
from collections import defaultdict
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.progress import track
from rich.table import Table
from user_errors import run_main

from kws.data.clips import Clip, clips_in
from kws.data.dataset_recipe import from_recipe
from kws.evaluation.intervals import CONFIDENCE
from kws.evaluation.peak_tail import PeakTail, bootstrap_rates, whole_rate
from kws.evaluation.scores import Scorer
from kws.evaluation.speech_peaks import SpeechPeaks, by_kind, find_speech_peaks, join_peaks
from kws.model_file import ModelFile
from kws.training.fold import QUARTERS, Fold
from kws.training.recipe import WAKE_WORDS

MODELS = Path(__file__).resolve().parents[1] / "models"
FOLDS = MODELS / "home.folds"
UNHEARD = "speech_more"  # folder of speech that none of these models was trained on
SPLITS = 10
PARTS = (1.0, 0.5, 0.25, 0.125)  # of a half, that thresholds come from
RATES = (4.0, 1.0, 0.2)  # false alarms per hour of all keywords together
KEPT_RATES = (20.0, *RATES)


def main() -> None:
    """Score the speech, and print both tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--peaks", type=Path, help="folder that keeps what was scored")
    parser.add_argument("--kept", type=Path, help="model that was trained with the folds")
    arguments = parser.parse_args()
    data = arguments.data
    kept = Keeper(arguments.peaks)
    dataset = from_recipe(MODELS / "home.toml", data)
    folds = [Fold(index, QUARTERS, FOLDS) for index in range(QUARTERS)]
    unheard = _by_source(data)
    new, own = [], []
    for fold in track(folds, "scoring"):
        scorer = Scorer(fold.load(WAKE_WORDS))
        test = [c for c in fold.test_set(dataset).negatives if UNHEARD not in c.path.parts]
        own.append(kept(f"fold-{fold.index}", partial(_peaks, scorer, test, data)))
        new.append(kept(f"fold-{fold.index}-new", partial(find_speech_peaks, scorer, unheard)))
    console = Console(width=120)
    console.print(halves([join_peaks(both) for both in zip(own, new, strict=True)]))
    if arguments.kept:
        scorer = Scorer(ModelFile.load(arguments.kept))
        console.print(
            folds_and_kept(new, kept("kept-new", partial(find_speech_peaks, scorer, unheard)))
        )


class Keeper:
    """Keep peaks in files, where there is a folder for them."""

    def __init__(self, folder: Path | None) -> None:
        """Make the folder."""
        self._folder = folder
        if folder:
            folder.mkdir(parents=True, exist_ok=True)

    def __call__(self, name: str, find: Callable[[], SpeechPeaks]) -> SpeechPeaks:
        """Return the peaks of a name, found unless they are kept."""
        path = self._folder / f"{name}.pickle" if self._folder else None
        if path and path.exists():
            peaks: SpeechPeaks = pickle.loads(path.read_bytes())
            return peaks
        found = find()
        if path:
            path.write_bytes(pickle.dumps(found))
        return found


def _peaks(scorer: Scorer, clips: list[Clip], data: Path) -> SpeechPeaks:
    """Return the peaks in recordings, by the folder of DATA that they are in."""
    speech: dict[str, list[Path]] = defaultdict(list)
    for clip in clips:
        speech["/".join(clip.path.relative_to(data).parts[:2])].append(clip.path)
    return find_speech_peaks(scorer, speech)


def _by_source(data: Path) -> dict[str, list[Path]]:
    """Return the speech that none of the models was trained on, by source."""
    clips = clips_in(data / UNHEARD)
    return by_kind([Clip(clip.path, 0, kind=clip.path.parent.name) for clip in clips])


def thresholds(peaks: SpeechPeaks, rate: float) -> dict[str, float]:
    """Return the heights by keyword for a rate of all of them together."""
    share = rate / len(peaks.heights)
    return {k: PeakTail.fit(h, peaks.hours).height(share) for k, h in peaks.heights.items()}


def count(peaks: SpeechPeaks, heights: dict[str, float]) -> int:
    """Return the number of peaks that reach the heights."""
    return sum(int((peaks.heights[k] >= height).sum()) for k, height in heights.items())


def halves(models: list[SpeechPeaks]) -> Table:
    """Return how thresholds from a part of one half of the speakers do on the other half."""
    random = np.random.default_rng(0)
    found = defaultdict(list)
    for _ in track(range(SPLITS), "splitting"):
        for peaks in models:
            groups = len(peaks.group_hours)
            rank = random.permutation(groups)
            other = peaks.select(rank >= groups // 2)
            for part in PARTS:
                some = peaks.select(rank < int(part * (groups // 2)))
                for rate in RATES:
                    heights = thresholds(some, rate)
                    rates = bootstrap_rates(some, heights)
                    tail = (1 - CONFIDENCE) / 2
                    low, high = np.quantile(rates, (tail, 1 - tail))
                    least, most = np.quantile(random.poisson(rates * other.hours), (tail, 1 - tail))
                    counted = count(other, heights)
                    within = least <= counted <= most
                    result = (some.hours, rate * other.hours, counted, within, low, high)
                    found[rate, part].append(result)
    table = Table(title=f"Thresholds from one half, counted on the other; {SPLITS} splits of 4")
    for heading in ("asked per hour", "from hours", "promised", "counted", "ratio"):
        table.add_column(heading, justify="right")
    for heading in ("within", "interval of the rate (median)"):
        table.add_column(heading, justify="right")
    for (rate, _), results in found.items():
        hours, promised, counted, within, low, high = np.array(results, float).T
        table.add_row(
            *(f"{rate:g}", f"{hours.mean():.2f}", f"{promised.sum():.0f}", f"{counted.sum():.0f}"),
            *(f"{counted.sum() / promised.sum():.2f}", f"{within.mean():.0%}"),
            f"{np.median(low):.2g} to {np.median(high):.2g}",
        )
    return table


def folds_and_kept(folds: list[SpeechPeaks], kept: SpeechPeaks) -> Table:
    """Return what the kept model does at thresholds from the folds, on the same speech."""
    table = Table(title=f"Thresholds from the folds, the kept model on {kept.hours:.2f} h")
    for heading in ("asked per hour", "promised", "counted", "rate of its own tail"):
        table.add_column(heading, justify="right")
    for rate in KEPT_RATES:
        heights = thresholds(join_peaks(folds), rate)
        counted = count(kept, heights)
        own = whole_rate(kept, heights)
        table.add_row(f"{rate:g}", f"{rate * kept.hours:.1f}", str(counted), f"{own:.2f}")
    return table


if __name__ == "__main__":
    run_main(main)
