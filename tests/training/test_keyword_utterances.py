"""Test drawing utterances of a keyword."""

from __future__ import annotations

import numpy as np
import pytest

from kws.config import SAMPLE_RATE
from kws.training.augmentation.waveform import CHILD_SPEED, SPEED
from kws.training.keyword_utterances import KeywordUtterances


def test_utterances_are_drawn_as_often_as_their_weights_say(random: np.random.Generator) -> None:
    utterances = [np.full(SAMPLE_RATE, level, np.int16) for level in (1, 2, 3)]
    words = KeywordUtterances(utterances, [0.1, 0.3, 0.0])
    assert words.share == pytest.approx(0.4)
    drawn = np.bincount([words.draw(random)[0][0] for _ in range(400)], minlength=4)
    assert drawn[3] == 0
    assert drawn[1] / 400 == pytest.approx(0.25, abs=0.08)
    assert KeywordUtterances([], []).share == 0


def test_the_place_of_the_word_follows_the_speed(random: np.random.Generator) -> None:
    sentence = np.zeros(2 * SAMPLE_RATE, np.int16)
    sentence[8000:16_000] = (3000 * np.sin(np.arange(8000) / 5)).astype(np.int16)
    words = KeywordUtterances([sentence], [1.0], [(8000, 16_000)])
    for _ in range(20):
        audio, start, end = words.draw_at_random_speed(random)
        factor = len(sentence) / len(audio)
        assert SPEED[0] - 0.01 < factor < CHILD_SPEED[1] + 0.01
        loud = np.flatnonzero(np.abs(audio) > 0.03)
        assert (start, end) == pytest.approx((loud[0], loud[-1]), abs=80)
