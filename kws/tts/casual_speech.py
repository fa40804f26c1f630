"""Write how people say an English phrase casually, for espeak-ng: with sounds left out.

Synthesisers say every sound. People who say a word often do not (Shockey 2003, "Sound Patterns of
Spoken English"): most recordings that training from the text alone missed lack a vowel of the
dictionary's (docs/experiments/casual_speech.md).
"""

from __future__ import annotations

import re
from itertools import combinations

from kws.tts.synthesisers import ESPEAK, run

# Of espeak-ng's phoneme mnemonics: a vowel begins with one of these, a stress mark comes before it.
_VOWEL, _CONSONANT, _STRESS = "[aeiouAEIOUV03@]", "[bcdfghjklmnpqrstvwxzCDJLNSTZ]", "[',]"
REDUCTIONS = tuple(
    (re.compile(pattern), replacement)
    for pattern, replacement in (
        # A vowel without stress that begins a word, before a stressed one: 'melia, 'lexa.
        (rf"(^| )(?:a#|@)(?={_CONSONANT}+')", r"\1"),
        ("i@", "j@"),  # two vowels without stress become one: amel-ya
        # A vowel without stress between a consonant and r: op'rator, cam'ra.
        (rf"(?<={_CONSONANT})(?:3|@-)r?(?={_STRESS}?{_VOWEL})", "r"),
        # t or d between consonants that no word begins with: wil'fire.
        ("(?<=[lnsfkp])[td]#?(?=[bcfghklmnpvw])", ""),
    )
)


def casual_forms(text: str, dialect: str) -> list[str]:
    """Return texts that make a voice of a dialect of espeak-ng say an English text casually.

    They are all combinations of REDUCTIONS, none where no reduction applies. Raises KwsError where
    espeak-ng is missing or fails.
    """
    answer, _ = run([ESPEAK, "-q", "-x", "-v", dialect, "--", text])
    careful = " ".join(answer.split())
    forms = {careful: None}
    for count in range(1, len(REDUCTIONS) + 1):
        for chosen in combinations(REDUCTIONS, count):
            said = careful
            for pattern, replacement in chosen:
                said = pattern.sub(replacement, said)
            forms[said] = None
    return [f"[[{form}]]" for form in forms if form != careful]
