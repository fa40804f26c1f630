"""Test keywords in other languages: who says them, how they sound, what sounds like them."""

# ruff: noqa: RUF001 - IPA has letters that look like others

from __future__ import annotations

import json
import shutil
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from conftest import skip_without

from kws.errors import KwsError
from kws.tts import language_hint as hints
from kws.tts import pronunciation, vocabulary, word_lists
from kws.tts.carrier_sentences import common_words_around
from kws.tts.confusable_phrases import find_confusable_phrases, random_sentences
from kws.tts.ipa import parse_ipa, pronounce_words
from kws.tts.language_hint import language_hint
from kws.tts.lone_texts import lone_texts
from kws.tts.pronunciation import phone_distance, pronounce, rhythm
from kws.tts.synthesisers import ESPEAK, PIPER
from kws.tts.voices import Voice, accented_voices, installed_voices, known_language, voices_for
from kws.tts.word_lists import COMMON, common_words, suggested_language

# Common German words, so that no test depends on a list that is installed.
SAID = (
    "hallo danke bitte heute morgen abend nacht tag haus hand hund katze tisch stuhl "
    "lampe lampen tante kante ampel pumpe tempo licht lange lager rampe wampe laterne "
    "halle holla alle falle kalle malle welle wolle wille werk weg wetter wasser winter "
    "sommer sonne mond garten kinder kind mann frau freund mutter vater bruder schwester "
    "küche zimmer fenster tür auto straße stadt land berg fluss gehen kommen sehen hören "
    "sagen machen lesen schreiben trinken essen schlafen laufen spielen "
)

WORDS = SAID.split()


@pytest.fixture
def german(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine whose only German words are WORDS, as Debian's wngerman lists them."""
    skip_without(ESPEAK, shutil.which(ESPEAK))
    (tmp_path / "ngerman").write_text("\n".join([*WORDS, "a", "d'or"]), encoding="utf-8")
    monkeypatch.setattr(word_lists, "DICTIONARIES", tmp_path)
    monkeypatch.setitem(sys.modules, "wordfreq", None)
    caches = word_lists.common_words, pronunciation.pronunciations, vocabulary.vocabulary
    for cached in caches:
        cached.cache_clear()
    yield
    for cached in caches:
        cached.cache_clear()


@pytest.mark.parametrize(
    ("line", "phones", "stresses"),
    [
        ("h_ˈa_l_oː l_ˈa_m_p_ə", "h a l o l a m p ə", "1010"),
        ("a_l_ˈo l_ˈɑ̃_p", "a l o l ɑ ŋ p", "011"),  # a nasal vowel
        ("ts_ˈaɪ_t", "t s a j t", "1"),  # an affricate, a diphthong
        ("(en)_v_ˈɔɪ_s_(de)", "v ɔ j s", "1"),
        ("ɡ_ʁ_ˈyː_n", "ɡ ʁ ʏ n", "1"),
        ("", "", ""),
    ],
)
def test_ipa_is_phones_and_syllables(line: str, phones: str, stresses: str) -> None:
    assert parse_ipa(line) == (tuple(phones.split()), stresses)


def test_words_of_any_script_are_pronounced_in_one_run() -> None:
    skip_without(ESPEAK, shutil.which(ESPEAK))
    for language, words in (("de", ["Äpfel", "hallo lampe"]), ("ru", ["привет"]), ("el", ["φως"])):
        for phones, stresses in pronounce_words(words, language):
            assert len(phones) >= 3
            assert "1" in stresses
            assert all(phone_distance(phone, "p") <= 1 for phone in phones)  # each has a class
    with pytest.raises(KwsError, match="line break"):
        pronounce_words(["a\nb"], "de")


def test_a_language_is_known_by_its_usual_names() -> None:
    skip_without(ESPEAK, shutil.which(ESPEAK))
    names = {"de": "de", "FR": "fr", "pt_BR": "pt-br", "zh": "cmn", "en-GB": "en", "nl": "nl"}
    assert {name: known_language(name) for name in names} == names
    with pytest.raises(KwsError, match="'xx': espeak-ng knows no such language"):
        known_language("xx")


def test_voices_of_a_language_say_it(tmp_path: Path) -> None:
    skip_without(ESPEAK, shutil.which(ESPEAK))
    piper = {}
    for name, settings in (
        ("thorsten", {"language": {"code": "de_DE"}}),
        ("siwis", {"espeak": {"voice": "fr"}}),
        ("unknown", {}),
    ):
        piper[name] = Voice(PIPER, str(tmp_path / f"{name}.onnx"))
        (tmp_path / f"{name}.onnx.json").write_text(json.dumps(settings))
    voices = [*installed_voices(), *piper.values()]
    french = voices_for("fr", voices)
    assert {"fr-fr", "fr-be", "fr-ch+f2"} <= {voice.name for voice in french}
    assert piper["siwis"] in french
    assert piper["unknown"] in french
    assert piper["thorsten"] not in french
    assert {voice.synthesiser for voice in french} == {ESPEAK, PIPER}
    more = accented_voices(voices, "de")
    assert piper["thorsten"] in more
    assert {v.name.partition("+")[0] for v in more if v.synthesiser == ESPEAK} == {"de"}
    assert len(more) > len(voices_for("de", voices))


@pytest.mark.usefixtures("german")
def test_confusable_phrases_are_common_words_of_the_language() -> None:
    random = np.random.default_rng(1)
    phrases = find_confusable_phrases("hallo lampe", 60, random, "de")
    assert len(phrases) >= 40
    assert "hallo lampe" not in phrases
    words = {word for phrase in phrases for word in phrase.split()}
    assert words <= {*WORDS}
    # In the phrase's own pattern: one of its words is another.
    patterns = [p.split() for p in phrases if len(p.split()) == 2]
    assert sum(a == "hallo" or b == "lampe" for a, b in patterns) >= 10
    again = find_confusable_phrases("hallo lampe", 60, np.random.default_rng(1), "de")
    assert again == phrases


@pytest.mark.usefixtures("german")
def test_other_speech_is_of_the_language() -> None:
    random = np.random.default_rng(1)
    for texts in (
        random_sentences(["hallo lampe"], 20, random, "de"),
        lone_texts(["hallo lampe"], 20, random, "de"),
    ):
        assert len(texts) >= 15
        assert {word for text in texts for word in text.split()} <= {*WORDS}
        assert not any("hallo lampe" in text for text in texts)
    draw = common_words_around("de")
    sentences = [draw("hallo lampe", random) for _ in range(20)]
    assert all(sentence.keyword == "hallo lampe" for sentence in sentences)
    assert any(sentence.before for sentence in sentences)
    assert any(sentence.after for sentence in sentences)


@pytest.mark.usefixtures("german")
def test_words_that_no_list_has_are_pronounced_by_rules() -> None:
    assert "lumenix" not in common_words("de")
    assert len(pronounce("lumenix", "de")) >= 6
    assert rhythm("hallo lampe", "de").stresses == "1010"
    with pytest.raises(KwsError, match="there is no word to pronounce"):
        pronounce("…", "de")


@pytest.mark.usefixtures("german")
def test_without_a_list_of_words_it_says_what_to_install() -> None:
    with pytest.raises(KwsError, match=r"'fr'.* pip install 'kws\[languages\]', or .* wfrench"):
        common_words("fr")


def test_wordfreq_tells_common_words_of_many_languages() -> None:
    skip_without("wordfreq", find_spec("wordfreq"))
    for language, word in (("de", "licht"), ("fr-be", "maison"), ("es", "casa"), ("nl", "huis")):
        levels = common_words(language)
        assert levels[word] == 10
        assert 3000 < len(levels) <= COMMON
    assert suggested_language(["hallo", "lampe"]) == "de"
    assert suggested_language(["hola"]) == "es"
    assert suggested_language(["computer"]) is None
    assert suggested_language(["snowboy"]) is None
    assert suggested_language([]) is None  # a folder's name without letters


def test_a_keyword_of_another_language_gets_a_hint(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hints, "suggested_language", lambda words: "de")
    assert "--language de" in str(language_hint("hallo lampe"))
    assert language_hint("ライト") is None  # its letters tell the language
    monkeypatch.setattr(hints, "suggested_language", lambda words: None)
    monkeypatch.setattr(hints, "pronunciations", lambda: {"snow": 0, "boy": 0, "view": 0})
    assert "'lampe' is no English word" in str(language_hint("view lampe"))
    assert language_hint("snowboy view") is None
