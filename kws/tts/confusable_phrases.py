"""Find phrases that sound like a keyword without containing it, and make random sentences.

There are four kinds. In the keyword's own pattern, one of its words is another: "slow boy" and
"snow bowl" for "snowboy". Single words share most phones with it, or its first or last half. Pairs
of words resemble it where they meet: "come puritan" for "computer". And there are words and phrases
of its rhythm. Common words are preferred, and equally good ones are drawn at random.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

import numpy as np
import numpy.typing as npt

from kws.errors import KwsError
from kws.keyword_names import contains, words_of
from kws.tts.languages import ENGLISH
from kws.tts.pronunciation import PHONE_CLASSES, pronounce
from kws.tts.rhythm import rhythm_neighbours
from kws.tts.vocabulary import (
    RARE,
    Distances,
    PhoneNumbers,
    Vocabulary,
    distance_within,
    phone_numbers,
    vocabulary,
)

# Changed phones by which a phrase differs from the keyword, at the part that resembles it most:
# with fewer, many people would hear the keyword; with more than this share of its phones, none.
MIN_DISTANCE, MAX_DISTANCE_SHARE = 1.0, 0.45
MIN_CHANGE = 0.5  # in the word of a pattern that is another one: people know it by its meaning
# Phones that a word of a level of vocabulary.py may be nearer to be taken as often as a common one.
PENALTIES = {10: 0.0, 20: 0.25, 35: 0.5, RARE: 3.0}
JITTER = 0.25  # phones: less than the smallest difference, so that it only decides among equals
CANDIDATES = 300  # words from which each half of a pair is drawn
SIMILAR = 60  # words from which the changed word of a pattern is drawn, besides frequent ones
FREQUENT_SHARE = 1 / 3
# Shares of in_pattern(), words(), pairs() and the rhythm's neighbours.
SHARES = (0.35, 0.2, 0.3, 0.15)
SENTENCE_WORDS = (4, 9)

Random = np.random.Generator
Indices = npt.NDArray[np.intp]
Pattern = tuple[str, PhoneNumbers, str]  # kept words, the phones of the changed one, kept words


def find_confusable_phrases(
    keyword: str, count: int, random: Random, language: str = ENGLISH
) -> list[str]:
    """Find `count` phrases of all kinds, in the order in which they were drawn, all distinct.

    Their words are common words of the language.

    Raises KwsError as pronounce() does. There are fewer where the keyword has too few phones.
    """
    search = _Search(keyword, random, language)
    shares = [round(share * count) for share in SHARES]
    found = dict.fromkeys(search.in_pattern(shares[0]))
    found |= dict.fromkeys(search.words(shares[1]))
    found |= dict.fromkeys(rhythm_neighbours(keyword, shares[3], random, language))
    found |= dict.fromkeys(search.pairs(count - len(found), found))
    return [str(phrase) for phrase in random.permutation(list(found))]


def random_sentences(
    keywords: Sequence[str], count: int, random: Random, language: str = ENGLISH
) -> list[str]:
    """Return `count` sentences of random words, none of which sounds like a keyword.

    A keyword that cannot be pronounced is none of the dictionary's words.
    """
    known = vocabulary(language)
    allowed = different_words(keywords, language)
    return [
        " ".join(known.words[i] for i in random.choice(allowed, random.integers(*SENTENCE_WORDS)))
        for _ in range(count)
    ]


def different_words(keywords: Sequence[str], language: str = ENGLISH) -> Indices:
    """Return the words of a language's vocabulary that do not sound like a keyword."""
    known = vocabulary(language)
    different = np.ones(len(known.words), bool)
    for target in _pronounced(keywords, language):
        different &= known.distances(target, free_start=True, free_end=True) >= MIN_DISTANCE
    return np.flatnonzero(different)


def without_keywords(
    texts: Sequence[str], keywords: Sequence[str], language: str = ENGLISH
) -> list[str]:
    """Return the texts in which no keyword is heard, as "computer" is in "global computers".

    What cannot be pronounced is compared by its letters alone.
    """
    targets = _pronounced(keywords, language)

    def holds_one(text: str) -> bool:
        if any(contains(text, keyword) for keyword in keywords):
            return True
        said = _pronounced([text], language)
        return any(distance_within(p, target) < MIN_CHANGE for p in said for target in targets)

    return [text for text in texts if not holds_one(text)]


def _pronounced(texts: Sequence[str], language: str) -> list[PhoneNumbers]:
    """Return the phones of the texts that can be pronounced."""
    found: list[PhoneNumbers] = []
    for text in texts:
        with suppress(KwsError):
            found.append(phone_numbers(pronounce(text, language)))
    return found


class _Search:
    """Search the vocabulary for what sounds like one keyword."""

    def __init__(self, keyword: str, random: Random, language: str) -> None:
        self._keyword, self._random, self._language = keyword, random, language
        self._target = self._numbers(keyword)
        self._max_distance = MAX_DISTANCE_SHARE * len(self._target)
        self._known, self._common = vocabulary(language), vocabulary(language).common

    def in_pattern(self, count: int) -> list[str]:
        """Return phrases with all words of the keyword but one, which is another common one."""
        patterns = self._patterns() if count else []
        drawn = [self._replacements(changed, count) for _, changed, _ in patterns]
        found: list[str] = []
        for words in zip(*drawn, strict=True):
            for (before, _, after), word in zip(patterns, words, strict=True):
                phrase = " ".join(filter(None, (before, self._common.words[word], after)))
                if distance_within(self._numbers(phrase), self._target) >= MIN_CHANGE:
                    found.append(phrase)
        return [p for p in dict.fromkeys(found) if not contains(p, self._keyword)][:count]

    def words(self, count: int) -> list[str]:
        """Return single words that share most phones with the keyword, or one of its halves."""
        whole = self._known.distances(self._target)
        inside = self._known.distances(self._target, free_start=True, free_end=True)
        order = np.where(inside >= MIN_DISTANCE, self._order(whole, self._known), np.inf)
        kinds = whole <= self._max_distance, self._share_a_half()
        found: list[int] = []
        for similar in map(np.flatnonzero, kinds):
            closest = similar[order[similar].argsort()][: 3 * count]
            known = closest[np.isfinite(order[closest])]
            found += self._random.permutation(known)[: -(-count // len(kinds))].tolist()
        return [self._known.words[i] for i in dict.fromkeys(found)][:count]

    def pairs(self, count: int, found: Sequence[str] | dict[str, None]) -> list[str]:
        """Return pairs of words that are not found yet and resemble the keyword where they meet."""
        known, target = self._common, self._target
        halves = [
            (
                self._closest(known.distances(target[:cut], free_start=True)),
                self._closest(known.distances(target[cut:], free_end=True)),
            )
            for cut in range(2, len(target) - 1 if count > 0 else 0)
        ]
        pairs: dict[str, None] = {}
        for _ in range(100 * count if halves else 0):
            if len(pairs) == count:
                break
            half = halves[self._random.integers(len(halves))]
            left, right = (self._random.choice(words) for words in half)
            distance = distance_within(known.phones_of(left, right), target)
            phrase = f"{known.words[left]} {known.words[right]}"
            if MIN_DISTANCE <= distance <= self._max_distance and phrase not in found:
                pairs[phrase] = None
        return list(pairs)

    def _patterns(self) -> list[Pattern]:
        """Return the patterns of a phrase's words, or of the two common words that a word is."""
        words = words_of(self._keyword, "")
        if len(words) > 1:
            return [
                (" ".join(words[:i]), self._numbers(word), " ".join(words[i + 1 :]))
                for i, word in enumerate(words)
            ]
        patterns: list[Pattern] = []
        phones, known = pronounce(self._keyword, self._language), self._common.by_phones
        for cut in range(2, len(phones) - 1):
            left, right = known.get(phones[:cut]), known.get(phones[cut:])
            if left and right:
                patterns += [(left, self._target[cut:], ""), ("", self._target[:cut], right)]
        return patterns

    def _numbers(self, text: str) -> PhoneNumbers:
        """Return the phones of a text by their numbers."""
        return phone_numbers(pronounce(text, self._language))

    def _replacements(self, changed: PhoneNumbers, count: int) -> Indices:
        """Return common words, most of them similar to a word, the others as long in syllables."""
        known, random = self._common, self._random
        distances = known.distances(changed)
        usable = distances >= MIN_CHANGE
        order = np.where(usable, self._order(distances, known), np.inf)
        similar = order.argsort()[: max(SIMILAR, count)]
        syllables = sum(phone in VOWEL_NUMBERS for phone in changed)
        as_long = np.array([len(said.stresses) == syllables for said in known.said])
        frequent = np.flatnonzero(usable & as_long & (known.levels == known.levels.min()))
        some = random.permutation(similar)[:count]
        if len(frequent):
            others = random.random(len(some)) < FREQUENT_SHARE
            some[others] = random.choice(frequent, int(others.sum()))
        return some

    def _share_a_half(self) -> npt.NDArray[np.bool_]:
        """Return which common words begin or end with half of the keyword's phones."""
        known, target = self._known, self._target
        head, tail = max(2, -(-len(target) // 2)), max(2, len(target) // 2)
        lengths = known.lengths
        possible = (lengths >= head) & (lengths <= len(target) + 3) & (known.levels != RARE)
        starts = (known.phones[:, :head] == target[:head]).all(axis=1)
        last = np.maximum(lengths - tail, 0)[:, None] + np.arange(tail)
        ends = (np.take_along_axis(known.phones, last, axis=1) == target[-tail:]).all(axis=1)
        shared: npt.NDArray[np.bool_] = possible & (starts | ends)
        return shared

    def _order(self, distances: Distances, known: Vocabulary) -> Distances:
        """Return distances by which common words come first and equal ones in random order."""
        penalties = np.array([PENALTIES[level] for level in known.levels], np.float32)
        return distances + penalties + self._random.random(len(distances), np.float32) * JITTER

    def _closest(self, distances: Distances) -> Indices:
        """Return the indices of CANDIDATES common words with the smallest distances."""
        closest: Indices = self._order(distances, self._common).argsort()[:CANDIDATES]
        return closest


VOWEL_NUMBERS = frozenset(phone_numbers(tuple(PHONE_CLASSES[0].split())).tolist())
