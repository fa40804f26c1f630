"""Find words and phrases of a keyword's rhythm: weak, strong, weak; tomorrow, banana, Athena."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from kws.tts.languages import ENGLISH
from kws.tts.pronunciation import rhythm
from kws.tts.vocabulary import RARE, Vocabulary, distance_within, phone_numbers, vocabulary

MIN_DISTANCE = 1.0  # changed phones by which a neighbour differs from the keyword
PHRASE_SHARE = 0.4  # of two words
SAME_VOWEL_SHARE = 0.5  # of single words: in their stressed syllables
WEIGHTS = {10: 8, 20: 4, 35: 1, RARE: 1}  # of the words of a level; the rare ones are names
ATTEMPTS = 20  # for each neighbour

Random = np.random.Generator
Indices = npt.NDArray[np.intp]


def rhythm_neighbours(
    keyword: str, count: int, random: Random, language: str = ENGLISH
) -> list[str]:
    """Return up to `count` names, common words and pairs of them with the rhythm of a keyword.

    Raises KwsError as pronounce() does.
    """
    known, said = vocabulary(language), rhythm(keyword, language)
    target = phone_numbers(said.phones)
    usable = known.levels != RARE
    usable[known.names] = True
    by_rhythm = {
        part: _weighted(known, np.flatnonzero(usable & (known.rhythms == part)))
        for i in range(len(said.stresses))
        for part in (said.stresses[:i], said.stresses[i:])
        if part
    }
    single = by_rhythm[said.stresses]
    same_vowels = np.array(
        [i for i in single if known.said[i].stressed_vowels == said.stressed_vowels], np.intp
    )
    found: dict[str, None] = {}
    for _ in range(ATTEMPTS * count):
        if len(found) == count:
            break
        words = _draw(said.stresses, by_rhythm, single, same_vowels, random)
        if words and distance_within(known.phones_of(*words), target) >= MIN_DISTANCE:
            found[_text(known, words)] = None
    return list(found)


def _draw(
    stresses: str,
    by_rhythm: dict[str, Indices],
    single: Indices,
    same_vowels: Indices,
    random: Random,
) -> list[int]:
    """Return the indices of one word or of two; none where there is none of a kind."""
    if len(stresses) > 1 and (not len(single) or random.random() < PHRASE_SHARE):
        cut = random.integers(1, len(stresses))
        parts = [by_rhythm[stresses[:cut]], by_rhythm[stresses[cut:]]]
    else:
        parts = [same_vowels if random.random() < SAME_VOWEL_SHARE else single]
    return [int(random.choice(part)) for part in parts] if all(map(len, parts)) else []


def _weighted(known: Vocabulary, words: Indices) -> Indices:
    """Return common words several times, so that they are drawn more often."""
    return np.repeat(words, [WEIGHTS[known.levels[word]] for word in words])


def _text(known: Vocabulary, words: list[int]) -> str:
    return " ".join(known.words[i] for i in words)
