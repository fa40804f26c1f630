"""Test evaluations as JSON and as tables."""

from __future__ import annotations

import json

import numpy as np
import pytest
from rich.console import Console

from kws.config import ModelConfig, Smoothing
from kws.evaluation.evaluate import FA_PER_HOUR_TARGETS, evaluate
from kws.evaluation.scores import Scores, merge_scores
from kws.posterior import ONE


def confidences(*values: int) -> np.ndarray:
    return np.array(values, np.int64)


CONFIG = ModelConfig(
    ("one", "two"), (0.5, 0.25), 2, smoothing=Smoothing(max_steps=1, refractory_steps=2)
)


def scores(one: np.ndarray, two: np.ndarray, hours: float = 10.0) -> Scores:
    negative = {"one": confidences(0, ONE // 2, 0), "two": confidences(0, 0, ONE // 2)}
    return Scores({"one": one, "two": two}, negative, hours)


def test_an_evaluation_as_json_and_as_a_table() -> None:
    result = evaluate(scores(confidences(ONE, ONE // 2, 0, 0), confidences()), CONFIG)
    values = json.loads(json.dumps(result.to_dict(), allow_nan=False))
    assert values["hours"] == 10
    assert values["mean_miss_rate"] == 0.5
    assert set(values["mean_miss_rate_at"]) == set(map(str, FA_PER_HOUR_TARGETS))
    one, two = values["keywords"]["one"], values["keywords"]["two"]
    assert one["utterances"] == 4
    assert one["own"] == {
        "threshold": 0.5,
        "miss_rate": 0.5,
        "miss_interval": [0.15, 0.85],
        "false_alarms": 1,
        "false_alarms_per_hour": 0.1,
    }
    assert one["at"]["0.1"]["threshold"] == pytest.approx(1 / ONE, abs=1e-5)  # one alarm is allowed
    assert two["utterances"] == 0
    assert two["own"]["miss_rate"] is None
    assert two["own"]["false_alarms"] == 1
    console = Console(width=80)
    with console.capture() as captured:
        console.print(result.table("a model"))
    lines = captured.get().splitlines()
    assert any("one" in line and "50.0% (15-85)" in line for line in lines)
    assert any("two" in line and "not measured" in line for line in lines)
    assert "nan" not in captured.get()
    assert not any("…" in line for line in lines)


def test_names_have_no_markup() -> None:
    """Keywords and names of files mean no style and no emoji."""
    keywords = ("[/x]", "[red]hi", ":on:")
    config = ModelConfig(keywords, (0.5,) * 3, 2)
    heard = dict.fromkeys(keywords, confidences(ONE, 0))
    console = Console(width=100)
    with console.capture() as captured:
        console.print(evaluate(Scores(heard, heard, 1.0), config).table("[/a].tflite"))
    assert all(name in captured.get() for name in (*keywords, "[/a].tflite"))


def test_without_positives_there_is_no_miss_rate() -> None:
    result = evaluate(scores(confidences(), confidences()), CONFIG)
    assert result.to_dict()["mean_miss_rate"] is None


def test_merged_scores_are_one_test_set() -> None:
    parts = [
        scores(confidences(1, 2), confidences(3), 1.5),
        scores(confidences(4), confidences(), 0.5),
    ]
    whole = merge_scores(parts)
    assert whole.positives["one"].tolist() == [1, 2, 4]
    assert whole.positives["two"].tolist() == [3]
    assert whole.negatives["two"].tolist() == [0, 0, ONE // 2] * 2
    assert whole.hours == 2.0


def test_no_word_of_the_table_is_cut_off() -> None:
    """On a terminal of 80 columns, with every utterance missed."""
    result = evaluate(scores(confidences(0, 0), confidences(), 1.5), CONFIG)
    console = Console(width=80)
    with console.capture() as captured:
        console.print(result.table("a model"))
    assert "utterances" in captured.get()
    assert "…" not in captured.get()


@pytest.mark.parametrize("hours", [1e-8, 0.5, 0.999, 1.0, 1.999, 2.0, 9.99, 10.0, 500.0])
def test_targets_that_the_hours_cannot_show_have_no_figure(hours: float) -> None:
    result = evaluate(scores(confidences(ONE, 0), confidences(), hours), CONFIG)
    values = json.loads(json.dumps(result.to_dict(), allow_nan=False))
    console = Console(width=80)
    with console.capture() as captured:
        console.print(result.table("a model"))
    text = " ".join(captured.get().split())
    assert "nan" not in text
    blank = [target for target in FA_PER_HOUR_TARGETS if target * hours < 1]
    for target in FA_PER_HOUR_TARGETS:
        at = values["keywords"]["one"]["at"][str(target)]
        assert set(at) == set(values["keywords"]["one"]["own"])
        assert (at["miss_rate"] is None) == (at["threshold"] is None) == (target in blank)
        assert (values["mean_miss_rate_at"][str(target)] is None) == (target in blank)
    names = ", ".join(f"{target:g}/h" for target in blank)
    needed = ", ".join(f"{1 / target:g}" for target in blank)
    assert (f"No figures at {names}: that takes {needed} h or more." in text) == bool(blank)
    assert (f"{60 * hours:.1f} min without the keywords" in text) == (hours < 1)
