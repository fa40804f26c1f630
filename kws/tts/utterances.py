"""Speak texts by many voices, once each, and keep the utterances as FLAC files.

All voices but Piper's and Kokoro's are deterministic: the same version, voice, text and settings
give the same samples.
"""

from __future__ import annotations

import hashlib
import logging
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from kws.atomic_write import write_atomically
from kws.audio.audio_file import read_audio
from kws.audio.encode import encode
from kws.audio.libsndfile import soundfile
from kws.errors import KwsError
from kws.keyword_names import words_of
from kws.tts.voices import Voice, installed_voices
from kws.tts.word_times import Sentence, WordNotFoundError
from kws.types import Samples

RATES, PITCHES = (0.75, 1.35), (0.85, 1.2)  # from which those of utterances are drawn
# How often each synthesiser is drawn, relative to the others; festival takes twenty times as long
# as others, espeak-ng has the most voices, those of Piper and Kokoro sound most like people.
SAMPLING_WEIGHTS = {"espeak-ng": 0.58, "flite": 0.4, "festival": 0.02, "piper": 1.0, "kokoro": 1.0}
CHILDREN_PITCHES = (1.2, 1.5)  # a child's vocal tract is that much shorter
NAME_LENGTH = 60  # characters of a text in a file name; a longer text is cut and gets a hash

Random = np.random.Generator
Carrier = Callable[[str, Random], Sentence]  # of a keyword

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Utterance:
    """Describe a text, or a keyword within a sentence, as one voice says it, and its file."""

    path: Path
    voice: Voice
    text: str | Sentence
    rate: float
    pitch: float

    def write(self) -> None:
        """Speak into the file; KwsError when the voice fails or the file cannot be written.

        Nothing is written, and the log says so, where a keyword cannot be found in its sentence.
        """
        try:
            content = self._encoded()
        except WordNotFoundError as error:
            _log.warning("%s; %s is left out", error, self.path.name)
            return
        try:
            write_atomically(self.path, content)
        except OSError as error:
            raise KwsError(f"{self.path}: cannot be written: {error.strerror}") from error

    def _encoded(self) -> bytes:
        """Return the content of the file; its comment is the span of a keyword in a sentence."""
        if isinstance(self.text, str):
            return encode(self.voice.speak(self.text, self.rate, self.pitch))
        samples, *span = self.voice.speak_sentence(self.text, self.rate, self.pitch)
        return encode(samples, comment=" ".join(map(str, span)))


def read_keyword_in_sentence(path: Path) -> tuple[Samples, int, int]:
    """Return the samples of a written sentence and its keyword's first and last+1 sample."""
    samples = read_audio(path)
    try:
        with soundfile.SoundFile(path) as file:
            start, end = map(int, file.comment.split())
    except (OSError, ValueError, soundfile.SoundFileError) as error:
        raise KwsError(f"{path}: does not say where the keyword is; remove it") from error
    if not 0 <= start < end <= len(samples):
        raise KwsError(f"{path}: the keyword is not within it; remove it")
    return samples, start, end


def synthesise(
    texts: Iterable[str],
    count: int,
    folder: Path,
    seed: int,
    *,
    prefix: str = "",
    voices: Sequence[Voice] | None = None,
    weights: Mapping[str, float] = SAMPLING_WEIGHTS,
    children: float = 0.0,
    carrier: Carrier | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> list[Path]:
    """Make `count` utterances of each text by random voices, rates and pitches; return the files.

    Files are named <prefix><text>-<number>@<voice>.flac; a file of an earlier call is kept,
    whatever its voice. The same seed draws the same. progress(done, total) counts new files. Raises
    KwsError when no synthesiser is installed, one fails or the disk is full.

    Args:
        texts: What is said.
        count: Utterances of each text.
        folder: Of the files.
        seed: Of all that is drawn.
        prefix: Of the files' names.
        voices: None for all that are installed.
        weights: How often each synthesiser is drawn.
        children: Share of utterances with the pitch and formants of children.
        carrier: Draws the sentence in which a text is said; read_keyword_in_sentence() reads it.
        progress: Is called after each file.
    """
    files = _files_of(folder)
    spoken_by = _by_synthesiser(installed_voices() if voices is None else voices)
    draw = _Draw(seed, spoken_by, weights, children, carrier)
    paths, missing = [], []
    for name, text, number in _named(texts, count, prefix):
        if name not in files:
            utterance = draw.utterance(text, number, folder / name)
            missing.append(utterance)
            files[name] = utterance.path
        paths.append(files[name])
    _write_all(missing, progress)
    return [path for path in paths if path.exists()] if carrier else paths


def require_voices(
    texts: Iterable[str], count: int, folder: Path, prefix: str, voices: Sequence[Voice]
) -> None:
    """Raise KwsError where synthesise() would keep files that none of these voices made."""
    labels = {voice.label for voice in voices}
    files = _files_of(folder)
    kept = [files[name] for name, _, _ in _named(texts, count, prefix) if name in files]
    if others := [path for path in kept if path.stem.partition("@")[2] not in labels]:
        raise KwsError(
            f"{folder}: {len(others)} of these utterances are by voices that do not speak now, as"
            f" {others[0].name}; remove them, or choose another folder"
        )


def _named(texts: Iterable[str], count: int, prefix: str) -> Iterator[tuple[str, str, int]]:
    """Yield utterances, each text's `count`: the file's name without the voice, text, number."""
    for text in dict.fromkeys(texts):
        for number in range(count):
            yield f"{prefix}{file_name(text)}-{number}", text, number


def _files_of(folder: Path) -> dict[str, Path]:
    """Return the files of a folder, which is made, by their names without the voice."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return {path.stem.split("@")[0]: path for path in sorted(folder.glob("*.flac"))}
    except OSError as error:
        raise KwsError(f"{folder}: {error.strerror}") from error


def _by_synthesiser(voices: Iterable[Voice]) -> dict[str, list[Voice]]:
    """Return voices by their synthesiser."""
    found: dict[str, list[Voice]] = {}
    for voice in voices:
        found.setdefault(voice.synthesiser, []).append(voice)
    return found


def file_name(text: str) -> str:
    """Return a text for a file name: words of any script joined by "_", nothing else."""
    name = "_".join(words_of(unicodedata.normalize("NFC", text)))
    if len(name) <= NAME_LENGTH:
        return name
    return f"{name[:NAME_LENGTH]}_{hashlib.sha256(text.encode()).hexdigest()[:8]}"


@dataclass(frozen=True)
class _Draw:
    """Draw voice, rate, pitch and sentence of utterances."""

    seed: int
    voices: Mapping[str, list[Voice]]  # by synthesiser
    weights: Mapping[str, float]
    children: float
    carrier: Carrier | None

    def utterance(self, text: str, number: int, path: Path) -> Utterance:
        """Draw the utterance of a number, which does not depend on how many others there are."""
        digest = hashlib.sha256(f"{self.seed} {number} {text}".encode()).digest()
        random = np.random.default_rng(int.from_bytes(digest[:8], "big"))
        names = sorted(self.voices)
        chances = np.array([self.weights[name] for name in names])
        voices = self.voices[names[random.choice(len(names), p=chances / chances.sum())]]
        voice = voices[random.integers(len(voices))]
        rate, pitch = round(random.uniform(*RATES), 2), round(random.uniform(*PITCHES), 2)
        if self.children and random.random() < self.children:
            pitch = round(random.uniform(*CHILDREN_PITCHES), 2)
        said = self.carrier(text, random) if self.carrier else text
        with_voice = path.with_name(f"{path.name}@{voice.label}.flac")
        return Utterance(with_voice, voice, said, rate, pitch)


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
