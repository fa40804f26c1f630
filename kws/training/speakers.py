"""Speak with the voices of this machine, and read what they said."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path

from kws.audio.audio_file import read_audio
from kws.errors import KwsError
from kws.tts.carrier_sentences import carrier_sentence, common_words_around
from kws.tts.casual_speech import casual_forms
from kws.tts.languages import ENGLISH, language_of
from kws.tts.synthesisers import ESPEAK
from kws.tts.utterances import SAMPLING_WEIGHTS, Carrier, read_keyword_in_sentence, synthesise
from kws.tts.voices import (
    Voice,
    accented_voices,
    chosen_voices,
    installed_voices,
    timed_voices,
    voices_for,
)
from kws.types import Samples

LONE_WEIGHTS = {**SAMPLING_WEIGHTS, "kokoro": 0.3}
CASUAL_DIALECTS = ("en-us", "en-gb")  # and those of their families
CHILDREN = 0.25  # share of child-like voices in what is said with accents

KeywordInContext = tuple[Samples, int, int]  # a sentence; the keyword's first and last+1 sample

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Speakers:
    """Speak with the voices of this machine into subfolders of a folder, and read what is there."""

    kokoro: Path | None
    folder: Path
    progress: Callable[[str, int, int], None]  # kind, utterances made and missing
    language: str | None = None  # of all texts; None for that of each one's letters
    chosen: tuple[str, ...] = ()  # voices or synthesisers; (): all that are installed

    @cached_property
    def voices(self) -> list[Voice]:
        """Return the chosen voices that are installed; KwsError when there is none."""
        return chosen_voices(self.chosen, installed_voices(kokoro_folder=self.kokoro))

    @cached_property
    def accented(self) -> list[Voice]:
        """Return these voices and those with foreign accents, or all of the language."""
        accented = accented_voices(self.voices, self.language or ENGLISH)
        return [voice for voice in accented if not self.chosen or voice.is_one_of(self.chosen)]

    def check(self, texts: Sequence[str]) -> None:
        """Raise KwsError where voices are chosen and none of them knows the language of a text."""
        for text in texts if self.chosen else ():
            language = self.language_of(text)
            if not voices_for(language, self.voices):
                which = f"the language {language!r}" if language else "its language"
                raise KwsError(
                    f"speech synthesis: of the voices {', '.join(self.chosen)} none can say"
                    f" {text!r}: they do not know {which}"
                )

    def language_of(self, text: str) -> str | None:
        """Return the language in which a text is said; None where its letters have none."""
        return self.language or language_of(text)

    def say(
        self, texts: Sequence[str], count: int, kind: str, weights: Mapping[str, float]
    ) -> list[Samples]:
        """Return `count` utterances of each text, by voices that know its language."""
        samples = []
        for language in dict.fromkeys(map(self.language_of, texts)) if count else ():
            said = [text for text in texts if self.language_of(text) == language]
            able = voices_for(language, self.voices)
            if not able:
                _log.warning("no synthetic speech of %r is added: no voice knows it", said[0])
                continue
            if language != ENGLISH:
                _log.info("%r is said by voices of the language %r", said[0], language)
            samples += [read_audio(path) for path in self._make(said, count, kind, able, weights)]
        return samples

    def say_accented(self, texts: Sequence[str], count: int, kind: str) -> list[Samples]:
        """Return `count` utterances of each text, many with an accent or by children.

        Without a language for all, those of English texts alone.
        """
        usual = self.language or ENGLISH
        able = [text for text in texts if self.language_of(text) == usual] if count else []
        for text in texts if count else ():
            if text not in able:
                _log.warning("%r is not said with accents: it is not English", text)
        if not able or not self.accented:
            return []
        paths = self._make(able, count, kind, self.accented, LONE_WEIGHTS, CHILDREN)
        return [read_audio(path) for path in paths]

    def say_casually(self, text: str, count: int, kind: str) -> list[Samples]:
        """Return `count` utterances of an English text with sounds left out, by espeak-ng's voices.

        None where nothing of it is left out, or no such voice is among these.
        """
        if not count or self.language_of(text) != ENGLISH:
            return []
        paths = []
        for dialect in CASUAL_DIALECTS:
            family = [v for v in self.voices if v.synthesiser == ESPEAK and v.speaks(dialect)]
            forms = casual_forms(text, dialect) if family else []
            each = -(-count // (len(CASUAL_DIALECTS) * max(1, len(forms))))
            for number, form in enumerate(forms):  # whose letters may be the same
                prefix = f"{dialect}-{number}-"
                paths += self._make([form], each, kind, family, SAMPLING_WEIGHTS, prefix=prefix)
        return [read_audio(path) for path in paths]

    def say_in_context(self, keyword: str, count: int) -> list[KeywordInContext]:
        """Return `count` sentences that contain a keyword, with its span.

        They are English, or common words of the language that all is said in.
        """
        if not count:
            return []
        usual = self.language or ENGLISH
        able = timed_voices(self.accented) if self.language_of(keyword) == usual else []
        if not able:
            _log.warning("no sentences with %r are added: no voice can say them", keyword)
            return []
        try:
            carrier = carrier_sentence if usual == ENGLISH else common_words_around(usual)
        except KwsError as error:
            _log.warning("no sentences with %r are added: %s", keyword, error)
            return []
        speak = partial(self._make, children=CHILDREN, carrier=carrier)
        paths = speak([keyword], count, "in_context", able, SAMPLING_WEIGHTS)
        return [read_keyword_in_sentence(path) for path in paths]

    def _make(
        self,
        texts: Sequence[str],
        count: int,
        kind: str,
        voices: Sequence[Voice],
        weights: Mapping[str, float],
        children: float = 0.0,
        carrier: Carrier | None = None,
        prefix: str = "",
    ) -> list[Path]:
        return synthesise(
            texts,
            count,
            self.folder / kind,
            1,
            prefix=prefix,
            voices=voices,
            weights=weights,
            children=children,
            carrier=carrier,
            progress=partial(self.progress, kind.replace("_", " ")),
        )
