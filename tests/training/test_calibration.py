"""Thresholds of the whole model from the peaks of its confidence in speech."""

from __future__ import annotations

import json
import logging
from dataclasses import replace

import numpy as np
import pytest

from kws.calibration_card import HELD_OUT, SYNTHETIC, calibration_lines, calibration_of
from kws.config import CommitteeConfig, FrontEnd, ModelConfig, Smoothing
from kws.errors import KwsError
from kws.evaluation.scores import Scores
from kws.evaluation.speech_peaks import SpeechPeaks, join_peaks, log_odds
from kws.posterior import ONE
from kws.sensitivity import SENSITIVITIES, operating_points
from kws.training.calibration import (
    ARG_MAX,
    CAUTIOUS,
    MIN_HOURS,
    SHARES,
    calibrate,
    thresholds_for,
)

KEYWORDS = ("computer", "jarvis")
CONFIG = ModelConfig(
    KEYWORDS,
    (1.0, 1.0),
    2,
    FrontEnd(),
    Smoothing(smooth_steps=1, max_steps=1, refractory_steps=5),
)


def peaks_of(hours: float, above: float = 0.0, kind: str = "read") -> SpeechPeaks:
    """200 peaks an hour of each keyword by 20 speakers, exponential; those of jarvis are higher."""
    random = np.random.default_rng(1)
    count = round(200 * hours)
    heights, groups = {}, {}
    for keyword, more in zip(KEYWORDS, (0.0, 1.0), strict=True):
        drawn = above + more - 3 + random.exponential(1.0, count)
        heights[keyword] = np.sort(np.minimum(drawn, float(log_odds(ONE))))[::-1]
        groups[keyword] = random.integers(0, 20, count)
    return SpeechPeaks((kind,), np.zeros(20, np.int64), np.full(20, hours / 20), heights, groups)


def spaced(hours: float, above: float = 0.0) -> dict[str, SpeechPeaks]:
    """The same speech, running and alone."""
    return {"running": peaks_of(hours, above), "alone": peaks_of(hours, above + 1)}


def scores_of(missed: int, utterances: int) -> Scores:
    """Scores of utterances of both keywords, of which so many are missed at any threshold."""
    found = np.where(np.arange(utterances) < missed, 0, ONE).astype(np.int64)
    return Scores(dict.fromkeys(KEYWORDS, found), dict.fromkeys(KEYWORDS, found[:0]), 0.0)


CLEAN = {"clean": scores_of(3, 100)}


def test_every_sensitivity_is_a_rate_of_the_whole_model() -> None:
    config = calibrate(CONFIG, spaced(10.0), CLEAN, 0.2, HELD_OUT)
    points, card = operating_points(config), calibration_of(config)
    assert list(points) == list(SENSITIVITIES)
    assert config.thresholds == points["normal"].thresholds
    assert [m.target for m in card.points.values()] == pytest.approx([0.05, 0.2, 1.0])
    for point, measured in zip(points.values(), card.points.values(), strict=True):
        assert point.false_alarms_per_hour == pytest.approx(measured.target / 2)  # of each keyword
        assert measured.per_hour == pytest.approx(measured.target, rel=0.05)
        assert measured.interval[0] < measured.per_hour < measured.interval[1]
        assert point.thresholds[0] < point.thresholds[1]  # jarvis has the higher peaks
    for keyword in range(2):
        low, normal, high = (point.thresholds[keyword] for point in points.values())
        assert 1 >= low > normal > high >= ARG_MAX
    assert [m.extrapolated for m in card.points.values()] == [True, True, False]
    # Of the exponential distribution, each keyword half of the rate.
    exact = [1 / (1 + np.exp(3 - more - np.log(200 / 0.1))) for more in (0.0, 1.0)]
    assert config.thresholds == pytest.approx(exact, abs=0.004)


def test_the_asked_rate_has_its_effect_however_few_the_hours() -> None:
    for hours in (MIN_HOURS, 0.5, 2.0):
        strict, lax = (thresholds_for(peaks_of(hours, 1.0), rate) for rate in (0.2, 20.0))
        assert all(s > x for s, x in zip(strict, lax, strict=True))
        assert CAUTIOUS not in strict + lax


def test_thresholds_that_can_be_counted_are_counted() -> None:
    peaks = peaks_of(10.0, 3.0)
    for rate in (20.0, 60.0):
        for threshold, heights in zip(
            thresholds_for(peaks, rate), peaks.heights.values(), strict=True
        ):
            assert (heights >= log_odds(threshold * ONE)).sum() == int(rate / 2 * 10)


def test_one_keyword_has_the_whole_rate() -> None:
    both = peaks_of(5.0)
    alone = SpeechPeaks(
        both.kinds,
        both.group_kinds,
        both.group_hours,
        {"computer": both.heights["computer"]},
        {"computer": both.groups["computer"]},
    )
    assert thresholds_for(alone, 0.2)[0] == thresholds_for(both, 0.4)[0]


def test_too_little_speech_is_said_and_the_threshold_is_cautious(caplog) -> None:
    with caplog.at_level(logging.WARNING, "kws"):
        config = calibrate(CONFIG, spaced(MIN_HOURS / 2), CLEAN, 0.2, HELD_OUT)
    assert config.thresholds == (CAUTIOUS, CAUTIOUS)
    assert (operating_points(config), calibration_of(config)) == ({}, None)
    assert caplog.messages[0].startswith("2.5 minutes of speech without the keywords are left")
    above = calibrate(CONFIG, spaced(MIN_HOURS / 2, 4.0), CLEAN, 0.2, HELD_OUT)
    assert min(above.thresholds) > CAUTIOUS


@pytest.mark.parametrize("hours", [0.0, 0.01, 1.0])
def test_speech_without_peaks(hours: float) -> None:
    nothing = np.zeros(0)
    silent = SpeechPeaks(
        ("read",),
        np.zeros(1, np.int64),
        np.array([hours]),
        dict.fromkeys(KEYWORDS, nothing),
        dict.fromkeys(KEYWORDS, nothing.astype(np.int64)),
    )
    config = calibrate(CONFIG, {"running": silent, "alone": silent}, CLEAN, 0.2, HELD_OUT)
    assert config.thresholds == ((ARG_MAX,) * 2 if hours >= MIN_HOURS else (CAUTIOUS,) * 2)


def test_no_threshold_is_below_the_arg_max_or_above_one() -> None:
    low = calibrate(CONFIG, spaced(5.0, -20.0), CLEAN, 0.2, HELD_OUT)
    assert low.thresholds == (ARG_MAX, ARG_MAX)
    assert calibration_of(low).points["high"].per_hour < 0.2
    certain = calibrate(CONFIG, spaced(5.0, 30.0), CLEAN, 0.2, HELD_OUT)
    assert certain.thresholds == (1.0, 1.0)
    measured = calibration_of(certain).points["normal"]
    assert measured.false_alarms == 2000
    assert measured.per_hour > 100  # not what was asked for, and the card says so


def test_synthetic_speech_sets_no_low_thresholds() -> None:
    """One false alarm per hour of a keyword takes odds of 9, a quarter of one twice as much."""
    committee = replace(CONFIG, committee=CommitteeConfig((0.2, 0.2), (1, 1)))
    easy, certain = spaced(5.0, -20.0), spaced(5.0, 30.0)
    for rate, least in ((2.0, 0.9), (0.5, 18 / 19), (2000.0, ARG_MAX)):
        config = calibrate(committee, easy, CLEAN, rate, SYNTHETIC)
        assert config.thresholds == pytest.approx((least, least))
    points = operating_points(calibrate(committee, easy, CLEAN, 0.2, SYNTHETIC))
    low, normal, high = (points[name].thresholds[0] for name in ("low", "normal", "high"))
    assert 0.9 < high < normal < low < 1
    assert calibrate(committee, certain, CLEAN, 0.2, SYNTHETIC).thresholds == (1.0, 1.0)
    recorded = calibrate(committee, easy, CLEAN, 0.5, SYNTHETIC, recorded=True)
    assert recorded.thresholds == pytest.approx((40 / 41, 40 / 41))  # odds of 20 for one per hour
    assert calibrate(committee, easy, CLEAN, 0.5, HELD_OUT, recorded=True).thresholds < (0.9, 0.9)
    for alone in (CONFIG, replace(CONFIG, committee=CommitteeConfig((0.2, 0.2), (2,)))):
        for by_people, least in ((False, 280 / 281), (True, 100 / 101)):
            one = calibrate(alone, easy, CLEAN, 0.5, SYNTHETIC, by_people)
            assert one.thresholds == pytest.approx((least, least))


def test_no_false_alarm_at_all_is_above_every_peak() -> None:
    peaks = peaks_of(5.0)
    config = calibrate(CONFIG, {"running": peaks}, CLEAN, 0.0, HELD_OUT)
    for threshold, heights in zip(config.thresholds, peaks.heights.values(), strict=True):
        assert threshold * ONE == 1 + np.floor((ONE + 1) / (1 + np.exp(-heights[0])) - 0.5 + 1e-6)
    assert operating_points(config) == {}


def test_the_card_names_kinds_and_misses_and_survives_the_file() -> None:
    peaks = join_peaks([peaks_of(5.0), peaks_of(2.0, 1.5, "single words")])
    config = calibrate(
        CONFIG, {"running": peaks, "alone": peaks_of(7.0, 3.0)}, CLEAN, 0.2, HELD_OUT
    )
    values = json.loads(json.dumps(config.to_dict()))
    card = calibration_of(ModelConfig.from_dict(values))
    assert card == calibration_of(config)
    assert card.hours == 7.0
    normal = card.points["normal"]
    assert normal.hardest_kind() == "single words"
    assert normal.kinds["single words"].per_hour > 0.2 > normal.kinds["read"].per_hour
    assert normal.spacings["alone"].per_hour > 1.5 * normal.per_hour
    assert sum(kind.hours for kind in normal.kinds.values()) == pytest.approx(7.0)
    assert (normal.misses["clean"].missed, normal.misses["clean"].utterances) == (6, 200)
    assert normal.misses["clean"].interval == pytest.approx((0.0138, 0.0639), abs=1e-4)  # Wilson
    lines = list(calibration_lines(config))
    assert lines[0] == f"measured on 7.00 h of {HELD_OUT}"
    assert any(line.startswith("normal: 0.2 false alarms per hour of all keyw") for line in lines)
    assert any(line.startswith("normal, hardest kind: single words") for line in lines)
    assert any(line.startswith("normal, each recording alone: ") for line in lines)
    assert "normal, clean: 6 of 200 utterances missed, 3.0% (1.4% to 6.4%)" in lines
    count = f"{normal.false_alarms} in 7.00 h)"
    assert any(line.startswith("normal: ") and f"; {count}" in line for line in lines)
    committee = CommitteeConfig((0.2,) * len(config.keywords), (1, 1))
    of_committee = calibration_lines(replace(config, committee=committee))
    counted = [line for line in of_committee if " in 7.00 h)" in line]
    assert all("; at most " in line for line in counted)
    assert len(counted) == len(card.points)


@pytest.mark.parametrize("table", [None, [], {}, {"points": 1}, {"points": {"low": {}}}, "x"])
def test_a_hostile_calibration_is_refused_by_one_line(table) -> None:
    config = ModelConfig(KEYWORDS, (1.0, 1.0), 2, card={"calibration": table})
    with pytest.raises(KwsError, match="model settings: calibration is not what kws"):
        calibration_of(config)


def test_shares_are_the_named_rates() -> None:
    assert [share * 0.2 for share in SHARES.values()] == pytest.approx([0.05, 0.2, 1.0])
