"""Pronunciation, near phrases and made-up sentences, from the real dictionary."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from conftest import skip_without

from kws.data.dataset import Synthesis
from kws.errors import KwsError
from kws.training.synthetic_speech import synthetic_speech
from kws.tts import pronunciation
from kws.tts.confusable_phrases import FARTHEST, NEAREST, find_confusable_phrases, sentences
from kws.tts.pronunciation import dictionary, difference, pronounce
from kws.tts.synthesisers import SYNTHESISERS
from kws.tts.utterances import file_name

KEYWORDS = ("computer", "jarvis", "alexa", "smart mirror")


@pytest.fixture(autouse=True)
def _dictionary() -> None:
    skip_without("festival's pronouncing dictionary", pronunciation.DICTIONARY.exists())


def inside(phones: tuple[str, ...], target: tuple[str, ...]) -> float:
    """Phones to change between the target and the likest part of a phrase, step by step."""
    row = [0.0] * (len(phones) + 1)
    for i, wanted in enumerate(target, 1):
        below = [float(i)]
        for j, phone in enumerate(phones):
            changed = row[j] + difference(phone, wanted)
            below.append(min(changed, row[j + 1] + 1, below[j] + 1))
        row = below
    return min(row)


def test_words_are_pronounced() -> None:
    assert pronounce("Computer!") == ("k", "ah", "m", "p", "y", "uw", "t", "er")
    assert pronounce("smart mirror") == pronounce("smart") + pronounce("mirror")
    assert len(dictionary()) > 100_000


def test_a_word_that_nobody_wrote_down_is_pronounced_by_rule() -> None:
    skip_without("festival", shutil.which("festival"))
    assert "snorkfiend" not in dictionary()
    assert pronounce("snorkfiend")[:4] == ("s", "n", "ao", "r")


def test_phones_of_a_kind_are_near() -> None:
    assert (difference("t", "t"), difference("t", "d"), difference("t", "m")) == (0, 0.5, 1)


def test_what_cannot_be_pronounced_is_refused(monkeypatch, tmp_path) -> None:
    with pytest.raises(KwsError, match="no word to pronounce"):
        pronounce("42!")
    monkeypatch.setattr(pronunciation, "DICTIONARY", tmp_path / "none.out")
    dictionary.cache_clear()
    try:
        with pytest.raises(KwsError, match="the package is festlex-cmu"):
            dictionary()
    finally:
        dictionary.cache_clear()


@pytest.mark.parametrize("keyword", KEYWORDS)
def test_neighbours_sound_like_the_keyword_and_do_not_hold_it(keyword: str) -> None:
    phrases = find_confusable_phrases(keyword, 60, np.random.default_rng(1))
    assert len(set(phrases)) == len(phrases) == 60
    assert phrases == find_confusable_phrases(keyword, 60, np.random.default_rng(1))
    assert phrases != find_confusable_phrases(keyword, 60, np.random.default_rng(2))
    target = pronounce(keyword)
    pairs = [phrase for phrase in phrases if " " in phrase]
    assert len(pairs) >= 30
    for phrase in phrases:
        distance = inside(pronounce(phrase), target)
        assert NEAREST <= distance <= FARTHEST * len(target), phrase


def test_sentences_hold_no_keyword() -> None:
    said = sentences(KEYWORDS, 50, np.random.default_rng(1))
    assert len(said) == 50
    for sentence in said:
        assert 4 <= len(sentence.split()) < 9
        for word in sentence.split():
            assert all(inside(pronounce(word), pronounce(k)) >= NEAREST for k in KEYWORDS)


def test_spellings_are_said_as_the_keyword(tmp_path: Path) -> None:
    programs = [engine.program for engine in SYNTHESISERS.values()]
    skip_without("a speech synthesiser", any(map(shutil.which, programs)))
    wanted = Synthesis(
        utterances_per_keyword=2,
        utterances_per_respelling=1,
        respellings={"alexa": ("elexa", "a lexer")},
    )
    speech = synthetic_speech(wanted, ["computer", "alexa"], tmp_path)
    assert {word: len(said) for word, said in speech.keywords.items()} == {
        "computer": 2,
        "alexa": 2 + 2,
    }
    said = {path.name.partition("@")[0] for path in (tmp_path / "keywords").glob("*.flac")}
    assert said == {"computer-0", "computer-1", "alexa-0", "alexa-1", "elexa-0", "a_lexer-0"}


@pytest.mark.parametrize(("named", "expected"), [((), ("computer", "alexa")), (("alexa",),) * 2])
def test_near_phrases_are_said_of_the_keywords_that_are_named(
    tmp_path: Path, named: tuple[str, ...], expected: tuple[str, ...]
) -> None:
    programs = [engine.program for engine in SYNTHESISERS.values()]
    skip_without("a speech synthesiser", any(map(shutil.which, programs)))
    wanted = Synthesis(utterances_per_confusable=1, generated_confusables=2, generated_for=named)
    speech = synthetic_speech(wanted, ["computer", "alexa"], tmp_path)
    random = np.random.default_rng(1)
    phrases = [p for keyword in expected for p in find_confusable_phrases(keyword, 2, random)]
    said = {path.name.partition("@")[0] for path in (tmp_path / "near_words").glob("*.flac")}
    assert said == {f"{file_name(phrase)}-0" for phrase in phrases}
    assert len(speech.near_words) == len(phrases) == 2 * len(expected)
