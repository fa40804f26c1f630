"""Thresholds of a model from what was heard of speech that training left out."""

from __future__ import annotations

import numpy as np
import pytest

from kws.config import FrontEnd, ModelConfig, Smoothing
from kws.evaluation.operating_points import operating_point_for
from kws.evaluation.scores import Scores
from kws.posterior import ONE
from kws.training.calibration import ARG_MAX, CAUTIOUS, MIN_HOURS, calibrate

REFRACTORY = 5
CONFIG = ModelConfig(
    ("computer", "jarvis"),
    (1.0, 1.0),
    2,
    FrontEnd(),
    Smoothing(smooth_steps=1, max_steps=1, refractory_steps=REFRACTORY),
)


def heard(hours: float, highest: float = 0.6) -> Scores:
    """Speech with moments of every confidence up to `highest`; jarvis is likelier to be taken."""
    random = np.random.default_rng(1)
    levels = random.uniform(0, highest * ONE, 4000).astype(np.int64)
    trace = np.where(np.arange(4000) % 10 == 0, levels, 0)
    peaks = random.integers(ONE // 2, ONE, 20)
    return Scores(
        {"computer": peaks, "jarvis": peaks},
        {"computer": trace, "jarvis": np.minimum(ONE, trace * 3 // 2)},
        hours,
    )


def test_enough_speech_sets_the_threshold_for_the_alarms_wanted() -> None:
    for wanted in (0.5, 5.0, 50.0):
        speech = heard(4 * MIN_HOURS)
        thresholds = calibrate(CONFIG, speech, wanted).thresholds
        for threshold, keyword in zip(thresholds, CONFIG.keywords, strict=True):
            rate = operating_point_for(
                speech.positives[keyword],
                speech.negatives[keyword],
                wanted,
                speech.hours,
                REFRACTORY,
            )
            assert threshold == max(ARG_MAX, rate.threshold)
            assert rate.false_alarms <= wanted * speech.hours
    assert thresholds[0] <= thresholds[1] < CAUTIOUS


def test_little_speech_leaves_it_cautious() -> None:
    assert calibrate(CONFIG, heard(0.9 * MIN_HOURS), 0.5).thresholds == (CAUTIOUS, CAUTIOUS)
    assert min(calibrate(CONFIG, heard(MIN_HOURS), 0.5).thresholds) < CAUTIOUS
    likely = calibrate(CONFIG, heard(0.5 * MIN_HOURS, highest=0.66), 0.5).thresholds
    assert likely[0] == CAUTIOUS
    assert likely[1] == pytest.approx(0.99, abs=0.005)


def test_without_speech_or_utterances_it_is_cautious() -> None:
    nothing = np.zeros(0, np.int64)
    silent = Scores(dict.fromkeys(CONFIG.keywords, nothing), heard(0).negatives, 0.0)
    assert min(calibrate(CONFIG, silent, 0.5).thresholds) >= CAUTIOUS
    empty = Scores(*[dict.fromkeys(CONFIG.keywords, nothing)] * 2, 0.0)
    assert calibrate(CONFIG, empty, 0.5).thresholds == (CAUTIOUS, CAUTIOUS)


def test_quiet_speech_does_not_make_a_trifle_a_keyword() -> None:
    quiet = heard(4 * MIN_HOURS, highest=0.01)
    assert calibrate(CONFIG, quiet, 0.5).thresholds == (ARG_MAX, ARG_MAX)


def test_no_threshold_is_beyond_certainty() -> None:
    certain = heard(4 * MIN_HOURS)
    certain.negatives["jarvis"][::10] = ONE
    assert calibrate(CONFIG, certain, 0.5).thresholds[1] == 1.0
