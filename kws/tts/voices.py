"""Find the voices of this machine, and speak with one."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import soxr

from kws.audio.audio_file import read_audio
from kws.config import SAMPLE_RATE
from kws.errors import KwsError
from kws.tts import espeak_words, kokoro
from kws.tts.languages import ENGLISH, base_language
from kws.tts.synthesisers import (
    ENGINES,
    ESPEAK,
    PIPER,
    SYNTHESISERS,
    espeak_dialects,
    espeak_foreign_voices,
    espeak_voices_of,
    piper_language,
    piper_voices,
    run,
)
from kws.tts.word_times import KOKORO, TIMED, Sentence
from kws.types import Samples

ALLOWED_RATES = (0.6, 1.7)  # times the voice's own speed
ALLOWED_PITCHES = (0.8, 1.5)  # times the voice's own pitch
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Voice:
    """Name one voice of one synthesiser; installed_voices() finds them."""

    synthesiser: str  # espeak-ng, flite, festival, piper or kokoro
    name: str  # as the synthesiser calls it; for Piper and Kokoro the path of the voice

    def __str__(self) -> str:
        return f"{self.synthesiser} {self.name}"

    def is_one_of(self, names: Sequence[str]) -> bool:
        """Return whether names of voices and synthesisers name it."""
        return self.synthesiser in names or str(self) in names

    def speaks(self, dialect: str) -> bool:
        """Return whether a voice of espeak-ng is of a dialect or of one that is named after it."""
        return self.name.split("+")[0].startswith(dialect)

    @property
    def label(self) -> str:
        """Return the voice's name in file names."""
        return f"{self.synthesiser}_{Path(self.name).name}"

    def speak(self, text: str, rate: float = 1.0, pitch: float = 1.0) -> Samples:
        """Return a spoken text, samples [n], with the silence that the voice puts around it.

        rate, within ALLOWED_RATES, changes the speed alone. pitch, within ALLOWED_PITCHES, shifts
        the spectrum at the same speed, formants too, as of a smaller or larger speaker. Raises
        KwsError when there is no text, a setting is out of range or the synthesiser fails.
        """
        _check(text, rate, pitch)
        return _at_pitch(self._speak_at(text, rate / pitch), pitch)

    def speak_sentence(
        self, sentence: Sentence, rate: float = 1.0, pitch: float = 1.0
    ) -> tuple[Samples, int, int]:
        """Return a spoken sentence, samples [n], and its keyword's first and last+1 sample.

        rate and pitch are those of speak(). Raises KwsError as speak() does, for a voice of a
        synthesiser that is not in TIMED, and when the keyword cannot be found.
        """
        _check(str(sentence), rate, pitch)
        if self.synthesiser not in TIMED:
            raise KwsError(f"speech synthesis: {self} does not say when a word is spoken")
        with TemporaryDirectory(prefix="kws-") as folder:
            span = TIMED[self.synthesiser](self.name, rate / pitch, sentence, Path(folder))
            samples = _at_pitch(read_audio(Path(folder, "speech.wav")), pitch)
        start, end = (round(second / pitch * SAMPLE_RATE) for second in span)
        return samples, start, min(end, len(samples))

    def _speak_at(self, text: str, rate: float) -> Samples:
        """Return a spoken text, samples [n], at the voice's own pitch."""
        if self.synthesiser == KOKORO:
            return kokoro.speak(self.name, rate, text)
        with TemporaryDirectory(prefix="kws-") as folder:
            source, output = Path(folder, "text.txt"), Path(folder, "speech.wav")
            source.write_text(f"{text}\n", encoding="utf-8")
            engine = ENGINES[self.synthesiser]
            command = engine.command(self.name, rate, source, output)
            _, complaint = run(command, source if engine.reads_stdin else None)
            # flite and festival can fail with exit status 0: what counts is the speech.
            if not output.exists() or not len(speech := read_audio(output)):
                raise KwsError(f"speech synthesis: {self} said nothing: {complaint or 'no reason'}")
            return speech


def _check(text: str, rate: float, pitch: float) -> None:
    """Raise KwsError where there is no text or a setting is out of range."""
    if not text.strip():
        raise KwsError("speech synthesis: there is no text to say")
    limits = (("rate", rate, ALLOWED_RATES), ("pitch", pitch, ALLOWED_PITCHES))
    for setting, value, (low, high) in limits:
        if not low <= value <= high:
            raise KwsError(f"speech synthesis: {setting} {value:g} is not {low:g} to {high:g}")


def _at_pitch(samples: Samples, pitch: float) -> Samples:
    """Return samples that were spoken slower by `pitch`, played faster by as much."""
    if pitch == 1:
        return samples
    exact = soxr.resample(samples.astype(np.float32), SAMPLE_RATE * pitch, SAMPLE_RATE)
    faster: Samples = np.clip(exact.round(), -32768, 32767).astype(np.int16)
    return faster


def installed_voices(piper: Path | None = None, kokoro_folder: Path | None = None) -> list[Voice]:
    """Return every voice of this machine, in a fixed order; KwsError when there is none.

    A synthesiser that fails is logged and left out.

    piper: a folder of Piper's voices, which are added; KwsError without the program.
    kokoro_folder: a folder of Kokoro's network and voices; KwsError without espeak-ng.
    """
    voices = []
    for synthesiser, engine in SYNTHESISERS.items():
        try:
            names = engine.voices() if shutil.which(engine.program) else []
        except KwsError as error:
            _log.warning("%s is left out: %s", synthesiser, error)
            continue
        voices += [Voice(synthesiser, name) for name in names]
    if piper is not None:
        if not shutil.which(ENGINES[PIPER].program):
            raise KwsError("Piper is not installed: pip install piper-tts")
        voices += [Voice(PIPER, voice) for voice in piper_voices(piper)]
    if kokoro_folder is not None:
        voices += [Voice(KOKORO, voice) for voice in kokoro.kokoro_voices(kokoro_folder)]
    if not voices:
        raise KwsError(
            "no speech synthesiser is installed; kws uses espeak-ng, flite, festival"
            " (Debian, Ubuntu: apt install espeak-ng flite festival), Piper and Kokoro"
        )
    return voices


def chosen_voices(names: Sequence[str], voices: Sequence[Voice]) -> list[Voice]:
    """Return the voices that names of voices and synthesisers name; without names all.

    Raises KwsError for a name that none of the voices has.
    """
    if not names:
        return list(voices)
    for name in names:
        if not any(voice.is_one_of([name]) for voice in voices):
            raise KwsError(f"speech synthesis: no installed voice or synthesiser is named {name!r}")
    return [voice for voice in voices if voice.is_one_of(names)]


def known_language(language: str) -> str:
    """Return a user's name of a language as espeak-ng has it: "cmn" for "zh", "pt-br" for "pt_BR".

    Raises KwsError where it is not English and espeak-ng is missing or does not know it.
    """
    base = base_language(language)
    if base == ENGLISH:
        return ENGLISH
    if not shutil.which(ESPEAK):
        raise KwsError(f"the language {language!r} takes espeak-ng (apt install espeak-ng)")
    dialects = espeak_dialects(language)
    if not dialects:
        raise KwsError(f"{language!r}: espeak-ng knows no such language (espeak-ng --voices)")
    return base if len(dialects) > 1 else dialects[0]


def voices_for(language: str | None, voices: Sequence[Voice]) -> list[Voice]:
    """Return which voices can say a text in a language of language_of(); none where none can.

    All can say English. Others are said by espeak-ng in all its dialects of the language, where it
    is among the voices, and by Piper's voices whose settings state that language or none.
    """
    if language == ENGLISH:
        return list(voices)
    there = any(voice.synthesiser == ESPEAK for voice in voices)
    names = espeak_voices_of(language) if language and there else []
    base = base_language(language) if language else None
    piper = [voice for voice in voices if voice.synthesiser == PIPER]
    return [Voice(ESPEAK, name) for name in names] + [
        voice for voice in piper if piper_language(voice.name) in (base, None)
    ]


def accented_voices(voices: Sequence[Voice], language: str = ENGLISH) -> list[Voice]:
    """Return voices and, where espeak-ng is one of them, its English with foreign accents.

    Of another language they are the voices that know it, with more ages and timbres.
    """
    there = any(voice.synthesiser == ESPEAK for voice in voices)
    if language != ENGLISH:
        names = espeak_voices_of(language, more=True) if there else []
        able = [v for v in voices_for(language, voices) if v.synthesiser != ESPEAK]
        return able + [Voice(ESPEAK, name) for name in names]
    if not there:
        return list(voices)
    return [*voices, *(Voice(ESPEAK, name) for name in espeak_foreign_voices())]


def timed_voices(voices: Sequence[Voice]) -> list[Voice]:
    """Return the voices that say when a word is spoken: those that speak_sentence() takes.

    The log says where espeak-ng's library is not installed, which tells the times of its words.
    """
    timed = [voice for voice in voices if voice.synthesiser in TIMED]
    folders = {Path(voice.name).parent for voice in timed if voice.synthesiser == KOKORO}
    for folder in folders:
        if not kokoro.tells_times(folder):
            timed = [voice for voice in timed if Path(voice.name).parent != folder]
            _log.warning("no sentences are said by Kokoro: no times from %s", folder)
    try:
        espeak_words.load()
    except OSError as error:
        timed = [voice for voice in timed if voice.synthesiser != ESPEAK]
        _log.warning("no sentences are said by espeak-ng: %s", error)
    return timed
