"""Test false alarms and misses of all keywords together, and thresholds at equal alarms."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from rich.console import Console

from kws.evaluation.condition_report import (
    ALL_SPEECH,
    alarm_table,
    condition_values,
    miss_table,
)
from kws.evaluation.condition_scores import ConditionScores, KindScores
from kws.evaluation.whole_model import (
    FalseAlarms,
    Share,
    count_alarms,
    equal_alarm_thresholds,
    false_alarms,
    missed,
    misses,
    recordings_that_fire,
)


def trace(*steps: tuple[int, int]) -> np.ndarray:
    return np.array(steps, np.uint16)


def test_a_detection_makes_all_keywords_wait() -> None:
    found = trace((9, 0), (0, 9), (0, 0), (0, 9), (9, 9))
    thresholds = np.array([5, 5])
    assert count_alarms(found, thresholds, 0) == 4
    assert count_alarms(found, thresholds, 1) == 2
    assert count_alarms(found, thresholds, 4) == 1
    assert count_alarms(found, np.array([5, 10]), 0) == 2


def test_equal_alarms_are_shared_evenly() -> None:
    random = np.random.default_rng(1)
    traces = [random.integers(0, 30_000, (300, 3)).astype(np.uint16) for _ in range(2)]
    traces[0][:, 1] //= 2
    for alarms in (0, 3, 9, 11):
        thresholds = equal_alarm_thresholds(traces, alarms, 0)
        counts = [sum((t[:, k] >= thresholds[k]).sum() for t in traces) for k in range(3)]
        assert counts == [alarms // 3 + (k < alarms % 3) for k in range(3)]
        assert sum(count_alarms(t, thresholds, 0) for t in traces) <= alarms


@pytest.fixture
def scores() -> ConditionScores:
    peaks = {"one": np.array([9, 4, 9]), "two": np.array([3])}
    spacings = {"running": trace((9, 0), (0, 0), (0, 9)), "alone": trace((0, 0), (0, 9))}
    return ConditionScores(
        {"clean": peaks, "rooms": {"one": np.array([1, 1, 9]), "two": np.array([9])}},
        {
            "read": KindScores(True, 2.0, spacings, np.array([[9, 0], [0, 0], [0, 5]])),
            "words": KindScores(True, 1.0, spacings, np.array([[0, 0]])),
            "music": KindScores(False, 4.0, spacings, np.zeros((0, 2), int)),
        },
    )


def test_figures_of_a_whole_model(scores: ConditionScores) -> None:
    thresholds = np.array([5, 3])
    assert missed(scores, thresholds, "clean").tolist() == [False, True, False, False]
    assert misses(scores, thresholds) == {"clean": Share(1, 4), "rooms": Share(2, 4)}
    assert false_alarms(scores, thresholds, 0)["read"] == {
        "running": FalseAlarms(2, 2.0),
        "alone": FalseAlarms(1, 2.0),
    }
    assert recordings_that_fire(scores, thresholds)["read"] == Share(2, 3)
    assert np.isnan(Share(0, 0).rate)
    assert np.isnan(FalseAlarms(0, 0.0).rate)


def test_figures_as_json(scores: ConditionScores) -> None:
    values = json.loads(json.dumps(condition_values(scores, np.array([5, 3]), 0), allow_nan=False))
    clean = values["conditions"]["clean"]
    assert (clean["count"], clean["recordings"], clean["rate"]) == (1, 4, 0.25)
    assert clean["interval"] == pytest.approx([0.0456, 0.6994], abs=1e-3)
    assert values["kinds"]["music"]["running"]["per_hour"] == 0.5
    assert values["kinds"]["music"]["recordings_that_fire"]["rate"] is None
    speech = values["kinds"][ALL_SPEECH]["running"]
    assert (speech["false_alarms"], speech["hours"], speech["per_hour"]) == (4, 3.0, 1.3333)
    assert speech["interval"][0] < 1.3333 < speech["interval"][1]


def test_names_have_no_markup(scores: ConditionScores) -> None:
    thresholds = np.array([5, 3])
    odd = replace(scores, kinds={"[red]kind": scores.kinds["words"]})
    console = Console(width=100)
    with console.capture() as captured:
        console.print(miss_table(scores, {"[/x]": thresholds}, "[/m]"))
        console.print(alarm_table(odd, thresholds, 0, "[/n]"))
    assert all(name in captured.get() for name in ("[/x]", "[/m]", "[/n]", "[red]kind"))


def test_figures_as_tables(scores: ConditionScores) -> None:
    thresholds = np.array([5, 3])
    console = Console(width=100)
    with console.capture() as captured:
        console.print(miss_table(scores, {"shipped": thresholds, "strict": thresholds + 9}, "m"))
        console.print(alarm_table(scores, thresholds, 0, "m"))
    lines = [line for line in captured.get().splitlines() if "│" in line]
    (clean,) = (line for line in lines if "clean" in line)
    assert "25.0 (4.6-69.9)" in clean
    assert "100.0" in clean
    (read,) = (line for line in lines if "read" in line)
    assert "2: 1.00 (0.12-3.61)" in read
    assert "2 of 3" in read
    assert any(ALL_SPEECH in line and "4: 1.33" in line for line in lines)
    assert "nan" not in captured.get()
