"""Test miss rates, false alarms and thresholds against counts by hand."""

from __future__ import annotations

import numpy as np
import pytest

from kws.evaluation.operating_points import (
    OperatingPoint,
    count_detections,
    lowest_threshold,
    operating_point_at,
    operating_point_for,
)
from kws.posterior import ONE


def confidences(*values: int) -> np.ndarray:
    return np.array(values, np.int64)


@pytest.mark.parametrize(
    ("stream", "refractory", "count"),
    [
        ((), 0, 0),
        ((9, 9, 9), 0, 0),
        ((10, 10, 10), 0, 3),
        ((10, 10, 10), 1, 2),  # the second step is in the refractory time
        ((10, 10, 10), 2, 1),
        (
            (0, 10, 99, 0, 10, 0),
            2,
            2,
        ),  # a higher confidence within the refractory time is no new one
        ((0, 10, 99, 10, 10, 0), 3, 1),
    ],
)
def test_detections_are_counted_with_the_refractory_time(
    stream: tuple[int, ...], refractory: int, count: int
) -> None:
    assert count_detections(confidences(*stream), 10, refractory) == count


@pytest.mark.parametrize(
    ("stream", "most", "threshold"),
    [
        ((), 0, 1),
        ((0, 0, 0), 0, 1),
        ((5, 0, 7, 0, 6), 0, 8),
        ((5, 0, 7, 0, 6), 1, 7),
        ((5, 0, 7, 0, 6), 2, 6),
        ((5, 0, 7, 0, 6), 3, 1),
        ((5, 6, 7, 6, 5), 0, 8),
        (
            (5, 6, 7, 6, 5),
            1,
            6,
        ),  # at 5 the first detection comes early, and the last step is one more
        ((ONE, 3), 0, ONE + 1),
    ],
)
def test_lowest_threshold(stream: tuple[int, ...], most: int, threshold: int) -> None:
    refractory = 3 if stream[1:2] == (6,) else 0
    assert lowest_threshold(confidences(*stream), most, refractory) == threshold


def plain_count(steps: list[int], threshold: int, refractory: int) -> int:
    count = silent = 0
    for step in steps:
        if silent:
            silent -= 1
        elif step >= threshold:
            count, silent = count + 1, refractory
    return count


@pytest.mark.parametrize("seed", range(40))
def test_thresholds_are_the_lowest_on_random_streams(seed: int) -> None:
    random = np.random.default_rng(seed)
    steps = random.integers(0, random.choice([3, 12, 60]), random.integers(1, 80))
    if seed % 2:
        steps = np.convolve(steps, [1, 2, 1], "same")  # runs, as smoothing makes them
    refractory, most = int(random.integers(0, 9)), int(random.integers(0, 6))
    counts = [plain_count(steps.tolist(), threshold, refractory) for threshold in range(1, 300)]
    assert counts == [count_detections(steps, threshold, refractory) for threshold in range(1, 300)]
    assert counts == sorted(counts, reverse=True)
    lowest = next(threshold for threshold, count in enumerate(counts, 1) if count <= most)
    assert lowest_threshold(steps, most, refractory) == lowest


def test_operating_points() -> None:
    peaks, steps = confidences(5, 10, 20, 30), confidences(0, 12, 0, 25, 0, 8)
    assert operating_point_at(peaks, steps, 10, 2.0, 0) == OperatingPoint(10 / ONE, 1, 4, 2, 2.0)
    assert operating_point_for(peaks, steps, 0.5, 2.0, 0) == OperatingPoint(13 / ONE, 2, 4, 1, 2.0)
    assert operating_point_for(peaks, steps, 0.1, 2.0, 0) == OperatingPoint(26 / ONE, 3, 4, 0, 2.0)
    assert OperatingPoint(0.5, 1, 4, 3, 2.0).miss_rate == 0.25
    assert OperatingPoint(0.5, 1, 4, 3, 2.0).false_alarms_per_hour == 1.5
    assert np.isnan(OperatingPoint(0.5, 0, 0, 0, 0.0).miss_rate)
