"""Name languages as espeak-ng does, and guess that of a keyword from its letters."""

from __future__ import annotations

import unicodedata

from kws.keyword_names import is_word_character

# espeak-ng's voice for a script, by the first word of its letters' names in Unicode.
SCRIPTS = {
    "ARABIC": "ar",
    "ARMENIAN": "hy",
    "BENGALI": "bn",
    "CJK": "cmn",
    "CYRILLIC": "ru",
    "DEVANAGARI": "hi",
    "ETHIOPIC": "am",
    "GEORGIAN": "ka",
    "GREEK": "el",
    "GUJARATI": "gu",
    "GURMUKHI": "pa",
    "HANGUL": "ko",
    "HEBREW": "he",
    "HIRAGANA": "ja",
    "KANNADA": "kn",
    "KATAKANA": "ja",
    "MALAYALAM": "ml",
    "MYANMAR": "my",
    "ORIYA": "or",
    "SINHALA": "si",
    "TAMIL": "ta",
    "TELUGU": "te",
    "THAI": "th",
}
# Letters that one language, or the most spoken of a few, has beyond those of its script.
LETTERS = {
    **dict.fromkeys("áéíóúñ", "es"),
    **dict.fromkeys("ßäöü", "de"),
    **dict.fromkeys("àâæçèêëîïôœùûÿ", "fr-fr"),
    **dict.fromkeys("ãõ", "pt"),
    **dict.fromkeys("åø", "nb"),
    **dict.fromkeys("ąćęłńśźż", "pl"),
    **dict.fromkeys("čďěňřšťůž", "cs"),
    **dict.fromkeys("őű", "hu"),
    **dict.fromkeys("ğış", "tr"),
    **dict.fromkeys("ășț", "ro"),
    **dict.fromkeys("ґєії", "uk"),
    **dict.fromkeys("پچژگ", "fa"),
}
ENGLISH = "en"
# Languages whose usual code is not espeak-ng's.
ALIASES = {"zh": "cmn", "no": "nb"}


def base_language(language: str) -> str:
    """Return a language without its region, "fr" for "fr-be"; codes of others become espeak-ng's.

    Case and "_" make no difference: de_AT is German.
    """
    base = language.strip().lower().replace("_", "-").partition("-")[0]
    return ALIASES.get(base, base)


def language_of(text: str) -> str | None:
    """Return the language of a text's letters by espeak-ng's name; None where it has none.

    Letters of a-z alone are English; one that few languages have decides before the script does.
    """
    folded = unicodedata.normalize("NFC", text.lower())
    letters = [c for c in folded if is_word_character(c) and not c.isascii()]
    if not letters:
        return ENGLISH
    by_letter = [LETTERS[c] for c in letters if c in LETTERS]
    if by_letter:
        return by_letter[0]
    scripts = [unicodedata.name(c, "").split(" ")[0] for c in letters]
    # Japanese writes its own letters among Chinese ones.
    japanese = [s for s in scripts if s in ("HIRAGANA", "KATAKANA")]
    return next((SCRIPTS[s] for s in (*japanese, *scripts) if s in SCRIPTS), None)
