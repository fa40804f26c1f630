"""How English words are pronounced: the CMU dictionary that festival brings."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

from kws.errors import KwsError
from kws.tts.synthesisers import run

# Of the package festlex-cmu; words and phones as Lisp lists, one entry in a line.
DICTIONARY = Path("/usr/share/festival/dicts/cmu/cmudict-0.4.out")
_ENTRY = re.compile(r'\("([a-z]+)" \S+ \((.*)\)\)$')
_SYLLABLE = re.compile(r"\(\(([a-z ]+)\) \d\)")

# What is taken for what: phones of one kind differ by half a phone, others by a whole one.
KINDS = (
    "aa ae ah ao aw ay eh er ey ih iy ow oy uh uw",
    "p t k b d g ch jh",
    "f v th dh s z sh zh hh",
    "m n ng",
    "l r w y",
)
_KIND = {phone: kind for kind, phones in enumerate(KINDS) for phone in phones.split()}

Phones = tuple[str, ...]


@cache
def dictionary() -> dict[str, Phones]:
    """Phones by word, of words of letters alone; the first entry of each.

    KwsError when the dictionary is not installed.
    """
    try:
        text = DICTIONARY.read_text("latin-1")
    except OSError as error:
        raise KwsError(f"{DICTIONARY}: {error.strerror}; the package is festlex-cmu") from error
    words: dict[str, Phones] = {}
    for entry in map(_ENTRY.match, text.splitlines()):
        if entry:
            words.setdefault(entry[1], _phones(entry[2]))
    return words


def pronounce(text: str) -> Phones:
    """The phones of any text; words that are not in the dictionary are spelled out by rule.

    KwsError when there is no word in it or festival is not installed.
    """
    words = re.findall("[a-z]+", text.lower())
    if not words:
        raise KwsError(f"{text!r}: there is no word to pronounce")
    return tuple(phone for word in words for phone in dictionary().get(word) or _by_rule(word))


def difference(a: str, b: str) -> float:
    """Between two phones: 0, half of 1 for two of a kind, 1."""
    return 0.0 if a == b else 0.5 if _KIND[a] == _KIND[b] else 1.0


def _by_rule(word: str) -> Phones:
    answer, _ = run(["festival", "-b", f'(print (lex.lookup "{word}" nil))'])
    return _phones(answer)


def _phones(entry: str) -> Phones:
    # A vowel without stress is ax in some words and ah in others.
    return tuple(" ".join(_SYLLABLE.findall(entry)).replace("ax", "ah").split())
