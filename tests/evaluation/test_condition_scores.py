"""Test scores by condition and kind with a scorer whose confidences are the samples themselves."""

from __future__ import annotations

from collections.abc import Iterable
from types import SimpleNamespace

import numpy as np
import pytest

from kws.config import SAMPLE_RATE
from kws.evaluation.condition_scores import (
    ALONE_SECONDS,
    TRIGGER_SECONDS,
    ConditionScores,
    merge_condition_scores,
    score_conditions,
    score_kind,
    trigger_peak,
)
from kws.evaluation.conditions import WordRecording
from kws.evaluation.scores import Scorer

HOP = 160  # samples
WORDS = ("one", "two")


class SampleScorer:
    """Give the greatest sample of each hop as the confidence in "one", its negative in "two"."""

    config = SimpleNamespace(keywords=WORDS)

    def end_sample(self, step: int) -> int:
        return (step + 1) * HOP

    def score_stream(self, pieces: Iterable[np.ndarray]) -> np.ndarray:
        samples = np.concatenate(list(pieces)).astype(np.int64)
        hops = samples[: len(samples) // HOP * HOP].reshape(-1, HOP)
        return np.stack([hops.max(axis=1), (-hops).max(axis=1)], axis=1)

    def trace_stream(self, pieces: Iterable[np.ndarray]) -> np.ndarray:
        return np.maximum(self.score_stream(pieces), 0).astype(np.uint16)


@pytest.fixture
def scorer() -> Scorer:
    return SampleScorer()  # type: ignore[return-value]


def recording(seconds: float, **loud: float) -> np.ndarray:
    """Return silence with samples of a value at some seconds: recording(2, v7=1.5)."""
    samples = np.zeros(round(seconds * SAMPLE_RATE), np.int16)
    for value, place in loud.items():
        samples[round(place * SAMPLE_RATE)] = int(value[1:].replace("m", "-"))
    return samples


def test_a_trigger_counts_from_the_start_of_the_word_until_some_time_after_it(
    scorer: Scorer,
) -> None:
    samples = recording(5, v9=0.5, v3=1.2, v5=1.9 + TRIGGER_SECONDS, v8=2.1 + TRIGGER_SECONDS)
    assert trigger_peak(scorer, WordRecording(samples, SAMPLE_RATE, 2 * SAMPLE_RATE), 0) == 5
    assert trigger_peak(scorer, WordRecording(samples, 0, SAMPLE_RATE), 0) == 9
    assert trigger_peak(scorer, WordRecording(samples, 8000, 0), 1) == 0


def test_peaks_by_condition(scorer: Scorer) -> None:
    words = [
        WordRecording(recording(1, v5=0.5, vm7=0.6), 0, 1),
        WordRecording(recording(1, v4=0.1), 0, 1),
    ]
    conditions = {
        "clean": lambda word, random: word,
        "twice": lambda word, random: WordRecording(
            word.samples * np.int16(2), word.start, word.end
        ),
    }
    found = score_conditions(scorer, words, conditions, "one")
    assert {name: peaks.tolist() for name, peaks in found.items()} == {
        "clean": [5, 4],
        "twice": [10, 8],
    }
    assert score_conditions(scorer, words, conditions, "two")["clean"].tolist() == [7, 0]
    assert score_conditions(scorer, [], conditions, "two")["twice"].tolist() == []


def test_a_kind_is_a_stream_with_silence_and_peaks_alone(scorer: Scorer) -> None:
    recordings = [[recording(0.5, v5=0.1), recording(0.5, vm6=0.4)], [recording(2, v7=1.999)], []]
    found = score_kind(scorer, recordings, speech=False)
    assert found.hours == pytest.approx(3 / 3600)
    assert not found.speech
    assert found.peaks.tolist() == [[5, 6], [7, 0], [0, 0]]
    lengths = {spacing: len(trace) * HOP / SAMPLE_RATE for spacing, trace in found.traces.items()}
    assert lengths == {"running": 3 + 3 * 0.4, "alone": 3 + 3 * ALONE_SECONDS}
    for seconds, trace in ((0.4, found.traces["running"]), (2, found.traces["alone"])):
        assert trace[round((1 + seconds + 1.999) * 100) - 1].tolist() == [7, 0]


def test_folds_are_merged(scorer: Scorer) -> None:
    kinds = {"read": score_kind(scorer, [[recording(1, v3=0.2)]])}
    first = ConditionScores({"clean": {"one": np.array([1, 2]), "two": np.array([3])}}, kinds)
    more = {**kinds, "music": score_kind(scorer, [[recording(2)]], speech=False)}
    second = ConditionScores({"clean": {"one": np.array([4]), "two": np.array([], int)}}, more)
    first.positives["rooms"] = first.positives["clean"]
    merged = merge_condition_scores([first, second])
    assert set(merged.positives) == {"clean"}
    assert merged.positives["clean"]["one"].tolist() == [1, 2, 4]
    assert merged.positives["clean"]["two"].tolist() == [3]
    assert merged.kinds["read"].hours == pytest.approx(2 / 3600)
    assert merged.kinds["read"].peaks.tolist() == [[3, 0], [3, 0]]
    assert len(merged.kinds["read"].traces["alone"]) == 600
    assert merged.kinds["music"].hours == pytest.approx(2 / 3600)
    assert not merged.kinds["music"].speech
