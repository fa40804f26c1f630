"""Thresholds of a model from its scores on speech that training held out."""

from __future__ import annotations

import numpy as np
import pytest

from kws.config import FrontEnd, ModelConfig, Smoothing
from kws.evaluation.operating_points import operating_point_for
from kws.evaluation.scores import Scores
from kws.posterior import ONE
from kws.sensitivity import operating_points
from kws.training.calibration import (
    ARG_MAX,
    CAUTIOUS,
    MIN_HOURS,
    calibrate,
    with_operating_points,
)

REFRACTORY = 5
CONFIG = ModelConfig(
    ("computer", "jarvis"),
    (1.0, 1.0),
    2,
    FrontEnd(),
    Smoothing(smooth_steps=1, max_steps=1, refractory_steps=REFRACTORY),
)


def scores_of(hours: float, highest: float = 0.6) -> Scores:
    """Speech with confidences up to `highest`; those of jarvis are higher."""
    random = np.random.default_rng(1)
    values = random.uniform(0, highest * ONE, 4000).astype(np.int64)
    trace = np.where(np.arange(4000) % 10 == 0, values, 0)
    peaks = random.integers(ONE // 2, ONE, 20)
    return Scores(
        {"computer": peaks, "jarvis": peaks},
        {"computer": trace, "jarvis": np.minimum(ONE, trace * 3 // 2)},
        hours,
    )


def test_enough_speech_sets_the_threshold_for_the_target_of_false_alarms() -> None:
    for target in (0.5, 5.0, 50.0):
        speech = scores_of(4 * MIN_HOURS)
        thresholds = calibrate(CONFIG, speech, target).thresholds
        for threshold, keyword in zip(thresholds, CONFIG.keywords, strict=True):
            rate = operating_point_for(
                speech.positives[keyword],
                speech.negatives[keyword],
                target,
                speech.hours,
                REFRACTORY,
            )
            assert threshold == max(ARG_MAX, rate.threshold)
            assert rate.false_alarms <= target * speech.hours
    assert thresholds[0] <= thresholds[1] < CAUTIOUS


def test_little_speech_gives_a_cautious_threshold() -> None:
    assert calibrate(CONFIG, scores_of(0.9 * MIN_HOURS), 0.5).thresholds == (CAUTIOUS, CAUTIOUS)
    assert min(calibrate(CONFIG, scores_of(MIN_HOURS), 0.5).thresholds) < CAUTIOUS
    likely = calibrate(CONFIG, scores_of(0.5 * MIN_HOURS, highest=0.66), 0.5).thresholds
    assert likely[0] == CAUTIOUS
    assert likely[1] == pytest.approx(0.99, abs=0.005)


def test_without_speech_or_utterances_the_threshold_is_cautious() -> None:
    nothing = np.zeros(0, np.int64)
    silent = Scores(dict.fromkeys(CONFIG.keywords, nothing), scores_of(0).negatives, 0.0)
    assert min(calibrate(CONFIG, silent, 0.5).thresholds) >= CAUTIOUS
    empty = Scores(*[dict.fromkeys(CONFIG.keywords, nothing)] * 2, 0.0)
    assert calibrate(CONFIG, empty, 0.5).thresholds == (CAUTIOUS, CAUTIOUS)


def test_low_confidences_do_not_lower_the_threshold_below_the_arg_max() -> None:
    low = scores_of(4 * MIN_HOURS, highest=0.01)
    assert calibrate(CONFIG, low, 0.5).thresholds == (ARG_MAX, ARG_MAX)


def test_no_threshold_exceeds_one() -> None:
    certain = scores_of(4 * MIN_HOURS)
    certain.negatives["jarvis"][::10] = ONE
    assert calibrate(CONFIG, certain, 0.5).thresholds[1] == 1.0


def test_operating_points_that_the_hours_carry_are_stored() -> None:
    config, missing = with_operating_points(CONFIG, scores_of(10.0), 0.5)
    points = operating_points(config)
    assert missing == ""
    assert [(n, p.false_alarms_per_hour) for n, p in points.items()] == [
        ("low", 0.1),
        ("normal", 0.5),
        ("high", 1.0),
    ]
    assert points["normal"].thresholds == calibrate(CONFIG, scores_of(10.0), 0.5).thresholds
    for keyword in range(2):
        low, normal, high = (point.thresholds[keyword] for point in points.values())
        assert low >= normal >= high >= ARG_MAX


@pytest.mark.parametrize(
    ("hours", "target", "stored"),
    [
        (9.9, 0.5, ["normal", "high"]),
        (2.0, 0.5, ["normal", "high"]),
        (1.9, 0.5, ["high"]),
        (0.9, 0.5, []),
        (1000.0, 0.0, []),
    ],
)
def test_operating_points_that_the_hours_do_not_carry_are_left_out(hours, target, stored) -> None:
    config, message = with_operating_points(CONFIG, scores_of(hours), target)
    assert list(operating_points(config)) == stored
    assert message.startswith(f"{hours:.1f} hours of speech without the keywords carry no ")
    missing = [name for name in ("low", "normal", "high") if name not in stored]
    assert [name for name in ("low", "normal", "high") if f"{name} (" in message] == missing
