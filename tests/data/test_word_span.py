"""Test where words are found in recordings."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import binary_closing, label, uniform_filter1d

from kws.config import SAMPLE_RATE
from kws.data.word_span import FRAME, MAX_GAP, _span, frame_levels, word_span


def sound(*segments: tuple[float, float], floor: float = 10.0) -> np.ndarray:
    """Return noise of (seconds, RMS) segments in a noise floor."""
    random = np.random.default_rng(4)
    parts = [random.normal(0, rms, round(seconds * SAMPLE_RATE)) for seconds, rms in segments]
    joined = np.concatenate(parts)
    return (joined + random.normal(0, floor, len(joined))).round().astype(np.int16)


@pytest.mark.parametrize(
    ("segments", "start", "end"),
    [
        ([(0.5, 0), (0.6, 2000), (0.9, 0)], 0.5, 1.1),
        ([(0.5, 0), (0.3, 2000), (0.2, 0), (0.4, 1500), (0.9, 0)], 0.5, 1.4),  # a pause within
        ([(0.4, 0), (0.5, 2000), (0.5, 0), (0.3, 300), (0.6, 0)], 0.4, 0.9),  # a breath after it
        ([(0.3, 0), (0.03, 9000), (0.6, 0), (0.5, 1500), (0.6, 0)], 0.93, 1.43),  # a click before
        ([(0.5, 0), (0.6, 40), (0.9, 0)], 0.5, 1.1),  # 12 dB over the floor
        ([(0.7, 100), (0.5, 6000), (1.2, 100)], 0.7, 1.2),  # in noise
    ],
)
def test_the_word_is_found(segments: list[tuple[float, float]], start: float, end: float) -> None:
    first, last = word_span(sound(*segments))
    assert first / SAMPLE_RATE == pytest.approx(start, abs=0.03)
    assert last / SAMPLE_RATE == pytest.approx(end, abs=0.03)


def test_a_word_is_found_in_anything() -> None:
    for samples in (np.zeros(8000), np.zeros(1), np.full(FRAME + 1, 1000), sound((0.05, 3000))):
        start, end = word_span(np.asarray(samples, np.int16))
        assert 0 <= start < end <= len(samples)


def test_levels_are_smoothed_as_by_scipy() -> None:
    for length in (1, FRAME, 2 * FRAME, 3 * FRAME + 7, 60 * FRAME):
        samples = np.random.default_rng(length).integers(-9000, 9000, length, np.int16)
        frames = np.resize(samples.astype(np.float64), (max(1, length // FRAME), FRAME))
        power = uniform_filter1d((frames**2).mean(axis=1), 3, mode="nearest")
        assert np.array_equal(frame_levels(samples), 10 * np.log10(power + 1))


def test_segments_are_joined_as_by_scipy() -> None:
    random, gap = np.random.default_rng(7), int(MAX_GAP * SAMPLE_RATE / FRAME)
    for _ in range(300):
        # Runs of speech (30 dB and more) and of pauses (less) about as long as the longest gap.
        runs = random.integers(1, 2 * gap, random.integers(1, 12))
        speech = np.repeat(np.arange(len(runs)) % 2 == random.integers(2), runs)
        level = np.where(speech, random.uniform(31, 60, len(speech)), 5.0)
        segments, _ = label(binary_closing(np.pad(speech, gap), np.ones(gap, bool))[gap:-gap])
        first, last = _span(level, 30)
        within = np.unique(segments[first:last])
        if speech.any():
            assert within.size == 1
            assert within[0] > 0
            assert (segments == within[0]).sum() == last - first
        else:
            assert (first, last) == (0, len(level))
