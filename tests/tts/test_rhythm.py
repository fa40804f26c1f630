"""Test that the neighbours of a keyword have its rhythm and do not sound like it."""

from __future__ import annotations

import numpy as np
import pytest
from conftest import skip_without

from kws.tts import pronunciation
from kws.tts.pronunciation import rhythm
from kws.tts.rhythm import rhythm_neighbours


@pytest.fixture(autouse=True)
def _dictionary() -> None:
    skip_without("festival's pronouncing dictionary", pronunciation.DICTIONARY.exists())


def test_a_rhythm_is_the_stress_of_each_syllable() -> None:
    rhythms = [rhythm(text).stresses for text in ("computer", "banana", "amelia", "Athena")]
    assert rhythms == ["010"] * 4
    assert rhythm("smart mirror").stresses == "110"
    assert rhythm("computer").stressed_vowels == ("uw",)


@pytest.mark.slow
@pytest.mark.parametrize("keyword", ["computer", "smart mirror", "snowboy", "jarvis", "go"])
def test_neighbours_have_the_rhythm(keyword: str) -> None:
    neighbours = rhythm_neighbours(keyword, 60, np.random.default_rng(1))
    assert len(set(neighbours)) == len(neighbours) == 60
    assert {rhythm(text).stresses for text in neighbours} == {rhythm(keyword).stresses}
    assert keyword not in neighbours
    assert neighbours == rhythm_neighbours(keyword, 60, np.random.default_rng(1))
    assert len({text[0] for text in neighbours}) > 10


@pytest.mark.slow
def test_many_neighbours_have_the_stressed_vowel_and_some_are_names() -> None:
    neighbours = rhythm_neighbours("computer", 1000, np.random.default_rng(1))
    same = [text for text in neighbours if rhythm(text).stressed_vowels == ("uw",)]
    assert len(same) > 100
    assert {"amelia", "banana", "athena", "tobacco"} & set(neighbours)
