"""Test the sentences around a keyword: each contains it once, and few are equal."""

from __future__ import annotations

import numpy as np
import pytest

from kws.keyword_names import contains
from kws.tts.carrier_sentences import carrier_sentence


@pytest.mark.parametrize("keyword", ["computer", "hey lumen", "light", "the radio", "thank you"])
def test_a_sentence_contains_the_keyword_once(keyword):
    random = np.random.default_rng(1)
    for _ in range(300):
        sentence = carrier_sentence(keyword, random)
        assert sentence.keyword == keyword
        assert contains(str(sentence), keyword)
        assert not contains(sentence.before, keyword)
        assert not contains(sentence.after, keyword)
        assert sentence.before == "" or sentence.before.endswith(" ")
        assert sentence.after == "" or sentence.after[0] in " ,"


def test_sentences_are_many_and_the_same_again():
    one, two = (
        [str(carrier_sentence("computer", np.random.default_rng(n))) for n in range(400)]
        for _ in range(2)
    )
    assert one == two
    assert len(set(one)) > 330


def test_the_keyword_begins_ends_and_stands_within_sentences():
    random = np.random.default_rng(1)
    sentences = [carrier_sentence("computer", random) for _ in range(400)]
    begins = sum(not sentence.before for sentence in sentences)
    ends = sum(not sentence.after for sentence in sentences)
    at_once = sum(sentence.after.startswith(" ") for sentence in sentences)
    assert 100 < begins < 220
    assert 20 < ends < 80
    assert at_once > 150
