"""Test DET curves against a plain count."""

from __future__ import annotations

import numpy as np
import pytest

from kws.evaluation.det import det_curves
from kws.evaluation.operating_points import count_detections
from kws.evaluation.scores import Scores


@pytest.mark.parametrize("seed", range(5))
def test_curves_are_what_a_plain_count_gives(seed: int) -> None:
    random = np.random.default_rng(seed)
    peaks = random.integers(0, 60, 40)
    stream = np.where(random.random(3000) < 0.03, random.integers(1, 60, 3000), 0)
    curves = det_curves(Scores({"word": peaks, "other": peaks[:0]}, {"word": stream}, 4.0), 5)
    assert list(curves.miss_rates) == ["word"]
    assert curves.false_alarms_per_hour[:2].tolist() == [0.25, 0.5]
    for per_hour, rate in zip(curves.false_alarms_per_hour, curves.miss_rates["word"], strict=True):
        thresholds = (t for t in range(1, 70) if count_detections(stream, t, 5) <= 4 * per_hour)
        assert rate == np.mean(peaks < next(thresholds))
    assert (np.diff(curves.miss_rates["word"]) <= 0).all()
    assert np.array_equal(curves.mean, curves.miss_rates["word"])
