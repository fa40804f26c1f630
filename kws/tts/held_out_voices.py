"""Name voices that training never uses, so that a model can be tested on voices new to it.

They are variants of espeak-ng: other timbres and vocal tracts, but the same synthesiser. What they
say of a model holds for them, and is at best a hint of people.
"""

from __future__ import annotations

import shutil

from kws.tts.languages import ENGLISH
from kws.tts.synthesisers import ESPEAK, espeak_dialects, run
from kws.tts.voices import Voice

# Neither ESPEAK_VARIANTS nor ESPEAK_MORE_VARIANTS has them; no robots and whispers.
VARIANTS = (
    *("Alex", "Andrea", "anika", "antonio", "benjamin", "boris", "caleb", "david", "Denis"),
    *("Diogo", "edward", "Gene", "Henrique", "Hugo", "Lee", "Marco", "max", "miguel", "pablo"),
    *("paul", "quincy", "rob", "robert", "sandro", "victor", "zac"),
)
ENGLISH_ACCENTS = ("en-us", "en-gb", "en-gb-scotland")


def held_out_voices(language: str | None = ENGLISH) -> list[Voice]:
    """Return voices of a language of language_of() that no training has; none without espeak-ng."""
    if language is None or not shutil.which(ESPEAK):
        return []
    listing, _ = run([ESPEAK, "--voices=variant"])
    files = {line.split()[-1].removeprefix("!v/") for line in listing.splitlines()[1:]}
    accents = ENGLISH_ACCENTS if language == ENGLISH else espeak_dialects(language)
    known = [accent for accent in accents if espeak_dialects(accent)]
    return [
        Voice(ESPEAK, f"{a}+{variant}") for a in known for variant in VARIANTS if variant in files
    ]
