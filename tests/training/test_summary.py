"""Test the summary of a training."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from kws.config import ModelConfig, Smoothing
from kws.data.clips import Clip
from kws.data.dataset import Dataset
from kws.evaluation.evaluate import evaluate
from kws.evaluation.scores import Scores
from kws.posterior import ONE
from kws.training.fold import Fold
from kws.training.held_out_speech import HeldOutResult
from kws.training.plan import Plan
from kws.training.recipe import Recipe
from kws.training.results import Results
from kws.training.summary import summarise

CONFIG = ModelConfig(("lumen",), (0.5,), 2, smoothing=Smoothing(max_steps=1, refractory_steps=2))
CLIPS = [Clip(Path(f"{number}.wav"), number) for number in range(8)]


def plan_of(clips: list[Clip], speakers: int | None = None) -> Plan:
    known = {} if speakers is None else {"lumen": speakers}
    folds = [Fold(index, 2, Path("work")) for index in range(3)]
    return Plan(Dataset({"lumen": clips}, speakers=known), Recipe(), folds[:2], folds[2])


def results_of(condition: str, missed: int, utterances: int) -> Results:
    peaks = np.where(np.arange(utterances) < missed, 0, ONE).astype(np.int64)
    scores = Scores({"lumen": peaks}, {"lumen": np.zeros(9, np.int64)}, 1.0)
    return Results({condition: evaluate(scores, CONFIG)})


def woken(count: int) -> HeldOutResult:
    peaks = [np.array([ONE if number < count else 0]) for number in range(60)]
    return HeldOutResult({}, {}, tuple((f"phrase {n}", peak) for n, peak in enumerate(peaks)))


def test_text_alone_says_that_voices_are_synthetic_and_asks_for_recordings(tmp_path: Path) -> None:
    results = results_of("synthetic voices, clean", 15, 60)
    found = summarise(plan_of([]), CONFIG, results, woken(3))
    assert "'lumen' missed: synthetic voices, clean 25.0% (16-37) of 60" in found.lines[0]
    assert "people may fare worse" in found.lines[0]
    assert "3 of 60 set it off: phrase 0, phrase 1, phrase 2" in found.lines[1]
    assert found.values["advice"][0].startswith("ten recordings of 'lumen'")
    assert not any("rarer phrase" in line for line in found.values["advice"])
    found.write(tmp_path)
    read = json.loads((tmp_path / "report.json").read_text())
    assert read["keywords"]["lumen"]["synthetic voices, clean"]["missed"] == 15
    assert read["confusable_phrases"]["woken_by"] == ["phrase 0", "phrase 1", "phrase 2"]
    assert read["summary"] == found.lines


@pytest.mark.parametrize(
    ("speakers", "whose"),
    [(8, "8 recordings of 8 speakers"), (2, "voices that training knows"), (None, "did not have")],
)
def test_recordings_are_said_to_be_of_whom_they_are(speakers: int | None, whose: str) -> None:
    found = summarise(plan_of(CLIPS, speakers), CONFIG, results_of("clean", 0, 8), None)
    assert "clean 0.0% (0.0-32) of 8" in found.lines[0]
    assert whose in found.lines[0]
    others = any("by other voices" in line for line in found.values["advice"])
    assert others == (speakers == 2)


def test_many_phrases_that_wake_it_up_are_a_reason_for_another_phrase() -> None:
    found = summarise(plan_of(CLIPS, 8), CONFIG, results_of("clean", 0, 8), woken(30))
    assert any("rarer phrase" in line for line in found.values["advice"])


def test_what_was_not_measured_says_so() -> None:
    found = summarise(plan_of([]), CONFIG, results_of("clean", 0, 0), None)
    assert found.lines[0] == "'lumen': not measured, there are too few recordings to test on"
