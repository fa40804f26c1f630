"""Find the common words of a language in what is installed on this machine.

The package wordfreq (of the extra languages) knows how common words of forty languages are. The
dictionaries of Debian's packages wngerman, wfrench, wspanish, wdutch and others only list them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path

from kws.errors import KwsError
from kws.tts.languages import ENGLISH, base_language

DICTIONARIES = Path("/usr/share/dict")
# The names of their files; the first that is there is read.
FILES = {
    "da": ("danish",),
    "de": ("ngerman", "ogerman", "swiss"),
    "es": ("spanish",),
    "fr": ("french",),
    "ga": ("irish",),
    "it": ("italian",),
    "nl": ("dutch",),
    "nb": ("bokmaal",),
    "pl": ("polish",),
    "pt": ("portuguese", "brazilian"),
    "sv": ("swedish",),
    "uk": ("ukrainian",),
}
WORDFREQ = {"cmn": "zh", "yue": "zh", "hr": "sh", "sr": "sh", "bs": "sh"}  # its names of languages
MOST_COMMON, COMMON = 2000, 6000  # words by how common they are: levels 10 and 20
LEVELS = (10, 20)
LENGTHS = range(2, 16)  # characters of a word
# Of wordfreq's scale, the logarithm of uses in a billion words: a word that people know, and by how
# much it is more common in another language than in English.
KNOWN, MORE_COMMON = 3.3, 1.0
SUGGESTED = ("de", "fr", "es", "nl", "it", "pt", "pl", "sv")


@cache
def common_words(language: str) -> Mapping[str, int]:
    """Return common words of a language by their level, 10 or 20, the most common first.

    Without wordfreq all words of a dictionary are of level 20. Raises KwsError where none is there.
    """
    base = base_language(language)
    ranked = _ranked(base)
    if ranked is not None:
        levels = {word: LEVELS[index >= MOST_COMMON] for index, word in enumerate(ranked)}
    else:
        listed = _listed(base)
        every = max(1, len(listed) // COMMON)  # they are in alphabetical order
        levels = dict.fromkeys(listed[::every], LEVELS[1])
    if not levels:
        files = FILES.get(base)
        package = f", or the package w{files[0]}" if files else ""
        raise KwsError(
            f"no common words of the language {language!r} are known: pip install"
            f" 'kws[languages]'{package}"
        )
    return levels


def suggested_language(words: Iterable[str]) -> str | None:
    """Return another language in which these words are common and in English are not.

    None where there is no such language, or wordfreq is not installed.
    """
    try:
        from wordfreq import zipf_frequency
    except ImportError:
        return None
    words = list(words)
    if not words:
        return None

    def least(language: str) -> float:
        return min(float(zipf_frequency(word, language, "small")) for word in words)

    best = max(SUGGESTED, key=least)
    far = least(best) >= max(KNOWN, least(ENGLISH) + MORE_COMMON)
    return best if far else None


def _ranked(base: str) -> list[str] | None:
    """Return the most common words of a language in order, None where wordfreq does not know it."""
    try:
        from wordfreq import available_languages, top_n_list
    except ImportError:
        return None
    name = WORDFREQ.get(base, base)
    if name not in available_languages("small"):
        return None
    words = top_n_list(name, 2 * COMMON, "small")
    return [word for word in words if _usable(word)][:COMMON]


def _listed(base: str) -> list[str]:
    """Return the words of an installed dictionary, without names."""
    paths = (DICTIONARIES / name for name in FILES.get(base, ()))
    path = next((path for path in paths if path.is_file()), None)
    if path is None:
        return []
    words = path.read_text("utf-8", "replace").split("\n")
    # Nouns of German begin with a capital letter, elsewhere names alone do.
    return [w.lower() for w in words if (w.islower() or base == "de") and _usable(w.lower())]


def _usable(word: str) -> bool:
    return len(word) in LENGTHS and word.isalpha()
