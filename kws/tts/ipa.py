"""Say how words of any language that espeak-ng knows are pronounced, in IPA."""

# ruff: noqa: RUF001 - IPA has letters that look like others

from __future__ import annotations

import tempfile
import unicodedata
from collections.abc import Iterator, Sequence
from pathlib import Path

from kws.errors import KwsError
from kws.tts.synthesisers import ESPEAK, run

# Letters of the International Phonetic Alphabet by class, as PHONE_CLASSES of pronunciation.py.
IPA_CLASSES = (
    "a e i o u ø œ ɐ ɑ ɒ ɔ ə ɚ ɛ ɜ ɝ ɞ ɤ ɨ ɪ ɯ ɵ ʉ ʊ ʌ ʏ æ ᵻ ɘ ɶ",
    "c ɟ ɡ q ɢ ʈ ɖ ʔ ɓ ɗ ɠ",
    "θ ð ʃ ʒ x ɣ h ɦ χ ħ ʕ ç ʝ ɸ β ɕ ʑ ʂ ʐ ɬ ɮ ʍ ɧ",
    "ŋ ɲ ɳ ɴ ɱ",
    "j ɹ ɾ ʀ ʁ ɻ ɽ ʎ ɫ ɭ ʟ ɥ ɰ ʋ",
)
LETTERS = frozenset(" ".join(IPA_CLASSES).split()) | set("ptkbdgfvszmnlrw")
IPA_VOWELS = frozenset(IPA_CLASSES[0].split())
# The letters that are written otherwise, and how the end of a diphthong counts: as a glide.
SAME = {"y": "ʏ", "ᵊ": "ə", "g": "ɡ", "r": "ɹ"}
GLIDES = {"i": "j", "ɪ": "j", "ʏ": "ɥ", "u": "w", "ʊ": "w", "o": "w", "ɯ": "w"}
NASAL, NASAL_CONSONANT = "\u0303", "ŋ"
STRESSES = "ˈˌ"
SEPARATOR = "_"
PARAGRAPH = "\n\n"  # espeak-ng answers a paragraph with a line

Sounds = tuple[tuple[str, ...], str]  # phones; of each syllable, whether it is stressed


def pronounce_words(words: Sequence[str], language: str) -> list[Sounds]:
    """Return the phones and stresses of words or phrases, by espeak-ng's rules; one run for all.

    Raises KwsError where espeak-ng is missing, does not know the language or fails.
    """
    if not words:
        return []
    if any(SEPARATOR in word or "\n" in word for word in words):
        raise KwsError(f"{ESPEAK}: a word with a line break or {SEPARATOR!r} cannot be pronounced")
    with tempfile.TemporaryDirectory(prefix="kws-") as folder:
        source = Path(folder, "words.txt")
        source.write_text(PARAGRAPH.join(words) + "\n", encoding="utf-8")
        options = ["-q", "--ipa", f"--sep={SEPARATOR}", "-v", language, "-f", str(source)]
        answer, _ = run([ESPEAK, *options])
    lines = answer.split("\n")[: len(words)]
    if len(lines) != len(words):
        raise KwsError(f"{ESPEAK}: {len(words)} words were given, {len(lines)} pronounced")
    return [parse_ipa(line) for line in lines]


def parse_ipa(line: str) -> Sounds:
    """Return the phones and stresses of espeak-ng's IPA, whose phonemes are apart by "_".

    Length and marks of articulation are dropped; a nasal vowel is a vowel and a nasal; the second
    vowel of a diphthong is a glide, so that a diphthong is one syllable.
    """
    phones: list[str] = []
    stresses: list[str] = []
    stressed = False
    for phoneme in line.replace("-", "").replace(" ", SEPARATOR).split(SEPARATOR):
        if phoneme.startswith("("):  # (en)h: a word of another language begins or ends
            phoneme = phoneme.rpartition(")")[2]
        stressed = stressed or any(mark in phoneme for mark in STRESSES)
        found = list(_phones(phoneme))
        phones += found
        if any(phone in IPA_VOWELS for phone in found):
            stresses.append("1" if stressed else "0")
            stressed = False
    return tuple(phones), "".join(stresses)


def _phones(phoneme: str) -> Iterator[str]:
    """Yield the phones of a phoneme: the letters of an affricate, a vowel and its glide."""
    vowel = False
    for character in unicodedata.normalize("NFD", phoneme):
        letter = SAME.get(character, character)
        if character == NASAL and vowel:
            yield NASAL_CONSONANT
        elif letter not in LETTERS:
            continue
        elif letter not in IPA_VOWELS:
            yield letter
        elif not vowel:
            vowel = True
            yield letter
        elif letter in GLIDES:
            yield GLIDES[letter]
