"""Test the synthetic speech of a recipe with the real synthesisers."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from conftest import skip_without

from kws.data.dataset import Synthesis
from kws.training.synthetic_speech import synthetic_speech
from kws.tts import confusable_phrases
from kws.tts.confusable_phrases import find_confusable_phrases
from kws.tts.synthesisers import SYNTHESISERS
from kws.tts.utterances import file_name


@pytest.fixture(autouse=True)
def _dictionary() -> None:
    skip_without("festival's pronouncing dictionary", confusable_phrases.DICTIONARY.exists())


def test_respellings_are_utterances_of_the_keyword(tmp_path: Path) -> None:
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


@pytest.mark.slow
@pytest.mark.parametrize(("named", "expected"), [((), ("computer", "alexa")), (("alexa",),) * 2])
def test_confusable_phrases_are_generated_for_the_keywords_that_are_named(
    tmp_path: Path, named: tuple[str, ...], expected: tuple[str, ...]
) -> None:
    programs = [engine.program for engine in SYNTHESISERS.values()]
    skip_without("a speech synthesiser", any(map(shutil.which, programs)))
    wanted = Synthesis(utterances_per_confusable=1, generated_confusables=2, generated_for=named)
    speech = synthetic_speech(wanted, ["computer", "alexa"], tmp_path)
    random = np.random.default_rng(1)
    phrases = [p for keyword in expected for p in find_confusable_phrases(keyword, 2, random)]
    said = {
        path.name.partition("@")[0] for path in (tmp_path / "confusable_phrases").glob("*.flac")
    }
    assert said == {f"{file_name(phrase)}-0" for phrase in phrases}
    assert len(speech.confusable_phrases) == len(phrases) == 2 * len(expected)
