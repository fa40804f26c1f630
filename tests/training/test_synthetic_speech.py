"""Test the synthetic speech of a recipe with the real synthesisers."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from conftest import skip_without

from kws.data.dataset import Dataset, Synthesis
from kws.errors import KwsError
from kws.keyword_names import contains
from kws.training.synthetic_speech import (
    PER_CONFUSABLE,
    SyntheticSpeech,
    confusable_phrases,
    synthetic_speech,
    with_synthesis,
)
from kws.tts import pronunciation
from kws.tts.confusable_phrases import find_confusable_phrases
from kws.tts.synthesisers import ESPEAK_ACCENTS, SYNTHESISERS
from kws.tts.utterances import file_name
from kws.tts.voices import Voice


@pytest.fixture(autouse=True)
def _dictionary() -> None:
    skip_without("festival's pronouncing dictionary", pronunciation.DICTIONARY.exists())


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


def test_chosen_voices_that_cannot_say_a_keyword_are_named(tmp_path: Path) -> None:
    skip_without("flite", shutil.which("flite"))
    wanted = Synthesis(utterances_per_keyword=1, voices=("flite slt",), language="de")
    with pytest.raises(KwsError, match=r"flite slt none can say 'lampe': .* the language 'de'"):
        synthetic_speech(wanted, ["lampe"], tmp_path)
    others = replace(wanted, language=None)
    with pytest.raises(KwsError, match="none can say 'лампа'"):
        synthetic_speech(others, ["lamp", "лампа"], tmp_path)
    assert not list(tmp_path.rglob("*.flac"))
    silent = synthetic_speech(replace(others, utterances_per_keyword=0), ["лампа"], tmp_path)
    assert silent.keywords == {"лампа": []}


def test_given_texts_that_hold_an_excluded_phrase_are_not_said(tmp_path: Path) -> None:
    programs = [engine.program for engine in SYNTHESISERS.values()]
    skip_without("a speech synthesiser", any(map(shutil.which, programs)))
    wanted = Synthesis(
        utterances_per_sentence=1,
        utterances_per_respelling=1,
        sentences=("a lamp", "alamp"),
        respellings={"alexa": ("elexa", "the lamp")},
        excluded_phrases=("Lamp",),
    )
    speech = synthetic_speech(wanted, ["alexa"], tmp_path)
    assert len(speech.sentences) == len(speech.keywords["alexa"]) == 1


@pytest.mark.slow
@pytest.mark.parametrize(("named", "expected"), [((), ("computer", "alexa")), (("alexa",),) * 2])
def test_confusable_phrases_are_generated_for_the_keywords_that_are_named(
    tmp_path: Path, named: tuple[str, ...], expected: tuple[str, ...]
) -> None:
    programs = [engine.program for engine in SYNTHESISERS.values()]
    skip_without("a speech synthesiser", any(map(shutil.which, programs)))
    wanted = Synthesis(utterances_per_confusable=1, generated_confusables=2, generated_for=named)
    speech = synthetic_speech(wanted, ["computer", "alexa"], tmp_path)
    phrases = [
        phrase
        for keyword in expected
        for phrase in find_confusable_phrases(keyword, 2, np.random.default_rng(1))
    ]
    said = {
        path.name.partition("@")[0] for path in (tmp_path / "confusable_phrases").glob("*.flac")
    }
    assert said == {f"{file_name(phrase)}-0" for phrase in phrases}
    assert len(speech.confusable_phrases) == len(phrases) == 2 * len(expected)


@pytest.mark.slow
def test_no_phrase_like_one_keyword_holds_another_within_a_longer_word() -> None:
    found = find_confusable_phrases("alexa", 500, np.random.default_rng(1))
    assert any("computers" in phrase for phrase in found)
    kept = confusable_phrases(Synthesis(), ["computer", "alexa"], 500, ["alexa"])
    assert kept == [phrase for phrase in found if "computer" not in phrase]


def test_a_recipe_chooses_voices_and_excludes_phrases(tmp_path: Path) -> None:
    skip_without("flite", shutil.which("flite"))
    (recipe := tmp_path / "recipe.toml").write_text(
        "[synthesis]\nvoices = ['flite slt', 'flite awb']\nexcluded_phrases = ['come puter']\n"
        "utterances_per_keyword = 3\ngenerated_confusables = 4\nrandom_sentences = 0\n"
        "in_context_per_keyword = 0\naccented_per_keyword = 2\nlone_utterances = 0\n"
    )
    wanted = with_synthesis(Dataset({"computer": []}), recipe=recipe).synthesis
    assert (wanted.utterances_per_keyword, wanted.utterances_per_confusable) == (3, PER_CONFUSABLE)
    phrases = confusable_phrases(wanted, ["computer"], 4)
    (first, *others) = phrases
    wanted = replace(wanted, excluded_phrases=(first.upper(),))
    assert confusable_phrases(wanted, ["computer"], 4) == others
    synthetic_speech(wanted, ["computer"], tmp_path / "speech")
    said = [path.stem.split("@") for path in (tmp_path / "speech").rglob("*.flac")]
    assert {voice for _, voice in said} == {"flite_slt", "flite_awb"}
    assert len([text for text, _ in said if text.startswith("computer-")]) == 3 + 2
    assert not [text for text, _ in said if text.startswith(f"{file_name(first)}-")]
    with pytest.raises(KwsError, match="no installed voice or synthesiser is named 'flite x'"):
        synthetic_speech(replace(wanted, voices=("flite x",)), ["computer"], tmp_path / "speech")


def test_nothing_is_asked_of_synthesisers_where_there_are_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    dataset = with_synthesis(Dataset({"computer": []}))
    assert dataset.synthesis == Synthesis()
    assert "no synthetic speech is added: no speech synthesiser is installed" in caplog.text
    speech = synthetic_speech(dataset.synthesis, ["computer"], tmp_path / "speech")
    assert speech == SyntheticSpeech({"computer": []}, [], [], {"computer": []}, [])


def test_without_a_dictionary_known_texts_are_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    skip_without("a speech synthesiser", shutil.which("espeak-ng"))
    monkeypatch.setattr(pronunciation, "DICTIONARY", tmp_path / "none.out")
    pronunciation.pronunciations.cache_clear()
    try:
        wanted = with_synthesis(Dataset({"computer": []})).synthesis
    finally:
        pronunciation.pronunciations.cache_clear()
    assert (wanted.generated_confusables, wanted.random_sentences) == (0, 0)
    assert wanted.sentences
    assert "no confusable phrases are added" in caplog.text


@pytest.mark.parametrize(
    ("keyword", "language"),
    [("привет", "ru"), ("señor", "es"), ("sen\u0303or", "es"), ("नमस्ते", "hi")],
)
def test_a_keyword_beyond_a_to_z_is_said_in_its_language_without_confusable_phrases(
    tmp_path: Path, keyword: str, language: str, caplog: pytest.LogCaptureFixture
) -> None:
    skip_without("espeak-ng", shutil.which("espeak-ng"))
    caplog.set_level("INFO")
    wanted = Synthesis(
        utterances_per_keyword=3,
        generated_confusables=4,
        utterances_per_confusable=1,
        random_sentences=2,
    )
    speech = synthetic_speech(wanted, [keyword], tmp_path)
    assert len(speech.keywords[keyword]) == 3
    assert len(speech.sentences) == 2
    assert speech.confusable_phrases == []
    voices = {path.stem.partition("@")[2] for path in (tmp_path / "keywords").glob("*.flac")}
    assert all(voice.startswith(f"espeak-ng_{language}") for voice in voices)
    assert f"{keyword!r} is said by voices of the language {language!r}" in caplog.messages
    assert any(f"no confusable phrases of {keyword!r} are added" in m for m in caplog.messages)


@pytest.mark.parametrize("keyword", ["ᚠᚢᚦ", "привет"])
def test_a_keyword_that_no_voice_knows_is_left_to_recordings(
    tmp_path: Path, keyword: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    skip_without("espeak-ng", shutil.which("espeak-ng"))
    monkeypatch.setattr(
        "kws.training.speakers.installed_voices", lambda **_: [Voice("flite", "slt")]
    )
    speech = synthetic_speech(Synthesis(utterances_per_keyword=3), [keyword], tmp_path)
    assert speech.keywords == {keyword: []}
    assert f"no synthetic speech of {keyword!r} is added: no voice knows it" in caplog.messages


def test_a_word_that_festival_cannot_pronounce_has_no_confusable_phrases(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    wanted = Synthesis(generated_confusables=3)
    assert synthetic_speech(wanted, ["snorkfiend"], tmp_path).confusable_phrases == []
    assert "no confusable phrases of 'snorkfiend' are added" in caplog.text


@pytest.mark.slow
def test_keywords_within_sentences_have_spans(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    skip_without("espeak-ng", shutil.which("espeak-ng"))
    wanted = Synthesis(in_context_per_keyword=3)
    speech = synthetic_speech(wanted, ["computer", "привет"], tmp_path)
    assert speech.keywords == {"computer": [], "привет": []}
    assert [len(said) for said in speech.in_context.values()] == [3, 0]
    for samples, start, end in speech.in_context["computer"]:
        assert 0 <= start < end <= len(samples)
    assert "no sentences with 'привет' are added: no voice can say them" in caplog.messages


@pytest.mark.slow
def test_keywords_with_accents_and_lone_utterances(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    skip_without("espeak-ng", shutil.which("espeak-ng"))
    wanted = Synthesis(accented_per_keyword=12, lone_utterances=10, utterances_per_lone=2)
    speech = synthetic_speech(wanted, ["computer", "привет"], tmp_path)
    assert {word: len(said) for word, said in speech.keywords.items()} == {
        "computer": 12,
        "привет": 0,
    }
    assert "'привет' is not said with accents: it is not English" in caplog.messages
    accents = [path.stem.split("@")[1] for path in (tmp_path / "accented").glob("computer-*.flac")]
    english = ("flite", "festival", *(f"espeak-ng_{accent}" for accent in ESPEAK_ACCENTS))
    assert sum(not accent.startswith(english) for accent in accents) >= 3
    files = [path.name.partition("@")[0] for path in (tmp_path / "lone_utterances").iterdir()]
    texts = {name.rpartition("-")[0] for name in files}
    assert len(texts) == 10
    assert not any(contains(text, "computer") for text in texts)
    assert len(speech.lone_utterances) == 20
    made = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.flac")}
    synthetic_speech(wanted, ["computer", "привет"], tmp_path)
    assert made == {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.flac")}


@pytest.mark.slow
def test_keywords_are_said_with_sounds_left_out_by_voices_of_the_dialect(tmp_path: Path) -> None:
    skip_without("espeak-ng", shutil.which("espeak-ng"))
    wanted = Synthesis(casual_per_keyword=6)
    speech = synthetic_speech(wanted, ["amelia", "computer", "привет"], tmp_path)
    assert {word: len(said) for word, said in speech.keywords.items()} == {
        "amelia": 6,  # three forms of two dialects
        "computer": 0,  # of which people leave nothing out
        "привет": 0,
    }
    names = [path.stem for path in (tmp_path / "casual").iterdir()]
    assert {(name[:5], name.split("@espeak-ng_")[1][:5]) for name in names} == {
        ("en-us", "en-us"),
        ("en-gb", "en-gb"),
    }
    assert not synthetic_speech(Synthesis(casual_per_keyword=6, voices=("flite",)), ["amelia"],
                                tmp_path / "flite").keywords["amelia"]  # fmt: skip


def test_a_count_of_zero_says_nothing(tmp_path: Path) -> None:
    for counts in ({"lone_utterances": 5}, {"utterances_per_lone": 5}):
        assert not synthetic_speech(Synthesis(**counts), ["computer"], tmp_path).lone_utterances
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
@pytest.mark.parametrize("program", ["espeak-ng", "flite", "text2wave"])
def test_each_synthesiser_says_everything_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, program: str
) -> None:
    programs = {"text2wave": ("text2wave", "festival")}.get(program, (program,))
    (tmp_path / "bin").mkdir()
    for name in programs:
        skip_without(name, shutil.which(name))
        (tmp_path / "bin" / name).symlink_to(str(shutil.which(name)))
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    wanted = Synthesis(
        in_context_per_keyword=2,
        accented_per_keyword=2,
        lone_utterances=2,
        utterances_per_lone=1,
    )
    speech = synthetic_speech(wanted, ["computer"], tmp_path / "speech")
    counts = len(speech.in_context["computer"]), len(speech.keywords["computer"])
    assert counts == (2, 2)
    assert len(speech.lone_utterances) == 2
    voices = {path.stem.split("@")[1].split("_")[0] for path in tmp_path.rglob("*.flac")}
    assert voices == {program.replace("text2wave", "festival")}
