"""Hold the words of a language as arrays: how they sound, how common they are."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt

from kws.tts.languages import ENGLISH
from kws.tts.pronunciation import (
    PHONE_CLASSES,
    Phones,
    Pronunciation,
    phone_distance,
    pronunciations,
)
from kws.tts.word_lists import common_words

MIN_PHONES, MAX_PHONES = 2, 14  # of a word that is considered
# SCOWL's lists of words by how common they are (the package scowl), and of names.
WORD_LISTS = Path("/usr/share/dict/scowl")
LEVELS = (10, 20, 35)  # the 4,400 most common words, 8,000 more, 36,000 more
RARE = 99  # level of all others: surnames, technical terms
NAMES = "english-proper-names.50"

_PHONES = " ".join(PHONE_CLASSES).split()
_NUMBERS = {phone: number for number, phone in enumerate(_PHONES)}
_PHONE_DISTANCES = np.array([[phone_distance(a, b) for b in _PHONES] for a in _PHONES], np.float32)

PhoneNumbers = npt.NDArray[np.intp]
Distances = npt.NDArray[np.float32]  # exact: halves of phones

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Vocabulary:
    """Hold words, their phones [words, MAX_PHONES], how many these are, and their levels."""

    words: list[str]
    said: list[Pronunciation]
    phones: PhoneNumbers
    lengths: PhoneNumbers
    levels: npt.NDArray[np.intp]
    language: str = ENGLISH

    def distances(
        self, target: PhoneNumbers, free_start: bool = False, free_end: bool = False
    ) -> Distances:
        """Return the edit distance of each word to a target, as edit_distances() does."""
        return edit_distances(self.phones, self.lengths, target, free_start, free_end)

    def phones_of(self, *indices: int) -> PhoneNumbers:
        """Return the phones of some words, one after the other."""
        return np.concatenate([self.phones[i, : self.lengths[i]] for i in indices])

    @cached_property
    def common(self) -> Vocabulary:
        """Return the words that are in SCOWL's lists; all where these are not installed."""
        some = np.flatnonzero(self.levels != RARE)
        if not len(some):
            return self
        words, said = [self.words[i] for i in some], [self.said[i] for i in some]
        arrays = self.phones[some], self.lengths[some], self.levels[some]
        return Vocabulary(words, said, *arrays, self.language)

    @cached_property
    def by_phones(self) -> dict[Phones, str]:
        """Return the most common word of each pronunciation."""
        order = self.levels.argsort(kind="stable")[::-1]
        return {self.said[i].phones: self.words[i] for i in order}

    @cached_property
    def rhythms(self) -> npt.NDArray[np.str_]:
        """Return the stresses of each word."""
        return np.array([said.stresses for said in self.said])

    @cached_property
    def names(self) -> npt.NDArray[np.intp]:
        """Return which words are names of people and places; of English alone they are known."""
        if self.language != ENGLISH:
            return np.zeros(0, np.intp)
        names = {word.lower() for word in _listed(NAMES) if word[:1].isupper()}
        return np.array([i for i, word in enumerate(self.words) if word in names], np.intp)


@cache
def vocabulary(language: str = ENGLISH) -> Vocabulary:
    """Return the words of a language; KwsError where no list of them is installed.

    Without SCOWL's lists all English words are equally common, and the log says so.
    """
    entries = {
        word: said
        for word, said in pronunciations(language).items()
        if MIN_PHONES <= len(said.phones) <= MAX_PHONES
    }
    phones = np.zeros((len(entries), MAX_PHONES), np.intp)
    lengths = np.array([len(said.phones) for said in entries.values()], np.intp)
    for row, said in zip(phones, entries.values(), strict=True):
        row[: len(said.phones)] = phone_numbers(said.phones)
    common = _english_levels() if language == ENGLISH else common_words(language)
    levels = np.array([common.get(word, RARE) for word in entries], np.intp)
    return Vocabulary(list(entries), list(entries.values()), phones, lengths, levels, language)


def _english_levels() -> dict[str, int]:
    """Return the level of each word in SCOWL's lists."""
    common: dict[str, int] = {}
    for level in LEVELS:
        for spelling in ("english", "american", "british"):
            for word in _listed(f"{spelling}-words.{level}"):
                common.setdefault(word, level)
    if not common:
        _log.warning("rare words are drawn as often as common ones: %s is missing", WORD_LISTS)
    return common


def phone_numbers(phones: Phones) -> PhoneNumbers:
    """Return the number of each phone."""
    return np.array([_NUMBERS[phone] for phone in phones], np.intp)


def edit_distances(
    phones: PhoneNumbers,
    lengths: PhoneNumbers,
    target: PhoneNumbers,
    free_start: bool = False,
    free_end: bool = False,
) -> Distances:
    """Return the edit distance [words] in phones from each word to the target.

    free_start, free_end: the phones of a word before or after the part that resembles the target
    most cost nothing.
    """
    count, longest = phones.shape
    by_position = np.ascontiguousarray(phones.T)
    positions = np.arange(longest + 1, dtype=np.float32)[:, None]
    row = np.zeros((longest + 1, count), np.float32) + (0 if free_start else positions)
    for phone in target:
        changes = _PHONE_DISTANCES[:, phone]
        below = np.empty_like(row)
        below[0] = row[0] + 1
        for j in range(longest):
            changed = row[j] + changes[by_position[j]]
            np.minimum(changed, np.minimum(row[j + 1], below[j]) + 1, out=below[j + 1])
        row = below
    if free_end:
        best: Distances = np.where(positions <= lengths, row, np.inf).min(axis=0)
        return best
    last: Distances = row[lengths, np.arange(count)]
    return last


def distance_within(phones: PhoneNumbers, target: PhoneNumbers) -> float:
    """Return the distance between a target and the part of some phones that resembles it most."""
    return float(edit_distances(phones[None], np.array([len(phones)]), target, True, True)[0])


def _listed(name: str) -> list[str]:
    """Return the words of one of SCOWL's lists, none where it is not installed."""
    path = WORD_LISTS / name
    return path.read_text("utf-8", "replace").split("\n") if path.is_file() else []
