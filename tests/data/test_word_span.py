"""Test where words are found in recordings."""

from __future__ import annotations

import numpy as np
import pytest

from kws.config import SAMPLE_RATE
from kws.data.word_span import FRAME, word_span


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
