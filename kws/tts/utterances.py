"""Speak texts by many voices, once each, and keep the utterances as FLAC files.

All voices but Piper's and Kokoro's are deterministic: the same version, voice, text and settings
give the same samples.
"""

from __future__ import annotations

import hashlib
import logging
import shutil
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import soxr

from kws.atomic_write import write_atomically
from kws.audio.audio_file import read_audio
from kws.audio.encode import encode
from kws.config import SAMPLE_RATE
from kws.errors import KwsError
from kws.keyword_names import words_of
from kws.tts import kokoro
from kws.tts.languages import ENGLISH
from kws.tts.synthesisers import (
    ENGINES,
    ESPEAK,
    PIPER,
    SYNTHESISERS,
    espeak_voices_of,
    piper_voices,
    run,
)
from kws.types import Samples

ALLOWED_RATES = (0.6, 1.7)  # times the voice's own speed
ALLOWED_PITCHES = (0.8, 1.25)  # times the voice's own pitch
RATES, PITCHES = (0.75, 1.35), (0.85, 1.2)  # from which those of utterances are drawn
# How often each synthesiser is drawn, relative to the others; festival is slow, espeak-ng has the
# most voices, those of Piper and Kokoro sound most like people.
SAMPLING_WEIGHTS = {"espeak-ng": 0.55, "flite": 0.4, "festival": 0.05, "piper": 1.0, "kokoro": 1.0}
NAME_LENGTH = 60  # characters of a text in a file name; a longer text is cut and gets a hash
_log = logging.getLogger(__name__)

KOKORO = "kokoro"  # the one synthesiser that runs in this process


@dataclass(frozen=True)
class Voice:
    """Name one voice of one synthesiser; installed_voices() finds them."""

    synthesiser: str  # espeak-ng, flite, festival, piper or kokoro
    name: str  # as the synthesiser calls it; for Piper and Kokoro the path of the voice

    def __str__(self) -> str:
        return f"{self.synthesiser} {self.name}"

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
        if not text.strip():
            raise KwsError("speech synthesis: there is no text to say")
        limits = (("rate", rate, ALLOWED_RATES), ("pitch", pitch, ALLOWED_PITCHES))
        for setting, value, (low, high) in limits:
            if not low <= value <= high:
                raise KwsError(f"speech synthesis: {setting} {value:g} is not {low:g} to {high:g}")
        samples = self._speak_at(text, rate / pitch)
        if pitch != 1:
            # Spoken slower by `pitch`, played faster by as much.
            exact = soxr.resample(samples.astype(np.float32), SAMPLE_RATE * pitch, SAMPLE_RATE)
            samples = np.clip(exact.round(), -32768, 32767).astype(np.int16)
        return samples

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


def voices_for(language: str | None, voices: Sequence[Voice]) -> list[Voice]:
    """Return which voices can say a text in a language of language_of(); none where none can.

    All can say English. Others are said by espeak-ng, where it is among the voices and knows the
    language, and by Piper's voices, which a user has chosen.
    """
    if language == ENGLISH:
        return list(voices)
    there = any(voice.synthesiser == ESPEAK for voice in voices)
    names = espeak_voices_of(language) if language and there else []
    return [Voice(ESPEAK, name) for name in names] + [v for v in voices if v.synthesiser == PIPER]


@dataclass(frozen=True)
class Utterance:
    """Describe a text as one voice says it, and its file."""

    path: Path
    voice: Voice
    text: str
    rate: float
    pitch: float

    def write(self) -> None:
        """Speak into the file; KwsError when the voice fails or the file cannot be written."""
        samples = self.voice.speak(self.text, self.rate, self.pitch)
        try:
            write_atomically(self.path, encode(samples))
        except OSError as error:
            raise KwsError(f"{self.path}: cannot be written: {error.strerror}") from error


def synthesise(
    texts: Iterable[str],
    count: int,
    folder: Path,
    seed: int,
    *,
    prefix: str = "",
    voices: Sequence[Voice] | None = None,
    weights: Mapping[str, float] = SAMPLING_WEIGHTS,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> list[Path]:
    """Make `count` utterances of each text by random voices, rates and pitches; return the files.

    Files are named <prefix><text>-<number>@<voice>.flac; a file of an earlier call is kept,
    whatever its voice. The same seed draws the same. voices: None for all that are installed;
    weights: how often each synthesiser is drawn; progress(done, total) counts new files. Raises
    KwsError when no synthesiser is installed, one fails or the disk is full.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        files = {path.stem.split("@")[0]: path for path in sorted(folder.glob("*.flac"))}
    except OSError as error:
        raise KwsError(f"{folder}: {error.strerror}") from error
    by_synthesiser: dict[str, list[Voice]] = {}
    for voice in installed_voices() if voices is None else voices:
        by_synthesiser.setdefault(voice.synthesiser, []).append(voice)
    paths, missing = [], []
    for text in dict.fromkeys(texts):
        for number in range(count):
            name = f"{prefix}{file_name(text)}-{number}"
            if name not in files:
                utterance = _draw(text, number, folder / name, seed, by_synthesiser, weights)
                missing.append(utterance)
                files[name] = utterance.path
            paths.append(files[name])
    _write_all(missing, progress)
    return paths


def file_name(text: str) -> str:
    """Return a text for a file name: words of any script joined by "_", nothing else."""
    name = "_".join(words_of(unicodedata.normalize("NFC", text)))
    if len(name) <= NAME_LENGTH:
        return name
    return f"{name[:NAME_LENGTH]}_{hashlib.sha256(text.encode()).hexdigest()[:8]}"


def _draw(
    text: str,
    number: int,
    path: Path,
    seed: int,
    by_synthesiser: Mapping[str, list[Voice]],
    weights: Mapping[str, float],
) -> Utterance:
    """Draw the utterance of a number, which does not depend on how many others there are."""
    digest = hashlib.sha256(f"{seed} {number} {text}".encode()).digest()
    random = np.random.default_rng(int.from_bytes(digest[:8], "big"))
    names = sorted(by_synthesiser)
    chances = np.array([weights[name] for name in names])
    voices = by_synthesiser[names[random.choice(len(names), p=chances / chances.sum())]]
    voice = voices[random.integers(len(voices))]
    rate, pitch = round(random.uniform(*RATES), 2), round(random.uniform(*PITCHES), 2)
    with_voice = path.with_name(f"{path.name}@{voice.label}.flac")
    return Utterance(with_voice, voice, text, rate, pitch)


def _write_all(utterances: Sequence[Utterance], progress: Callable[[int, int], None]) -> None:
    """Write several at once: synthesisers are processes of their own, or release Python's lock."""
    with ThreadPoolExecutor() as executor:
        try:
            # Not as_completed(), which an interrupt can leave with the locks of all that waits.
            for done, _ in enumerate(executor.map(Utterance.write, utterances), 1):
                progress(done, len(utterances))
        except BaseException:  # Ctrl-C too: what has not begun shall not begin
            executor.shutdown(cancel_futures=True)
            raise
