"""Test the texts that are said alone: many kinds, none of them a keyword."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from conftest import skip_without

from kws.keyword_names import contains
from kws.tts import pronunciation, vocabulary
from kws.tts.confusable_phrases import MIN_DISTANCE
from kws.tts.lone_texts import EXCLAMATIONS, KNOWN, lone_texts
from kws.tts.pronunciation import pronounce, rhythm
from kws.tts.vocabulary import WORD_LISTS, distance_within, phone_numbers

KEYWORDS = ("computer", "okay lumen", "привет")


@pytest.fixture(autouse=True)
def _dictionary() -> None:
    skip_without("festival's pronouncing dictionary", pronunciation.DICTIONARY.exists())


@pytest.mark.slow
def test_texts_are_many_and_the_same_again() -> None:
    texts = lone_texts(KEYWORDS, 1000, np.random.default_rng(1))
    assert len(set(texts)) == len(texts) == 1000
    assert texts == lone_texts(KEYWORDS, 1000, np.random.default_rng(1))
    assert texts != lone_texts(KEYWORDS, 1000, np.random.default_rng(2))
    assert sum(text in KNOWN for text in texts) > 100
    assert sum(len(text.split()) == 1 for text in texts) > 500
    assert sum(text in KNOWN or rhythm(text).stresses == "010" for text in texts) > 250


@pytest.mark.slow
def test_no_text_is_a_keyword() -> None:
    keywords = ("thank you", "stop", "radio", "tomorrow")
    texts = lone_texts(keywords, 600, np.random.default_rng(1))
    assert not [t for t in texts for keyword in keywords if contains(t, keyword)]
    single = [t for t in texts if t not in KNOWN and " " not in t]
    target = phone_numbers(pronounce("tomorrow"))
    assert all(distance_within(phone_numbers(pronounce(t)), target) >= MIN_DISTANCE for t in single)


@pytest.mark.slow
def test_names_are_among_them() -> None:
    skip_without("SCOWL's lists", WORD_LISTS.exists())
    texts = set(lone_texts(KEYWORDS, 2000, np.random.default_rng(1)))
    names = {vocabulary.vocabulary().words[i] for i in vocabulary.vocabulary().names}
    assert len(texts & names) > 200


def test_without_a_dictionary_known_texts_are_left(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(pronunciation, "DICTIONARY", tmp_path / "none.out")
    caches = pronunciation.pronunciations, vocabulary.vocabulary
    for cache in caches:
        cache.cache_clear()
    try:
        texts = lone_texts(["thank you"], 500, np.random.default_rng(1))
    finally:
        for cache in caches:
            cache.cache_clear()
    assert set(texts) == {text for text in KNOWN if not contains(text, "thank you")}
    assert f"only {len(texts)} texts are said alone" in caplog.text
    assert len(set(EXCLAMATIONS)) > 50
