"""Say where a keyword of letters a-z would be said by English voices though it is not English."""

from __future__ import annotations

from collections.abc import Container

from kws.errors import KwsError
from kws.keyword_names import words_of
from kws.tts.languages import ENGLISH, language_of
from kws.tts.pronunciation import pronunciations
from kws.tts.word_lists import suggested_language


def language_hint(keyword: str) -> str | None:
    """Return a line for the user of a keyword that looks English by its letters alone, or None.

    It names the language in which the keyword's words are common. Where that is not known, and a
    word is neither in the English dictionary nor made of two words of it, it names no language.
    """
    if language_of(keyword) != ENGLISH:
        return None
    words = words_of(keyword.lower(), "'")
    if language := suggested_language(words):
        return (
            f"{keyword!r} is said by English voices, but its words are common in the language"
            f" {language!r}: --language {language} (or --language en, to be sure)"
        )
    try:
        known = pronunciations()
    except KwsError:
        return None
    strange = [word for word in words if word.isalpha() and not _is_english(word, known)]
    if not strange:
        return None
    return (
        f"{keyword!r} is said by English voices, and {strange[0]!r} is no English word that the"
        " dictionary knows; --language names another language"
    )


def _is_english(word: str, known: Container[str]) -> bool:
    """Return whether a word is known, or made of two words that are."""
    cuts = range(2, len(word) - 1)
    return word in known or any(word[:cut] in known and word[cut:] in known for cut in cuts)
