"""Choose short texts that are said alone: names, single words, greetings, short orders, numbers.

Much of what a microphone hears at home is a short utterance between silences. A model for which
only keywords stood alone takes all of it for keywords.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from kws.errors import KwsError
from kws.keyword_names import contains
from kws.tts.carrier_sentences import CLOSINGS, OBJECTS, OPENINGS, REQUESTS, VERBS
from kws.tts.confusable_phrases import different_words, without_keywords
from kws.tts.languages import ENGLISH
from kws.tts.rhythm import rhythm_neighbours
from kws.tts.vocabulary import Vocabulary, vocabulary

_log = logging.getLogger(__name__)

EXCLAMATIONS = (
    *("oh", "ah", "wow", "ouch", "oops", "hey", "hello there", "hurray", "cheers", "help", "stop"),
    *("yes please", "no thanks", "yeah", "nope", "really", "what", "why", "who", "where", "when"),
    *("oh no", "oh dear", "come here", "go away", "be careful", "look at this", "what a mess"),
    *("good boy", "good girl", "dinner is ready", "I am coming", "wait a minute", "thank you"),
    *("great", "perfect", "exactly", "of course", "I see", "I do not know", "maybe", "tomorrow"),
    *("hm", "uh-huh", "well well", "bless you", "excuse me", "sorry", "never mind", "how are you"),
    *("good afternoon", "nice to meet you", "see you later", "take care", "happy birthday"),
    *("mummy", "daddy", "grandma", "grandpa", "honey", "darling", "sweetheart", "buddy", "doctor"),
)
NUMBERS = (
    *("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"),
    *("eleven", "twelve", "thirteen", "twenty", "thirty", "fifty", "a hundred", "a thousand"),
    *("half past seven", "a quarter to nine", "ten percent", "twenty one", "ninety nine"),
    *("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday", "January"),
    *("February", "April", "August", "September", "October", "November", "December"),
    *("A", "B", "C", "E", "F", "H", "K", "L", "M", "N", "O", "Q", "R", "S", "W", "X", "Y", "Z"),
)
KNOWN = tuple(dict.fromkeys((*EXCLAMATIONS, *OPENINGS, *CLOSINGS, *REQUESTS, *NUMBERS, *OBJECTS)))
# Shares of the others, where there is a dictionary: neighbours in rhythm; then single words, names,
# pairs of words and orders.
RHYTHM_SHARE = 0.25
SHARES = {"word": 0.45, "name": 0.25, "pair": 0.15, "order": 0.15}
COMMON_LEVELS = 2  # of the vocabulary's levels
ATTEMPTS = 10  # for each text

Random = np.random.Generator


def lone_texts(
    keywords: Sequence[str], count: int, random: Random, language: str = ENGLISH
) -> list[str]:
    """Return up to `count` distinct texts, none of which contains a keyword or sounds like one.

    Without the pronouncing dictionary these are known texts alone, and the log says so. In another
    language than English they are words, pairs of words and neighbours in rhythm.
    """
    english = KNOWN if language == ENGLISH else ()
    known = [text for text in english if not any(contains(text, keyword) for keyword in keywords)]
    texts = dict.fromkeys(random.permutation(known)[: -(-count // 2)].tolist())
    try:
        words = vocabulary(language)
    except KwsError as error:
        _log.warning("only %d texts are said alone: %s", len(texts), error)
        return list(texts)
    of_rhythm = round(RHYTHM_SHARE * (count - len(texts)))
    texts |= dict.fromkeys(_rhythms(keywords, of_rhythm, random, language))
    different = different_words(keywords, language)
    common = np.unique(words.levels)[:COMMON_LEVELS]
    of_kind = {
        "word": different[np.isin(words.levels[different], common)],
        "name": np.intersect1d(words.names, different),
    }
    for _ in range(ATTEMPTS * count):
        if len(texts) >= count:
            break
        text = _draw(of_kind, random, words)
        if not any(contains(text, keyword) for keyword in keywords):
            texts[text] = None
    return list(texts)


def _draw(of_kind: Mapping[str, npt.NDArray[np.intp]], random: Random, known: Vocabulary) -> str:
    """Return a word, a name, a pair of words or an order, which are known in English alone."""
    kind = str(random.choice(list(SHARES), p=list(SHARES.values())))
    if kind == "order" and known.language == ENGLISH:
        return f"{_one(VERBS, random)} {_one(OBJECTS, random)}"
    words = of_kind.get(kind, of_kind["word"])
    chosen = words if len(words) else of_kind["word"]
    some = random.choice(chosen, 2 if kind == "pair" else 1)
    return " ".join(known.words[i] for i in some)


def _rhythms(keywords: Sequence[str], count: int, random: Random, language: str) -> list[str]:
    """Return neighbours in rhythm of all keywords that can be pronounced."""
    texts: list[str] = []
    for keyword in keywords:
        try:
            each = -(-count // len(keywords))
            texts += rhythm_neighbours(keyword, each, random, language)
        except KwsError as error:
            _log.info("no neighbours in rhythm of %r: %s", keyword, error)
    return without_keywords(texts, keywords, language)


def _one(texts: Sequence[str], random: Random) -> str:
    return texts[random.integers(len(texts))]
