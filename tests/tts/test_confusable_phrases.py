"""Test pronunciation, confusable phrases and random sentences with the real dictionary."""

from __future__ import annotations

import shutil
from fnmatch import fnmatch
from pathlib import Path

import numpy as np
import pytest
from conftest import skip_without

from kws.errors import KwsError
from kws.tts import pronunciation
from kws.tts import vocabulary as vocabulary_module
from kws.tts.confusable_phrases import (
    MAX_DISTANCE_SHARE,
    MIN_CHANGE,
    MIN_DISTANCE,
    find_confusable_phrases,
    random_sentences,
    without_keywords,
)
from kws.tts.pronunciation import phone_distance, pronounce, pronunciations
from kws.tts.vocabulary import RARE, WORD_LISTS, vocabulary

KEYWORDS = ("computer", "jarvis", "alexa", "smart mirror")


@pytest.fixture(autouse=True)
def _dictionary() -> None:
    skip_without("festival's pronouncing dictionary", pronunciation.DICTIONARY.exists())


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
    assert len(pronunciations()) > 100_000


def test_a_word_that_is_not_in_the_dictionary_is_pronounced_by_rule() -> None:
    skip_without("festival", shutil.which("festival"))
    assert "snorkfiend" not in pronunciations()
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
    monkeypatch.setattr(pronunciation, "DICTIONARY", tmp_path / "none.out")
    pronunciations.cache_clear()
    try:
        with pytest.raises(KwsError, match="the package is festlex-cmu"):
            pronunciations()
    finally:
        pronunciations.cache_clear()


@pytest.mark.slow
@pytest.mark.parametrize("content", ["", "text", '("word" nil (((zz) 1)))'])
def test_a_dictionary_without_words_is_refused(content, monkeypatch, tmp_path) -> None:
    monkeypatch.setattr(pronunciation, "DICTIONARY", tmp_path / "empty.out")
    (tmp_path / "empty.out").write_text(content)
    pronunciations.cache_clear()
    try:
        with pytest.raises(KwsError, match="no pronounced words"):
            pronunciations()
    finally:
        pronunciations.cache_clear()


@pytest.mark.parametrize("text", ["señor", "r2d2", "привет мир", "hey नमस्ते", "café"])
def test_letters_and_digits_beyond_a_to_z_are_not_pronounced(text: str) -> None:
    with pytest.raises(KwsError, match=r"no English word|no word to pronounce"):
        pronounce(text)


@pytest.mark.slow
@pytest.mark.parametrize("keyword", [*KEYWORDS, "snowboy", "view glass"])
def test_confusable_phrases_sound_like_the_keyword_and_do_not_contain_it(keyword: str) -> None:
    phrases = find_confusable_phrases(keyword, 60, np.random.default_rng(1))
    assert len(set(phrases)) == len(phrases) == 60
    assert phrases == find_confusable_phrases(keyword, 60, np.random.default_rng(1))
    assert phrases != find_confusable_phrases(keyword, 60, np.random.default_rng(2))
    target = pronounce(keyword)
    distances = [inside(pronounce(phrase), target) for phrase in phrases]
    assert min(distances) >= MIN_CHANGE
    assert sum(d >= MIN_DISTANCE for d in distances) >= 50
    # The others are phrases of its rhythm, and patterns with any frequent word in them.
    assert sum(d <= MAX_DISTANCE_SHARE * len(target) for d in distances) >= 36
    assert sum(" " in phrase for phrase in phrases) >= 24


@pytest.mark.slow
@pytest.mark.parametrize(
    ("keyword", "patterns", "words"),
    [
        ("snowboy", ("snow *", "* boy"), {"snowball", "snowfall", "snowman", "cowboy", "tomboy"}),
        ("view glass", ("view *", "* glass"), {"hourglass", "views", "viewed", "bluegrass"}),
        ("computer", ("come *", "* pewter"), {"compute", "commuter", "compact", "competing"}),
    ],
)
def test_common_words_take_the_place_of_one_word(
    keyword: str, patterns: tuple[str, ...], words: set[str]
) -> None:
    phrases = find_confusable_phrases(keyword, 200, np.random.default_rng(1))
    for pattern in patterns:
        found = [phrase for phrase in phrases if fnmatch(phrase, pattern)]
        assert len(found) >= 15, pattern
        changed = [phrase.replace(pattern.strip("* "), "").strip() for phrase in found]
        assert all(vocabulary().levels[vocabulary().words.index(w)] != RARE for w in changed)
    assert words & set(phrases)


def test_texts_in_which_a_keyword_is_heard_are_left_out() -> None:
    heard = ["global computers", "computerized", "come pewter", "my Computer", "smart mirrors"]
    others = ["commuters", "global commuters", "smartest mirrors", "pewter"]
    assert without_keywords([*heard, *others], KEYWORDS) == others


def test_a_keyword_that_cannot_be_pronounced_is_found_by_its_letters() -> None:
    assert without_keywords(["it is 42 now", "good morning"], ["42"]) == ["good morning"]


@pytest.mark.slow
@pytest.mark.parametrize("keyword", ["snowboy", "view glass", "computer", "alexa"])
def test_equally_similar_phrases_are_not_taken_by_the_alphabet(keyword: str) -> None:
    """Both halves of the pairs: they were "acetylene abatements" before."""
    phrases = find_confusable_phrases(keyword, 200, np.random.default_rng(1))
    pairs = [phrase.split() for phrase in phrases if len(phrase.split()) == 2]
    for half in zip(*pairs, strict=True):
        words = set(half)
        assert len(words) > len(half) / 3
        assert len({word[0] for word in words}) >= 10
        assert len({word[:2] for word in words}) >= 25
    assert len({phrase[0] for phrase in phrases[:40]}) >= 8
    assert phrases != sorted(phrases)


@pytest.mark.slow
def test_most_words_are_common() -> None:
    skip_without("SCOWL's lists", WORD_LISTS.exists())
    common = set(np.array(vocabulary().words)[vocabulary().levels != RARE])
    phrases = find_confusable_phrases("snowboy", 200, np.random.default_rng(1))
    words = [word for phrase in phrases for word in phrase.split()]
    assert sum(word in common for word in words) > 0.9 * len(words)


@pytest.mark.slow
def test_without_lists_of_common_words_there_are_phrases_all_the_same(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(vocabulary_module, "WORD_LISTS", tmp_path)
    vocabulary.cache_clear()
    try:
        phrases = find_confusable_phrases("computer", 30, np.random.default_rng(1))
    finally:
        vocabulary.cache_clear()
    assert len(phrases) == 30
    assert f"rare words are drawn as often as common ones: {tmp_path} is missing" in caplog.text


def test_sentences_contain_no_keyword() -> None:
    sentences = random_sentences(KEYWORDS, 50, np.random.default_rng(1))
    assert len(sentences) == 50
    for sentence in sentences:
        assert 4 <= len(sentence.split()) < 9
        for word in sentence.split():
            assert all(inside(pronounce(word), pronounce(k)) >= MIN_DISTANCE for k in KEYWORDS)
