"""Say what is wrong with a phrase as a keyword, before anything is trained, and propose others."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import combinations

import numpy as np

from kws.errors import KwsError
from kws.keyword_names import comparison_key, contains, words_of
from kws.tts.ipa import pronounce_words
from kws.tts.languages import ENGLISH, language_of
from kws.tts.lone_texts import KNOWN
from kws.tts.pronunciation import pronounce, rhythm
from kws.tts.vocabulary import LEVELS, edit_distances, phone_numbers, vocabulary

FEW_SYLLABLES = 2  # with so many a phrase is short, with one it is none
# Changed phones, of those of the longer of two phrases: below the first people confuse them, below
# the second a model does.
EQUAL_SHARE, NEAR_SHARE = 0.07, 0.34
# Wake words of others: their devices would wake up as well.
ASSISTANTS = ("alexa", "hey google", "okay google", "hey siri", "hey cortana", "bixby")
# What precedes a word to make it a phrase, by language of language_of().
OPENINGS = {
    "de": ("hallo", "okay", "hey"),
    "es": ("oye", "hola", "okay"),
    **dict.fromkeys(("fr", "fr-fr"), ("dis", "salut", "okay")),
    "nl": ("hallo", "hoi", "okay"),
    ENGLISH: ("hey", "okay", "hello"),
}
_VOWELS = re.compile("[aeiouy\u00e6\u00f8\u0153]+")


@dataclass(frozen=True)
class PhraseProblem:
    """Hold what is wrong with a phrase, and whether it should not be trained at all."""

    text: str
    refused: bool = False


def phrase_problems(
    phrase: str, others: Sequence[str] = (), language: str | None = None
) -> list[PhraseProblem]:
    """Return what is wrong with a phrase, given the other keywords of its model, worst first."""
    found = [*_of_length(phrase, language), *_of_others(phrase, others), *_of_frequency(phrase)]
    known = {comparison_key(other) for other in (phrase, *others)}
    for other in (name for name in ASSISTANTS if comparison_key(name) not in known):
        if _share(phrase, other) < NEAR_SHARE:
            found.append(PhraseProblem(f"it sounds like {other!r}: other devices may wake up"))
    return sorted(found, key=lambda problem: not problem.refused)


def keyword_warnings(keywords: Sequence[str], language: str | None = None) -> list[str]:
    """Return a line for each keyword of one syllable and each pair that is nearly equal."""
    lines = [f"{k!r}: {p.text}" for k in keywords for p in _of_length(k, language) if p.refused]
    for first, second in combinations(keywords, 2):
        lines += [f"{first!r}: {problem.text}" for problem in _of_others(first, [second])]
    return lines


def alternatives(phrase: str, others: Sequence[str] = (), language: str | None = None) -> list[str]:
    """Return phrases made from one, with which nothing is wrong."""
    words = OPENINGS.get(language or language_of(phrase) or ENGLISH, OPENINGS[ENGLISH])
    key = comparison_key(phrase)
    longer = [f"{word} {phrase}" for word in words if not key.startswith(f"{word} ")]
    return [text for text in longer if not phrase_problems(text, others, language)]


def count_syllables(text: str, language: str | None = None) -> int | None:
    """Return the syllables of a text, by its vowels where it cannot be pronounced; None if neither.

    None is also for what scripts without letters for vowels write. Without a language the text is
    English where its letters allow it; that of another language is pronounced by espeak-ng.
    """
    try:
        if language is None or language == ENGLISH:
            return len(rhythm(text).stresses)
        ((_, stresses),) = pronounce_words([text.replace("_", " ")], language)
        return len(stresses) or None
    except KwsError:
        folded = unicodedata.normalize("NFKD", text.casefold())
        return len(_VOWELS.findall(folded)) or None


def _of_length(phrase: str, language: str | None) -> list[PhraseProblem]:
    syllables = count_syllables(phrase, language)
    if syllables == 1:
        text = "it has one syllable, which everyday speech is full of; three or more are better"
        return [PhraseProblem(text, refused=True)]
    if syllables == FEW_SYLLABLES:
        return [PhraseProblem("it has two syllables; three or more wake up less by mistake")]
    return []


def _of_others(phrase: str, others: Sequence[str]) -> list[PhraseProblem]:
    """Return with which other keywords of the model a phrase will be confused."""
    found = []
    for other in others:
        share = _share(phrase, other)
        if share < EQUAL_SHARE:
            found.append(PhraseProblem(f"nobody can tell it from {other!r}", refused=True))
        elif share < NEAR_SHARE:
            found.append(PhraseProblem(f"it sounds like {other!r}: either may set off the other"))
        elif contains(phrase, other) or contains(other, phrase):
            found.append(
                PhraseProblem(f"it and {other!r} contain each other: both may be detected")
            )
    return found


def _of_frequency(phrase: str) -> list[PhraseProblem]:
    """Return whether a phrase is said every day; nothing where no list of words is installed."""
    key = comparison_key(phrase)
    if key in map(comparison_key, KNOWN):
        return [PhraseProblem("it is said every day, and not to a device")]
    words = words_of(key, "")
    try:
        known = vocabulary()
    except KwsError:
        return []
    common = {w for w, level in zip(known.words, known.levels, strict=True) if level == LEVELS[0]}
    if len(words) == 1 and words[0] in common:
        return [PhraseProblem("it is a common word, which everyday speech contains")]
    return []


def _share(first: str, second: str) -> float:
    """Return the share of phones in which two phrases differ; of letters without a dictionary."""
    try:
        phones, target = (phone_numbers(pronounce(text)) for text in (first, second))
    except KwsError:
        one, two = (comparison_key(text).replace(" ", "") for text in (first, second))
        return 1 - SequenceMatcher(None, one, two).ratio()
    changed = edit_distances(phones[None], np.array([len(phones)]), target)[0]
    return float(changed) / max(len(phones), len(target))
