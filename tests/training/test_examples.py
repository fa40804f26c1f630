"""Test generation of examples."""

from __future__ import annotations

import numpy as np
import pytest
from training_signals import LAYOUT, silent_generator

from kws.config import SAMPLE_RATE
from kws.data.word_span import word_span
from kws.training.example_store import BACKGROUND
from kws.training.examples import SPOKEN_IN_CONTEXT, ExampleGenerator
from kws.training.features import IGNORE, KEYWORD_RANGE
from kws.training.keyword_utterances import KeywordUtterances


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


def test_a_lone_utterance_stands_in_silence(random: np.random.Generator) -> None:
    word = (3000 * np.sin(np.arange(8000) / 5)).astype(np.int16)
    quiet = np.zeros(SAMPLE_RATE, np.int16)
    examples = ExampleGenerator(LAYOUT, [KeywordUtterances([], [])], [word], [quiet], [])
    lengths = []
    for _ in range(30):
        samples = examples.lone_utterance(random).astype(np.float64)
        assert len(samples) == LAYOUT.samples
        loud = np.flatnonzero(np.abs(samples) > np.abs(samples).max() / 2)
        lengths.append((loud[-1] - loud[0]) / SAMPLE_RATE)
    assert np.quantile(lengths, 0.25) == pytest.approx(0.5, abs=0.1)  # noise prolongs others


def test_a_keyword_said_in_a_sentence_ends_where_the_labels_say(
    random: np.random.Generator,
) -> None:
    tone = (3000 * np.sin(np.arange(8000) / 5)).astype(np.int16)
    sentence = np.concatenate([np.zeros(20_000, np.int16), tone])
    words = [KeywordUtterances([sentence], [1.0], [(20_000, 28_000)])]
    alone = [KeywordUtterances([np.zeros(8000, np.int16)], [1.0])]
    examples = ExampleGenerator(LAYOUT, alone, [], [], [], in_context=words)
    ends = []
    for _ in range(200):
        samples, labels = examples.keyword(1, random)
        if np.abs(samples).max() > 50:  # that of the sentence
            step = np.flatnonzero(labels == 1)[-1]
            loud = np.flatnonzero(np.abs(samples) > np.abs(samples.astype(int)).max() / 2)
            ends.append(LAYOUT.step_ends[step] - KEYWORD_RANGE[1] - loud[-1] / SAMPLE_RATE)
    assert len(ends) / 200 == pytest.approx(SPOKEN_IN_CONTEXT, abs=0.1)
    assert np.median(ends) == pytest.approx(0, abs=0.06)
