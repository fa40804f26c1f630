"""Normalise the names of keywords, once, where they enter: folders, options, actions files."""

from __future__ import annotations

import hashlib
import re
import unicodedata

IDENTIFIER_LENGTH = 40  # characters, without a hash


def keyword_name(text: str) -> str:
    """Return a name as it is shown and stored: in NFC, with single spaces for "_" and white space.

    Format characters (Unicode's category Cf), which nobody sees, are dropped.
    """
    visible = "".join(c for c in text if unicodedata.category(c) != "Cf")
    return " ".join(unicodedata.normalize("NFC", visible).replace("_", " ").split())


def comparison_key(text: str) -> str:
    """Return what the spellings of one keyword share: upper case, "_" and NFD make no other."""
    return unicodedata.normalize("NFC", keyword_name(text).casefold())


def identifier(text: str) -> str:
    """Return a name for programs, the same for every spelling of a keyword: a-z, 0-9 and "_".

    Where letters of other scripts or signs are lost, a hash keeps names apart.
    """
    key = comparison_key(text)
    name = re.sub(r"[^a-z0-9]+", "_", key).strip("_")[:IDENTIFIER_LENGTH]
    if name.replace("_", " ") == key:
        return name
    return f"{name}_{hashlib.sha256(key.encode()).hexdigest()[:8]}".strip("_")


def is_word_character(character: str) -> bool:
    """Return whether a character belongs to a word: letters and digits of any script, and marks.

    Combining marks are letters: the vowels of Hindi and Thai, accents that NFC cannot join.
    """
    return character == "_" or unicodedata.category(character)[0] in "LMN"


def words_of(text: str, others: str = "'-") -> list[str]:
    """Return the words of a text, of word characters and some others, in order."""
    return "".join(c if is_word_character(c) or c in others else " " for c in text).split()


def contains(text: str, keyword: str) -> bool:
    """Return whether a keyword's words follow each other in a text, in any spelling."""
    said, wanted = (" ".join(words_of(comparison_key(t), "")) for t in (text, keyword))
    return f" {wanted} " in f" {said} "
