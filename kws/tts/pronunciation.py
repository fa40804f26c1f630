"""Say how words are pronounced: English by the dictionary that festival brings, others by IPA.

English words and pronunciations are those of the CMU dictionary; festival's rules say the others.
Those of other languages are espeak-ng's.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import NamedTuple

from kws.errors import KwsError
from kws.keyword_names import is_word_character, words_of
from kws.tts.ipa import IPA_CLASSES, pronounce_words
from kws.tts.languages import ENGLISH
from kws.tts.synthesisers import run
from kws.tts.word_lists import common_words

# Of the package festlex-cmu; words and phones as Lisp lists, one entry in a line.
DICTIONARY = Path("/usr/share/festival/dicts/cmu/cmudict-0.4.out")
_ENTRY = re.compile(r'\("([a-z]+)" \S+ \((.*)\)\)$')
_SYLLABLE = re.compile(r"\(\(([a-z ]+)\) (\d)\)")

VOWELS = "aa ae ah ao aw ay eh er ey ih iy ow oy uh uw"
# Phones of one class differ by half a phone, others by a whole one.
CMU_CLASSES = (
    VOWELS,
    "p t k b d g ch jh",
    "f v th dh s z sh zh hh",
    "m n ng",
    "l r w y",
)
PHONE_CLASSES = tuple(f"{a} {b}" for a, b in zip(CMU_CLASSES, IPA_CLASSES, strict=True))
_CLASS = {phone: index for index, phones in enumerate(PHONE_CLASSES) for phone in phones.split()}

Phones = tuple[str, ...]


class Pronunciation(NamedTuple):
    """Hold the phones of a word and its rhythm."""

    phones: Phones
    stresses: str  # of each syllable: 1 where it is stressed, 0 where it is not

    @property
    def stressed_vowels(self) -> Phones:
        """Return the vowels of the stressed syllables."""
        vowels = [phone for phone in self.phones if _CLASS[phone] == 0]
        return tuple(v for v, stress in zip(vowels, self.stresses, strict=False) if stress == "1")


@cache
def pronunciations(language: str = ENGLISH) -> dict[str, Pronunciation]:
    """Return how all words of letters alone are pronounced, by word; the first entry of each.

    Those of another language than English are its common words.

    Raises KwsError when the dictionary is not installed or holds none.
    """
    if language != ENGLISH:
        words = list(common_words(language))
        said = [Pronunciation(*sounds) for sounds in pronounce_words(words, language)]
        return {word: how for word, how in zip(words, said, strict=True) if how.stresses}
    return _dictionary()


def _dictionary() -> dict[str, Pronunciation]:
    """Return the words of the CMU dictionary."""
    try:
        text = DICTIONARY.read_text("latin-1")
    except OSError as error:
        raise KwsError(f"{DICTIONARY}: {error.strerror}; the package is festlex-cmu") from error
    words: dict[str, Pronunciation] = {}
    for entry in map(_ENTRY.match, text.splitlines()):
        if entry:
            words.setdefault(entry[1], _parse(entry[2]))
    words = {word: said for word, said in words.items() if _CLASS.keys() >= set(said.phones)}
    if not words:
        raise KwsError(f"{DICTIONARY}: no pronounced words in it; the package is festlex-cmu")
    return words


def pronounce(text: str, language: str = ENGLISH) -> Phones:
    """Return the phones of a text; rules pronounce the words that are not in the dictionary.

    Raises KwsError when there is no word in it, a letter or digit beyond a-z, or when festival is
    not installed or fails.
    """
    return rhythm(text, language).phones


def rhythm(text: str, language: str = ENGLISH) -> Pronunciation:
    """Return the phones of a text and its stresses; KwsError as pronounce() raises it."""
    words = _english_words(text) if language == ENGLISH else words_of(text.lower(), "'")
    if not words:
        raise KwsError(f"{text!r}: there is no word to pronounce")
    known = pronunciations(language)
    said = [known.get(word) or _apply_rules(word, language) for word in words]
    phones = tuple(phone for word in said for phone in word.phones)
    return Pronunciation(phones, "".join(word.stresses for word in said))


def _english_words(text: str) -> list[str]:
    """Return the words of a text; KwsError where a letter is none of the dictionary's."""
    others = [c for c in text.lower() if is_word_character(c) and not "a" <= c <= "z" and c != "_"]
    words = re.findall("[a-z]+", text.lower())
    if words and others:
        raise KwsError(f"{text!r}: no English word, the pronouncing dictionary lacks {others[0]!r}")
    return words


def phone_distance(a: str, b: str) -> float:
    """Return 0 for equal phones, 0.5 for two of one class, else 1."""
    return 0.0 if a == b else 0.5 if _CLASS[a] == _CLASS[b] else 1.0


@cache
def _apply_rules(word: str, language: str) -> Pronunciation:
    """Return how a word is pronounced by the rules of festival, or of espeak-ng."""
    if language != ENGLISH:
        (sounds,) = pronounce_words([word.replace("_", " ")], language)
        if not sounds[1]:
            raise KwsError(f"{word!r}: espeak-ng does not say how it is pronounced")
        return Pronunciation(*sounds)
    answer, _ = run(["festival", "-b", f'(print (lex.lookup "{word}" nil))'])
    said = _parse(answer)
    if not said.phones or not _CLASS.keys() >= set(said.phones):
        raise KwsError(f"{word!r}: festival does not say how it is pronounced")
    return said


def _parse(entry: str) -> Pronunciation:
    """Return the phones and stresses of a dictionary entry's syllables."""
    syllables = _SYLLABLE.findall(entry)
    phones = " ".join(phones for phones, _ in syllables)
    # A vowel without stress is ax in some words and ah in others; 2 is a second stress.
    stresses = "".join("0" if stress == "0" else "1" for _, stress in syllables)
    return Pronunciation(tuple(phones.replace("ax", "ah").split()), stresses)
