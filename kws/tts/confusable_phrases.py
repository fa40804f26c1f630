"""Find phrases that sound like a keyword without containing it, and make random sentences.

Words and pronunciations are those of the CMU dictionary that festival brings. A confusable phrase
is a word whose phones differ little from the keyword's, or two words that do so where they meet
("come puritan" for "computer"): running speech is full of these, lists of similar words are not.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

from kws.errors import KwsError
from kws.keyword_names import is_word_character
from kws.tts.synthesisers import run

# Of the package festlex-cmu; words and phones as Lisp lists, one entry in a line.
DICTIONARY = Path("/usr/share/festival/dicts/cmu/cmudict-0.4.out")
_ENTRY = re.compile(r'\("([a-z]+)" \S+ \((.*)\)\)$')
_SYLLABLE = re.compile(r"\(\(([a-z ]+)\) \d\)")

# Phones of one class differ by half a phone, others by a whole one.
PHONE_CLASSES = (
    "aa ae ah ao aw ay eh er ey ih iy ow oy uh uw",
    "p t k b d g ch jh",
    "f v th dh s z sh zh hh",
    "m n ng",
    "l r w y",
)
_CLASS = {phone: index for index, phones in enumerate(PHONE_CLASSES) for phone in phones.split()}
_PHONES = " ".join(PHONE_CLASSES).split()

MAX_PHONES = 14  # of a word that is considered
# Changed phones by which a phrase differs from the keyword, at the part that resembles it most:
# with fewer, many people would hear the keyword; with more than this share of its phones, none.
MIN_DISTANCE, MAX_DISTANCE_SHARE = 1.0, 0.45
CANDIDATES = 300  # words from which each half of a phrase is drawn
SENTENCE_WORDS = (4, 9)

Phones = tuple[str, ...]
PhoneNumbers = npt.NDArray[np.intp]
Distances = npt.NDArray[np.float32]  # exact: halves of phones


@cache
def dictionary() -> dict[str, Phones]:
    """Return the phones of all words of letters alone, by word; the first entry of each.

    Raises KwsError when the dictionary is not installed or holds none.
    """
    try:
        text = DICTIONARY.read_text("latin-1")
    except OSError as error:
        raise KwsError(f"{DICTIONARY}: {error.strerror}; the package is festlex-cmu") from error
    words: dict[str, Phones] = {}
    for entry in map(_ENTRY.match, text.splitlines()):
        if entry:
            words.setdefault(entry[1], _parse_phones(entry[2]))
    words = {word: phones for word, phones in words.items() if _CLASS.keys() >= set(phones)}
    if not words:
        raise KwsError(f"{DICTIONARY}: no pronounced words in it; the package is festlex-cmu")
    return words


def pronounce(text: str) -> Phones:
    """Return the phones of a text; rules pronounce the words that are not in the dictionary.

    Raises KwsError when there is no word in it, a letter or digit beyond a-z, or when festival is
    not installed or fails.
    """
    others = [c for c in text.lower() if is_word_character(c) and not "a" <= c <= "z" and c != "_"]
    words = re.findall("[a-z]+", text.lower())
    if words and others:
        raise KwsError(f"{text!r}: no English word, the pronouncing dictionary lacks {others[0]!r}")
    if not words:
        raise KwsError(f"{text!r}: there is no word to pronounce")
    return tuple(phone for word in words for phone in dictionary().get(word) or _apply_rules(word))


def phone_distance(a: str, b: str) -> float:
    """Return 0 for equal phones, 0.5 for two of one class, else 1."""
    return 0.0 if a == b else 0.5 if _CLASS[a] == _CLASS[b] else 1.0


_PHONE_DISTANCES = np.array([[phone_distance(a, b) for b in _PHONES] for a in _PHONES], np.float32)


def find_confusable_phrases(keyword: str, count: int, random: np.random.Generator) -> list[str]:
    """Find `count` words and pairs of words, half of each where there are so many, all distinct."""
    words, phones, lengths = _vocabulary()
    target = _numbers(pronounce(keyword))
    max_distance = MAX_DISTANCE_SHARE * len(target)
    whole = _distances(phones, lengths, target)
    inside = _distances(phones, lengths, target, free_start=True, free_end=True)
    similar = np.flatnonzero((whole <= max_distance) & (inside >= MIN_DISTANCE))
    similar = similar[np.argsort(whole[similar], kind="stable")][: 2 * count]
    found = {words[i] for i in random.permutation(similar)[: count // 2]}
    halves = [
        (
            _closest(_distances(phones, lengths, target[:cut], free_start=True)),
            _closest(_distances(phones, lengths, target[cut:], free_end=True)),
        )
        for cut in range(2, len(target) - 1)
    ]
    attempts = 100 * count
    while halves and len(found) < count and attempts:
        attempts -= 1
        left, right = (random.choice(half) for half in halves[random.integers(len(halves))])
        joined = np.concatenate([phones[i, : lengths[i]] for i in (left, right)])
        distance = _distances(joined[None], np.array([len(joined)]), target, True, True)[0]
        if MIN_DISTANCE <= distance <= max_distance:
            found.add(f"{words[left]} {words[right]}")
    return sorted(found)


def random_sentences(keywords: Sequence[str], count: int, random: np.random.Generator) -> list[str]:
    """Return `count` sentences of random words, none of which sounds like a keyword.

    A keyword that cannot be pronounced is none of the dictionary's words.
    """
    words, phones, lengths = _vocabulary()
    different = np.ones(len(words), bool)
    for keyword in keywords:
        try:
            target = _numbers(pronounce(keyword))
        except KwsError:
            continue
        inside = _distances(phones, lengths, target, free_start=True, free_end=True)
        different &= inside >= MIN_DISTANCE
    allowed = np.flatnonzero(different)
    return [
        " ".join(words[i] for i in random.choice(allowed, random.integers(*SENTENCE_WORDS)))
        for _ in range(count)
    ]


def _closest(distances: Distances) -> PhoneNumbers:
    """Return the indices of the CANDIDATES words with the smallest distances."""
    closest: PhoneNumbers = np.argsort(distances, kind="stable")[:CANDIDATES]
    return closest


def _numbers(phones: Phones) -> PhoneNumbers:
    return np.array([_PHONES.index(phone) for phone in phones], np.intp)


@cache
def _vocabulary() -> tuple[list[str], PhoneNumbers, PhoneNumbers]:
    """Return words, their phones [words, MAX_PHONES] and how many these are [words]."""
    entries = {w: p for w, p in dictionary().items() if 2 <= len(p) <= MAX_PHONES}
    phones = np.zeros((len(entries), MAX_PHONES), np.intp)
    lengths = np.array([len(p) for p in entries.values()], np.intp)
    for row, word in zip(phones, entries.values(), strict=True):
        row[: len(word)] = _numbers(word)
    return list(entries), phones, lengths


def _distances(
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


def _apply_rules(word: str) -> Phones:
    """Return the phones of a word by festival's letter-to-sound rules."""
    answer, _ = run(["festival", "-b", f'(print (lex.lookup "{word}" nil))'])
    phones = _parse_phones(answer)
    if not phones or not _CLASS.keys() >= set(phones):
        raise KwsError(f"{word!r}: festival does not say how it is pronounced")
    return phones


def _parse_phones(entry: str) -> Phones:
    """Return the phones of a dictionary entry's syllables."""
    # A vowel without stress is ax in some words and ah in others.
    return tuple(" ".join(_SYLLABLE.findall(entry)).replace("ax", "ah").split())
