"""Make sentences around a keyword: an order follows it, it is an address, or one word of many.

Every part is drawn by itself, so that a few dozen of each give many thousand sentences.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from kws.keyword_names import contains
from kws.tts.word_lists import common_words
from kws.tts.word_times import Sentence

VERBS = (
    *("turn on", "turn off", "switch on", "switch off", "dim", "start", "stop", "open", "close"),
    *("show me", "bring me", "find", "check", "lock", "clean", "set up", "tell me about"),
)
OBJECTS = (
    *("the light", "the kitchen lamp", "the radio", "the television", "the front door", "the fan"),
    *("the blinds in the bedroom", "the alarm", "the heating", "the music", "the oven", "my list"),
    *("the garage", "all windows downstairs", "the coffee machine", "the camera", "the news"),
)
REQUESTS = (
    *(
        "what is the time",
        "what time is it",
        "how is the weather today",
        "set a timer for a minute",
    ),
    *("play some music", "call my mother", "where are my keys", "remind me at seven", "go on"),
    *("how do I get to the station", "is it going to rain", "make it louder", "a little quieter"),
    *("who is at the door", "what is two times eight", "stop that", "good night", "wake me at six"),
    *("are you listening", "read my messages", "next song please", "how long does it take"),
    *("when does the shop open", "cancel everything", "volume up", "add milk to the list"),
)
OPENINGS = (
    *(
        "so",
        "okay",
        "well",
        "and",
        "now",
        "please",
        "yes",
        "no",
        "all right",
        "excuse me",
        "listen",
    ),
    *("oh", "right", "good morning", "good evening", "hello", "hi there", "then", "but", "wait"),
    *("I think", "sorry", "maybe later", "let us ask", "come on", "just a moment", "by the way"),
)
CLOSINGS = (
    *("thank you", "thanks", "good night", "that is enough", "see you tomorrow", "well done"),
    *("I am home", "not now", "never mind", "stop it", "be quiet", "do it again", "goodbye"),
)
BEGINNINGS = (
    *("the", "my", "this", "our new", "I said", "she heard the", "we talked about", "nobody knew"),
    *("yesterday the", "he wanted a", "they asked for", "in the morning the", "I never liked the"),
    *("somebody shouted", "you mean the", "the old", "it was only", "there is a", "what about the"),
    *("my brother calls it", "on the table was a", "the story of", "if the", "because the"),
)
ENDINGS = (
    *("was broken yesterday", "is on the table", "and then we went home", "makes no sense to me"),
    *("for an hour", "when it rained", "has been there for years", "but nobody answered"),
    *("in the other room", "before the children came", "was on the radio", "cost too much"),
    *("again and again", "because it was late", "is what they wanted", "and laughed about it"),
    *("at the end of the street", "only on Sundays", "would be a good idea", "last summer"),
)

Random = np.random.Generator
ATTEMPTS = 20  # at a sentence whose other words do not contain the keyword


def carrier_sentence(keyword: str, random: Random) -> Sentence:
    """Return a sentence that contains a keyword once."""
    for _ in range(ATTEMPTS):
        before, after = KINDS[random.choice(len(KINDS), p=SHARES)](random)
        if not contains(before, keyword) and not contains(after, keyword):
            break
    return Sentence(before and f"{before} ", keyword, after)


def common_words_around(language: str) -> Callable[[str, Random], Sentence]:
    """Return what draws a sentence around a keyword from common words of a language.

    Raises KwsError where these are not known.
    """
    levels = common_words(language)
    words = [word for word in levels if levels[word] == min(levels.values())]

    def draw(keyword: str, random: Random) -> Sentence:
        before, after = (
            " ".join(random.choice(words, random.integers(low, 4)).tolist()) for low in (0, 1)
        )
        if contains(before, keyword) or contains(after, keyword):
            before = after = ""
        return Sentence(before and before + _joint(random), keyword, after and f" {after}")

    return draw


def _request(random: Random) -> str:
    """Return an order or a question."""
    if random.random() < 0.5:
        return _one(REQUESTS, random)
    return f"{_one(VERBS, random)} {_one(OBJECTS, random)}"


def _joint(random: Random) -> str:
    """Return what is between two parts: a short pause, or nothing but a space."""
    return ", " if random.random() < 0.5 else " "


def _request_follows(random: Random) -> tuple[str, str]:
    return "", _joint(random) + _request(random)


def _within_an_address(random: Random) -> tuple[str, str]:
    opening = _one(OPENINGS, random) + _joint(random).rstrip()
    return opening, _joint(random) + _request(random)


def _at_the_end(random: Random) -> tuple[str, str]:
    closing = _one(CLOSINGS, random) if random.random() < 0.5 else _request(random)
    return closing + _joint(random).rstrip(), ""


def _within_running_speech(random: Random) -> tuple[str, str]:
    return _one(BEGINNINGS, random), f" {_one(ENDINGS, random)}"


def _one(texts: tuple[str, ...], random: Random) -> str:
    return texts[random.integers(len(texts))]


# What is before a keyword and what is after it, and how often each kind is drawn.
Kind = Callable[[Random], tuple[str, str]]
KINDS: tuple[Kind, ...] = (
    _request_follows,
    _within_an_address,
    _at_the_end,
    _within_running_speech,
)
SHARES = (0.4, 0.2, 0.1, 0.3)
