"""Keep the scores of a model over the wake word benchmark, so that models can be compared later."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from kws.errors import KwsError
from kws.evaluation.condition_scores import ConditionScores, KindScores
from kws.evaluation.whole_model import equal_alarm_thresholds
from kws.types import Int

FILE = "scores.npz"


@dataclass(frozen=True)
class StoredScores:
    """Hold the scores of a model, its thresholds, and what they were computed of."""

    name: str
    scores: ConditionScores
    thresholds: Int  # [keywords], Q15
    refractory: int  # steps
    recordings: dict[str, list[str]]  # paths by keyword and by kind, in the order of the scores

    def save(self, folder: Path) -> None:
        """Write the scores into a folder."""
        arrays = {"thresholds": self.thresholds}
        for condition, by_keyword in self.scores.positives.items():
            arrays |= {_key("peaks", condition, k): found for k, found in by_keyword.items()}
        for kind, of in self.scores.kinds.items():
            arrays[_key("alone", kind)] = of.peaks
            arrays |= {_key("trace", kind, spacing): t for spacing, t in of.traces.items()}
        about = {
            "name": self.name,
            "refractory": self.refractory,
            "recordings": self.recordings,
            "kinds": {kind: [of.speech, of.hours] for kind, of in self.scores.kinds.items()},
        }
        np.savez_compressed(folder / FILE, about=np.array(json.dumps(about)), **arrays)

    @classmethod
    def load(cls, folder: Path) -> StoredScores:
        """Read the scores of a folder; KwsError where there are none."""
        try:
            with np.load(folder / FILE) as file:
                arrays = dict(file)
            about = json.loads(str(arrays.pop("about")))
        except (OSError, ValueError, KeyError, BadZipFile) as error:
            raise KwsError(f"{folder / FILE}: no scores of wake_words.py: {error}") from error
        positives: dict[str, dict[str, Int]] = {}
        traces: dict[str, dict[str, Int]] = {}
        for key, found in arrays.items():
            what, *names = key.split("|")
            if what == "peaks":
                positives.setdefault(names[0], {})[names[1]] = found
            elif what == "trace":
                traces.setdefault(names[0], {})[names[1]] = found
        kinds = {
            kind: KindScores(speech, hours, traces[kind], arrays[_key("alone", kind)])
            for kind, (speech, hours) in about["kinds"].items()
        }
        scores = ConditionScores(positives, kinds)
        thresholds, refractory = arrays["thresholds"], about["refractory"]
        return cls(about["name"], scores, thresholds, refractory, about["recordings"])

    def equal_alarm_thresholds(self, alarms: int) -> Int:
        """Return thresholds that raise so many false alarms in all kinds, running and alone."""
        traces = [trace for of in self.scores.kinds.values() for trace in of.traces.values()]
        return equal_alarm_thresholds(traces, alarms, self.refractory)

    def folders_that_fire(self, thresholds: Int) -> dict[str, tuple[int, int]]:
        """Return how many recordings of each folder set off an alarm alone, and of how many."""
        found: dict[str, tuple[int, int]] = {}
        for kind, of in self.scores.kinds.items():
            fired = (of.peaks >= thresholds).any(axis=1)
            for path, one in zip(self.recordings[kind], fired, strict=True):
                folder = "/".join(path.split("/")[:2])
                count, total = found.get(folder, (0, 0))
                found[folder] = (count + int(one), total + 1)
        return found


def _key(*names: str) -> str:
    return "|".join(names)
