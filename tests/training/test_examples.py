"""Test generation of examples."""

from __future__ import annotations

import numpy as np
import pytest
from training_signals import LAYOUT, silent_generator

from kws.config import SAMPLE_RATE
from kws.data.word_span import word_span
from kws.training.example_store import BACKGROUND
from kws.training.examples import ExampleGenerator, KeywordUtterances
from kws.training.features import IGNORE, KEYWORD_RANGE


def test_the_word_ends_where_the_labels_say(random: np.random.Generator) -> None:
    examples = silent_generator()
    (span,) = examples.keywords[0].word_spans
    assert span == pytest.approx((0.8 * SAMPLE_RATE, 1.3 * SAMPLE_RATE), abs=480)
    errors = []
    for _ in range(60):
        samples, labels = examples.keyword(2, random)
        assert (samples.dtype, len(samples)) == (np.int16, LAYOUT.samples)
        assert set(labels.tolist()) <= {0, 2, IGNORE}
        last = LAYOUT.step_ends[np.flatnonzero(labels == 2)[-1]]
        errors.append(word_span(samples)[1] / SAMPLE_RATE - (last - KEYWORD_RANGE[1]))
    # Never before the word's end; but reverberation prolongs it, and synthetic noise masks where
    # it ends. A step is 40 ms.
    assert np.quantile(errors, 0.1) > -0.03
    assert np.quantile(errors, 0.25) < 0.05


def test_utterances_are_drawn_as_often_as_their_weights_say(random: np.random.Generator) -> None:
    utterances = [np.full(SAMPLE_RATE, level, np.int16) for level in (1, 2, 3)]
    words = KeywordUtterances(utterances, [0.1, 0.3, 0.0])
    assert words.share == pytest.approx(0.4)
    drawn = np.bincount([words.draw(random)[0][0] for _ in range(400)], minlength=4)
    assert drawn[3] == 0
    assert drawn[1] / 400 == pytest.approx(0.25, abs=0.08)
    assert KeywordUtterances([], []).share == 0


@pytest.mark.parametrize("kind", BACKGROUND)
@pytest.mark.parametrize(
    "examples",
    [silent_generator(), ExampleGenerator(LAYOUT, [KeywordUtterances([], [])], [], [], [])],
    ids=["silent recordings", "no recordings"],
)
def test_background_examples_are_as_long_as_the_layout(
    examples: ExampleGenerator, kind: str, random: np.random.Generator
) -> None:
    for _ in range(20):
        samples = getattr(examples, kind)(random)
        assert (samples.dtype, len(samples)) == (np.int16, LAYOUT.samples)
