"""Compare models by the scores of wake_words.py: compare_wake_words.py DIR DIR... [--alarms N...].

Every folder is the --output of a `wake_words.py` over the same recordings. The first model is
compared with each other one, at thresholds that raise so many false alarms in all kinds of speech
and noise, running and alone together, an equal share of each keyword (kws/evaluation/
whole_model.py): misses by condition, and by McNemar's exact test how probable it is that a
difference as great is chance. Then the false alarms of each kind.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table
from stored_scores import StoredScores
from user_errors import run_main

from kws.errors import KwsError
from kws.evaluation.condition_report import with_total
from kws.evaluation.intervals import mcnemar
from kws.evaluation.whole_model import false_alarms, missed


def compared(models: Sequence[StoredScores], names: Sequence[str], alarms: int) -> list[Table]:
    """Return the tables of misses and of false alarms at so many false alarms."""
    thresholds = [model.equal_alarm_thresholds(alarms) for model in models]
    misses = Table(title=f"missed, % (p by McNemar's test against the first), {alarms} alarms")
    misses.add_column("condition")
    for name in names:
        misses.add_column(name, justify="right")
    for condition in models[0].scores.positives:
        found = [missed(m.scores, t, condition) for m, t in zip(models, thresholds, strict=True)]
        cells = [f"{100 * found[0].mean():.1f}"]
        cells += [f"{100 * of.mean():.1f} (p {mcnemar(found[0], of):.2g})" for of in found[1:]]
        misses.add_row(condition, *cells)
    kinds = Table(title=f"false alarms running + alone, {alarms} alarms")
    kinds.add_column("kind")
    counts = []
    for name, model, of_model in zip(names, models, thresholds, strict=True):
        kinds.add_column(name, justify="right")
        found_alarms = false_alarms(model.scores, of_model, model.refractory)
        counts.append(with_total(model.scores, found_alarms))
    for kind in counts[0]:
        cells = [" + ".join(str(a.alarms) for a in count[kind].values()) for count in counts]
        kinds.add_row(kind, *cells)
    return [misses, kinds]


def load(folders: Sequence[Path]) -> list[StoredScores]:
    """Read the scores; KwsError where they are not of the same recordings and conditions."""
    models = [StoredScores.load(folder) for folder in folders]
    for folder, model in zip(folders, models, strict=True):
        same = model.recordings == models[0].recordings
        if not same or list(model.scores.positives) != list(models[0].scores.positives):
            raise KwsError(f"{folder}: not the recordings or the conditions of {folders[0]}")
    return models


def main() -> None:
    """Print the tables for each number of false alarms."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folders", type=Path, nargs="+", metavar="DIR")
    parser.add_argument("--alarms", type=int, nargs="+", default=(4, 20), metavar="N")
    given = parser.parse_args()
    models = load(given.folders)
    names = [str(folder) for folder in given.folders]
    console = Console(width=40 + 30 * len(models))
    for alarms in given.alarms:
        for table in compared(models, names, alarms):
            console.print(table)


if __name__ == "__main__":
    run_main(main)
