"""Test what is said of phrases before they are trained."""

from __future__ import annotations

import shutil

import pytest
from conftest import skip_without

from kws.tts.phrase_check import alternatives, count_syllables, keyword_warnings, phrase_problems
from kws.tts.pronunciation import DICTIONARY


@pytest.fixture(autouse=True)
def _dictionary() -> None:
    skip_without("festival", shutil.which("festival"))
    skip_without("festlex-cmu", DICTIONARY.exists())


@pytest.mark.parametrize(
    ("phrase", "others", "problem", "refused"),
    [
        ("dog", (), "one syllable", True),
        ("lumen", (), "two syllables", False),
        ("computer", (), "a common word", False),
        ("good morning", (), "said every day", False),
        ("hey lumen", ("hey human",), "sounds like 'hey human'", False),
        ("hey Lumen", ("hay lumen",), "nobody can tell it from 'hay lumen'", True),
        ("hey lumen", ("hey lumen please",), "contain each other", False),
        ("alexia", (), "sounds like 'alexa'", False),
    ],
)
def test_what_is_wrong(phrase: str, others: tuple[str, ...], problem: str, refused: bool) -> None:
    found = phrase_problems(phrase, others)
    assert any(problem in each.text and each.refused == refused for each in found), found
    assert found[0].refused == any(each.refused for each in found)


@pytest.mark.parametrize("phrase", ["hey lumen", "smart mirror", "okay aurora"])
def test_nothing_is_wrong(phrase: str) -> None:
    assert phrase_problems(phrase) == []


def test_alternatives_have_no_problem() -> None:
    assert alternatives("lumen")[0] == "hey lumen"
    assert "hey lumen" not in alternatives("lumen", ["hey human"])
    assert alternatives("lampe", language="de")[0] == "hallo lampe"
    assert "hey hey lumen" not in alternatives("hey lumen")


@pytest.mark.parametrize(
    ("text", "count"),
    [("hey lumen", 3), ("größe", 2), ("hör zu", 2), ("привет", None), ("你好", None)],
)
def test_syllables_of_any_language(text: str, count: int | None) -> None:
    assert count_syllables(text) == count


def test_a_language_says_how_many_syllables_there_are() -> None:
    skip_without("espeak-ng", shutil.which("espeak-ng"))
    assert count_syllables("lampe") == 1  # as if it were English
    assert count_syllables("lampe", "de") == 2
    assert count_syllables("hallo_lampe", "de") == 4
    assert [each.refused for each in phrase_problems("lampe", language="de")] == [False]
    assert keyword_warnings(["lampe"])
    assert keyword_warnings(["lampe"], "de") == []


def test_keywords_of_one_model_that_are_nearly_equal_or_short() -> None:
    assert keyword_warnings(["computer", "smart mirror", "jarvis"]) == []
    lines = keyword_warnings(["go", "computer", "commuter"])
    assert len(lines) == 2
    assert lines[0].startswith("'go': it has one syllable")
    assert lines[1].startswith("'computer': it sounds like 'commuter'")
