"""Speak with the voices of this machine, and read what they said."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path

from kws.audio.audio_file import read_audio
from kws.tts.carrier_sentences import carrier_sentence
from kws.tts.languages import ENGLISH, language_of
from kws.tts.utterances import SAMPLING_WEIGHTS, Carrier, read_keyword_in_sentence, synthesise
from kws.tts.voices import Voice, accented_voices, installed_voices, timed_voices, voices_for
from kws.types import Samples

LONE_WEIGHTS = {**SAMPLING_WEIGHTS, "kokoro": 0.3}
CHILDREN = 0.25  # share of child-like voices in what is said with accents

KeywordInContext = tuple[Samples, int, int]  # a sentence; the keyword's first and last+1 sample

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Speakers:
    """Speak with the voices of this machine into subfolders of a folder, and read what is there."""

    kokoro: Path | None
    folder: Path
    progress: Callable[[int, int], None]

    @cached_property
    def voices(self) -> list[Voice]:
        """Return every voice that is installed; KwsError when there is none."""
        return installed_voices(kokoro_folder=self.kokoro)

    @cached_property
    def accented(self) -> list[Voice]:
        """Return these voices and those with foreign accents."""
        return accented_voices(self.voices)

    def say(
        self, texts: Sequence[str], count: int, kind: str, weights: Mapping[str, float]
    ) -> list[Samples]:
        """Return `count` utterances of each text, by voices that know its language."""
        samples = []
        for language in dict.fromkeys(map(language_of, texts)) if count else ():
            said = [text for text in texts if language_of(text) == language]
            able = voices_for(language, self.voices)
            if not able:
                _log.warning("no synthetic speech of %r is added: no voice knows it", said[0])
                continue
            if language != ENGLISH:
                _log.info("%r is said by voices of the language %r", said[0], language)
            samples += [read_audio(path) for path in self._make(said, count, kind, able, weights)]
        return samples

    def say_accented(self, texts: Sequence[str], count: int, kind: str) -> list[Samples]:
        """Return `count` utterances of each English text, many with an accent or by children."""
        english = [text for text in texts if language_of(text) == ENGLISH] if count else []
        for text in texts if count else ():
            if text not in english:
                _log.warning("%r is not said with accents: it is not English", text)
        if not english:
            return []
        paths = self._make(english, count, kind, self.accented, LONE_WEIGHTS, CHILDREN)
        return [read_audio(path) for path in paths]

    def say_in_context(self, keyword: str, count: int) -> list[KeywordInContext]:
        """Return `count` English sentences that contain a keyword, with its span."""
        if not count:
            return []
        able = timed_voices(self.accented) if language_of(keyword) == ENGLISH else []
        if not able:
            _log.warning("no sentences with %r are added: no voice can say them", keyword)
            return []
        speak = partial(self._make, children=CHILDREN, carrier=carrier_sentence)
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
    ) -> list[Path]:
        return synthesise(
            texts,
            count,
            self.folder / kind,
            1,
            voices=voices,
            weights=weights,
            children=children,
            carrier=carrier,
            progress=self.progress,
        )
