"""Test the posterior stage against a reference in Python integers, and as a stream."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest

from kws.config import ModelConfig, Smoothing
from kws.posterior import EXP_ONE, ONE, Posterior, exp_table, quantise_threshold, softmax

SCALE = 0.125  # of the int8 scores: a difference of 8 is a factor of e
KEYWORDS = ("computer", "jarvis", "alexa")
WINDOW_FRAMES = 49
SHORTEST = Smoothing(smooth_steps=1, max_steps=1, refractory_steps=5)


def posterior(smoothing: Smoothing = SHORTEST, thresholds=(0.5, 0.5, 0.5)) -> Posterior:
    config = ModelConfig(KEYWORDS, thresholds, stride=2, smoothing=smoothing)
    return Posterior(config, SCALE, WINDOW_FRAMES)


def scores(*names: str | None, score: int = 127) -> np.ndarray:
    """Return one step per name: the keyword has this score, all others have the lowest."""
    steps = np.full((len(names), 1 + len(KEYWORDS)), -128, np.int8)
    for step, keyword in zip(steps, names, strict=True):
        step[0 if keyword is None else 1 + KEYWORDS.index(keyword)] = score
    return steps


def speech(steps: int, seed: int) -> np.ndarray:
    """Return random scores, at times with a keyword for several steps."""
    random = np.random.default_rng(seed)
    noise = random.integers(-128, 60, (steps, 1 + len(KEYWORDS)))
    noise[:, 0] += 40
    for start in random.integers(0, steps, steps // 40):
        noise[start : start + random.integers(1, 12), random.integers(1, 4)] += 90
    return np.clip(noise, -128, 127).astype(np.int8)


def reference(steps: np.ndarray, config: ModelConfig) -> list[tuple[int, str, Fraction]]:
    """Return step, keyword and confidence of each detection, in Python integers."""
    table = [math.floor(65536 * math.exp(-d * SCALE) + 0.5) for d in range(256)]
    smoothing = config.smoothing
    posteriors = [[0] * len(KEYWORDS) for _ in range(smoothing.smooth_steps)]
    averages = [[0] * len(KEYWORDS) for _ in range(smoothing.max_steps)]
    found, silent_until = [], 0
    for now, step in enumerate(steps.tolist()):
        exponentials = [table[max(step) - score] for score in step]
        posteriors.append([e * 32768 // sum(exponentials) for e in exponentials[1:]])
        recent = zip(*posteriors[-smoothing.smooth_steps :], strict=True)
        averages.append([sum(column) // smoothing.smooth_steps for column in recent])
        recent = zip(*averages[-smoothing.max_steps :], strict=True)
        confidences = [max(column) for column in recent]
        above = [
            (confidence - math.ceil(threshold * 32768), -index)
            for index, (confidence, threshold) in enumerate(
                zip(confidences, config.thresholds, strict=True)
            )
        ]
        best, index = max(above)
        if best >= 0 and now >= silent_until:
            found.append((now, KEYWORDS[-index], Fraction(confidences[-index], 32768)))
            silent_until = now + 1 + smoothing.refractory_steps
    return found


@pytest.mark.parametrize(
    "smoothing",
    [
        SHORTEST,
        Smoothing(smooth_steps=8, max_steps=1, refractory_steps=50),
        Smoothing(smooth_steps=3, max_steps=7, refractory_steps=7),
        Smoothing(smooth_steps=64, max_steps=64, refractory_steps=100),
    ],
    ids=str,
)
def test_it_decides_as_python_integers_do(smoothing):
    total = 0
    for seed, thresholds in enumerate([(0.5, 0.5, 0.5), (0.2, 0.4, 0.3), (0.03, 1.0, 0.9)]):
        stage, steps = posterior(smoothing, thresholds), speech(3000, seed)
        expected = reference(steps, stage.config)
        found = stage.push(steps)
        total += len(expected)
        assert [(d.keyword, d.confidence) for d in found] == [(k, c) for _, k, c in expected]
        # The window of step i ends with frame WINDOW_FRAMES + 2 i; a hop has 320 samples.
        assert [d.sample for d in found] == [
            (WINDOW_FRAMES + 2 * step - 1) * 320 + 480 for step, _, _ in expected
        ]
    assert total > 10


def test_everything_inside_is_an_integer():
    stage = posterior()
    assert np.issubdtype(stage.table.dtype, np.integer)
    assert np.issubdtype(stage.thresholds.dtype, np.integer)
    assert np.issubdtype(softmax(speech(10, 1), stage.table).dtype, np.integer)
    assert np.issubdtype(stage.smooth(speech(10, 1)).dtype, np.integer)


@pytest.mark.parametrize("scale", [1 / 256, 0.05, SCALE, 0.37])
def test_softmax_is_the_real_one_rounded_down(scale):
    steps = np.random.default_rng(3).integers(-128, 128, (5000, 5)).astype(np.int8)
    real = np.exp(steps.astype(np.float64) * scale)
    real /= real.sum(axis=1, keepdims=True)
    error = real * ONE - softmax(steps, exp_table(scale))
    # The table is rounded to half of 1 / 65536, so a posterior to a little more than one step.
    assert error.max() < 2
    assert error.min() > -1.5


def test_softmax_of_one_and_of_equal_scores():
    table = exp_table(SCALE)
    assert table[0] == EXP_ONE
    assert softmax(scores("jarvis"), table).tolist() == [[0, 0, ONE, 0]]
    assert softmax(np.full((1, 4), 7, np.int8), table).tolist() == [[ONE // 4] * 4]


def test_a_threshold_is_reached_exactly():
    stage = posterior()
    two_equal = np.array([[-128, 100, 100, -128]], np.int8)  # 0.5 each
    assert [d.keyword for d in stage.push(two_equal)] == ["computer"]
    assert not posterior(thresholds=(0.50001, 0.50001, 0.5)).push(two_equal)
    assert quantise_threshold(0.5) == ONE // 2
    assert quantise_threshold(0.50001) == ONE // 2 + 1
    assert quantise_threshold(1.0) == ONE
    assert quantise_threshold(1e-9) == 1


def test_each_keyword_has_its_own_threshold():
    stage = posterior(thresholds=(0.9, 0.3, 0.9))
    two_equal = np.array([[-128, 100, 100, -128]], np.int8)
    assert [d.keyword for d in stage.push(two_equal)] == ["jarvis"]


def test_the_keyword_furthest_above_its_threshold_wins():
    table = exp_table(SCALE)
    step = np.array([[-128, 100, 98, -128]], np.int8)
    first, second = softmax(step, table)[0, 1:3] / ONE
    assert first > second
    thresholds = (first - 0.01, second - 0.1, 1.0)
    assert [d.keyword for d in posterior(thresholds=thresholds).push(step)] == ["jarvis"]


def test_it_stays_silent_for_the_refractory_time():
    stage = posterior()
    detections = stage.push(scores(*["alexa"] * 20))
    assert [step_of(d) for d in detections] == [0, 6, 12, 18]
    assert not stage.push(scores("computer", "computer"))
    assert not stage.push(scores(None, None))
    assert [step_of(d) for d in stage.push(scores("computer"))] == [24]


def test_skipped_time_counts_but_is_not_smoothed():
    stage = posterior(Smoothing(smooth_steps=2, max_steps=1, refractory_steps=10))
    assert [step_of(d) for d in stage.push(scores("alexa", "alexa"))] == [0]
    stage.skip(7)
    assert not stage.push(scores("alexa"))  # step 9
    stage.skip(1)
    assert [step_of(d) for d in stage.push(scores("alexa"))] == [11]
    stage.skip(1 << 40)
    assert [step_of(d) for d in stage.push(scores(None, "alexa"))] == [12 + (1 << 40)]


def step_of(detection) -> int:
    """Return the step of a detection."""
    return ((detection.sample - 480) // 320 + 1 - WINDOW_FRAMES) // 2


def test_smoothing_requires_the_keyword_for_several_steps():
    stage = posterior(Smoothing(smooth_steps=4, max_steps=1, refractory_steps=10))
    assert not stage.push(scores("jarvis", None, None, None, "jarvis"))
    (detection,) = stage.push(scores("jarvis"))
    assert detection.confidence == 0.5


def test_the_greatest_of_the_last_averages_counts():
    steps = scores("jarvis", *[None] * 6)
    brief = posterior(Smoothing(1, max_steps=1, refractory_steps=10))
    long = posterior(Smoothing(1, max_steps=4, refractory_steps=10))
    assert [c[1] // ONE for c in brief.smooth(steps)] == [1, 0, 0, 0, 0, 0, 0]
    assert [c[1] // ONE for c in long.smooth(steps)] == [1, 1, 1, 1, 0, 0, 0]


def test_peaks_are_the_greatest_confidences_of_a_block_or_the_latest():
    stage = posterior()
    assert stage.peaks.tolist() == [0, 0, 0]
    stage.begin_block()
    stage.push(scores("jarvis", "alexa"))
    assert stage.peaks.tolist() == [0, ONE, ONE]
    stage.begin_block()
    stage.push(scores())
    assert stage.peaks.tolist() == [0, 0, ONE]
    stage.reset()
    assert stage.peaks.tolist() == [0, 0, 0]


@pytest.mark.parametrize("smoothing", [SHORTEST, Smoothing(9, 5, 30)], ids=str)
def test_the_division_into_pushes_changes_nothing(smoothing):
    steps = speech(2000, seed=11)
    whole = posterior(smoothing, (0.3, 0.3, 0.3)).push(steps)
    assert len(whole) > 5
    cuts = np.sort(np.random.default_rng(12).integers(0, len(steps), 100))
    for indices in (range(1, len(steps)), cuts):
        stage = posterior(smoothing, (0.3, 0.3, 0.3))
        assert [d for piece in np.split(steps, indices) for d in stage.push(piece)] == whole


def test_reset_forgets_the_stream():
    steps = speech(500, seed=13)
    stage = posterior(Smoothing(9, 5, 30), (0.3, 0.3, 0.3))
    first = stage.push(steps)
    assert first
    assert stage.push(steps) != first
    stage.reset()
    assert stage.push(steps) == first


def test_time_is_that_of_the_last_sample():
    (detection,) = posterior().push(scores("jarvis"))
    assert detection.sample == 48 * 320 + 480
    assert detection.time == detection.sample / 16_000
