"""Test pronunciation, confusable phrases and random sentences with the real dictionary."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
from conftest import skip_without

from kws.errors import KwsError
from kws.tts import confusable_phrases
from kws.tts.confusable_phrases import (
    MAX_DISTANCE_SHARE,
    MIN_DISTANCE,
    dictionary,
    find_confusable_phrases,
    phone_distance,
    pronounce,
    random_sentences,
)

KEYWORDS = ("computer", "jarvis", "alexa", "smart mirror")


@pytest.fixture(autouse=True)
def _dictionary() -> None:
    skip_without("festival's pronouncing dictionary", confusable_phrases.DICTIONARY.exists())


def inside(phones: tuple[str, ...], target: tuple[str, ...]) -> float:
    """Return the phones to change from the target to the closest part of a phrase."""
    row = [0.0] * (len(phones) + 1)
    for i, expected in enumerate(target, 1):
        below = [float(i)]
        for j, phone in enumerate(phones):
            changed = row[j] + phone_distance(phone, expected)
            below.append(min(changed, row[j + 1] + 1, below[j] + 1))
        row = below
    return min(row)


def test_words_are_pronounced() -> None:
    assert pronounce("Computer!") == ("k", "ah", "m", "p", "y", "uw", "t", "er")
    assert pronounce("smart mirror") == pronounce("smart") + pronounce("mirror")
    assert len(dictionary()) > 100_000


def test_a_word_that_is_not_in_the_dictionary_is_pronounced_by_rule() -> None:
    skip_without("festival", shutil.which("festival"))
    assert "snorkfiend" not in dictionary()
    assert pronounce("snorkfiend")[:4] == ("s", "n", "ao", "r")


def test_phones_of_a_class_are_similar() -> None:
    assert (phone_distance("t", "t"), phone_distance("t", "d"), phone_distance("t", "m")) == (
        0,
        0.5,
        1,
    )


def test_what_cannot_be_pronounced_is_refused(monkeypatch, tmp_path) -> None:
    with pytest.raises(KwsError, match="no word to pronounce"):
        pronounce("42!")
    monkeypatch.setattr(confusable_phrases, "DICTIONARY", tmp_path / "none.out")
    dictionary.cache_clear()
    try:
        with pytest.raises(KwsError, match="the package is festlex-cmu"):
            dictionary()
    finally:
        dictionary.cache_clear()


@pytest.mark.slow
@pytest.mark.parametrize("content", ["", "text", '("word" nil (((zz) 1)))'])
def test_a_dictionary_without_words_is_refused(content, monkeypatch, tmp_path) -> None:
    monkeypatch.setattr(confusable_phrases, "DICTIONARY", tmp_path / "empty.out")
    (tmp_path / "empty.out").write_text(content)
    dictionary.cache_clear()
    try:
        with pytest.raises(KwsError, match="no pronounced words"):
            dictionary()
    finally:
        dictionary.cache_clear()


@pytest.mark.parametrize("text", ["señor", "r2d2", "привет мир", "hey नमस्ते", "café"])
def test_letters_and_digits_beyond_a_to_z_are_not_pronounced(text: str) -> None:
    with pytest.raises(KwsError, match=r"no English word|no word to pronounce"):
        pronounce(text)


@pytest.mark.parametrize("keyword", KEYWORDS)
def test_confusable_phrases_sound_like_the_keyword_and_do_not_contain_it(keyword: str) -> None:
    phrases = find_confusable_phrases(keyword, 60, np.random.default_rng(1))
    assert len(set(phrases)) == len(phrases) == 60
    assert phrases == find_confusable_phrases(keyword, 60, np.random.default_rng(1))
    assert phrases != find_confusable_phrases(keyword, 60, np.random.default_rng(2))
    target = pronounce(keyword)
    pairs = [phrase for phrase in phrases if " " in phrase]
    assert len(pairs) >= 30
    for phrase in phrases:
        distance = inside(pronounce(phrase), target)
        assert MIN_DISTANCE <= distance <= MAX_DISTANCE_SHARE * len(target), phrase


def test_sentences_contain_no_keyword() -> None:
    sentences = random_sentences(KEYWORDS, 50, np.random.default_rng(1))
    assert len(sentences) == 50
    for sentence in sentences:
        assert 4 <= len(sentence.split()) < 9
        for word in sentence.split():
            assert all(inside(pronounce(word), pronounce(k)) >= MIN_DISTANCE for k in KEYWORDS)
