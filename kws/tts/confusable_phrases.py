"""Phrases that sound like a keyword without holding it, and sentences of any words.

Words are taken from the pronouncing dictionary. A phrase is a word that lies near the keyword by
the phones that must be changed, or two words that do so where they meet ("come puritan" for
"computer"): running speech is full of these, lists of similar words are not.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np
import numpy.typing as npt

from kws.tts.pronunciation import KINDS, Phones, dictionary, difference, pronounce

LONGEST = 14  # phones of a word that is considered
# Changed phones by which a phrase differs from the keyword wherever it is likest: fewer would be
# the keyword to many ears; more, as a share of the keyword's phones, are not near it.
NEAREST, FARTHEST = 1.0, 0.45
CHOICES = 300  # words that are drawn from for each half of a phrase
WORDS = (4, 9)  # of a sentence

Numbers = npt.NDArray[np.intp]
Distances = npt.NDArray[np.float32]  # exact: halves of phones

_PHONES = " ".join(KINDS).split()
_DIFFERENCE = np.array([[difference(a, b) for b in _PHONES] for a in _PHONES], np.float32)


def find_confusable_phrases(keyword: str, count: int, random: np.random.Generator) -> list[str]:
    """`count` words and pairs of words, half of each where there are so many, without repeats."""
    words, phones, lengths = _vocabulary()
    target = _numbers(pronounce(keyword))
    farthest = FARTHEST * len(target)
    whole = _distances(phones, lengths, target)
    inside = _distances(phones, lengths, target, free_start=True, free_end=True)
    near = np.flatnonzero((whole <= farthest) & (inside >= NEAREST))
    near = near[np.argsort(whole[near], kind="stable")][: 2 * count]
    found = {words[i] for i in random.permutation(near)[: count // 2]}
    halves = [
        (
            _likest(_distances(phones, lengths, target[:cut], free_start=True)),
            _likest(_distances(phones, lengths, target[cut:], free_end=True)),
        )
        for cut in range(2, len(target) - 1)
    ]
    attempts = 100 * count
    while halves and len(found) < count and attempts:
        attempts -= 1
        left, right = (random.choice(half) for half in halves[random.integers(len(halves))])
        joined = np.concatenate([phones[i, : lengths[i]] for i in (left, right)])
        distance = _distances(joined[None], np.array([len(joined)]), target, True, True)[0]
        if NEAREST <= distance <= farthest:
            found.add(f"{words[left]} {words[right]}")
    return sorted(found)


def sentences(keywords: Sequence[str], count: int, random: np.random.Generator) -> list[str]:
    """`count` sentences of random words, none of which sounds like a keyword."""
    words, phones, lengths = _vocabulary()
    apart = np.ones(len(words), bool)
    for keyword in keywords:
        target = _numbers(pronounce(keyword))
        apart &= _distances(phones, lengths, target, free_start=True, free_end=True) >= NEAREST
    allowed = np.flatnonzero(apart)
    return [
        " ".join(words[i] for i in random.choice(allowed, random.integers(*WORDS)))
        for _ in range(count)
    ]


def _likest(distances: Distances) -> Numbers:
    likest: Numbers = np.argsort(distances, kind="stable")[:CHOICES]
    return likest


def _numbers(phones: Phones) -> Numbers:
    return np.array([_PHONES.index(phone) for phone in phones], np.intp)


@cache
def _vocabulary() -> tuple[list[str], Numbers, Numbers]:
    """Words, their phones [words, LONGEST] and how many these are [words]."""
    entries = {w: p for w, p in dictionary().items() if 2 <= len(p) <= LONGEST}
    phones = np.zeros((len(entries), LONGEST), np.intp)
    lengths = np.array([len(p) for p in entries.values()], np.intp)
    for row, word in zip(phones, entries.values(), strict=True):
        row[: len(word)] = _numbers(word)
    return list(entries), phones, lengths


def _distances(
    phones: Numbers,
    lengths: Numbers,
    target: Numbers,
    free_start: bool = False,
    free_end: bool = False,
) -> Distances:
    """[words] phones to change, add or leave out from each word to the target.

    free_start, free_end: what a word has before or behind its likest part costs nothing.
    """
    count, longest = phones.shape
    columns = np.ascontiguousarray(phones.T)
    places = np.arange(longest + 1, dtype=np.float32)[:, None]
    row = np.zeros((longest + 1, count), np.float32) + (0 if free_start else places)
    for phone in target:
        changes = _DIFFERENCE[:, phone]
        below = np.empty_like(row)
        below[0] = row[0] + 1
        for j in range(longest):
            changed = row[j] + changes[columns[j]]
            np.minimum(changed, np.minimum(row[j + 1], below[j]) + 1, out=below[j + 1])
        row = below
    if free_end:
        best: Distances = np.where(places <= lengths, row, np.inf).min(axis=0)
        return best
    last: Distances = row[lengths, np.arange(count)]
    return last
