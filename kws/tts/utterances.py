"""Texts spoken by many voices, said once and kept as FLAC files."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile

from kws.config import SAMPLE_RATE
from kws.errors import KwsError
from kws.tts.voices import Voice, installed_voices

RATES = (0.75, 1.35)
PITCHES = (0.85, 1.2)
# How often each is drawn, relative to the others; festival is slow, espeak-ng has the most voices,
# those of Piper and Kokoro are the likest to people's.
SAMPLING_WEIGHTS = {"espeak-ng": 0.55, "flite": 0.4, "festival": 0.05, "piper": 1.0, "kokoro": 1.0}
NAME_LENGTH = 60  # characters of a text in a file name; of a longer one these and a hash


@dataclass(frozen=True)
class Utterance:
    """One text as one voice says it."""

    path: Path
    voice: Voice
    text: str
    rate: float
    pitch: float

    def make(self) -> None:
        """Say it into its file; KwsError when the voice fails or the file cannot be written."""
        unfinished = self.path.with_suffix(".part")
        samples = self.voice.speak(self.text, self.rate, self.pitch)
        try:
            soundfile.write(unfinished, samples, SAMPLE_RATE, format="FLAC")
            unfinished.rename(self.path)
        except (OSError, soundfile.LibsndfileError) as error:
            unfinished.unlink(missing_ok=True)
            raise KwsError(f"{self.path}: cannot be written: {error}") from error


def synthesise(
    texts: Iterable[str],
    count: int,
    folder: Path,
    seed: int,
    *,
    prefix: str = "",
    voices: Sequence[Voice] | None = None,
    shares: Mapping[str, float] = SAMPLING_WEIGHTS,
    progress: Callable[[int, int], None] = lambda made, missing: None,
) -> list[Path]:
    """`count` utterances of each text by random voices, rates and pitches, the same for a seed.

    Files are named <prefix><text>-<number>@<voice>.flac; what an earlier call made is kept, by
    whichever voice. voices: None for all that are installed; shares: how often each synthesiser is
    drawn, relative to the others; progress(made, missing) is called as files are made. KwsError
    when no synthesiser is installed, one fails or the disk is full.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        made = {path.stem.split("@")[0]: path for path in sorted(folder.glob("*.flac"))}
    except OSError as error:
        raise KwsError(f"{folder}: {error.strerror}") from error
    by_synthesiser: dict[str, list[Voice]] = {}
    for voice in installed_voices() if voices is None else voices:
        by_synthesiser.setdefault(voice.synthesiser, []).append(voice)
    paths, missing = [], []
    for text in dict.fromkeys(texts):
        for number in range(count):
            name = f"{prefix}{file_name(text)}-{number}"
            if name not in made:
                utterance = _drawn(text, number, folder / name, seed, by_synthesiser, shares)
                missing.append(utterance)
                made[name] = utterance.path
            paths.append(made[name])
    _make(missing, progress)
    return paths


def file_name(text: str) -> str:
    """What a text is called in file names: words joined by "_", without other characters."""
    name = "_".join(re.findall(r"[\w'-]+", text))
    if len(name) <= NAME_LENGTH:
        return name
    return f"{name[:NAME_LENGTH]}_{hashlib.sha256(text.encode()).hexdigest()[:8]}"


def _drawn(
    text: str,
    number: int,
    path: Path,
    seed: int,
    by_synthesiser: Mapping[str, list[Voice]],
    shares: Mapping[str, float],
) -> Utterance:
    """The utterance of this number, which does not depend on how many others are wanted."""
    digest = hashlib.sha256(f"{seed} {number} {text}".encode()).digest()
    random = np.random.default_rng(int.from_bytes(digest[:8], "big"))
    names = sorted(by_synthesiser)
    weights = np.array([shares[name] for name in names])
    voices = by_synthesiser[names[random.choice(len(names), p=weights / weights.sum())]]
    voice = voices[random.integers(len(voices))]
    rate, pitch = round(random.uniform(*RATES), 2), round(random.uniform(*PITCHES), 2)
    by_voice = path.with_name(f"{path.name}@{voice.label}.flac")
    return Utterance(by_voice, voice, text, rate, pitch)


def _make(utterances: Sequence[Utterance], progress: Callable[[int, int], None]) -> None:
    """Several at once: the synthesisers are processes of their own, or let go of Python's lock."""
    with ThreadPoolExecutor() as executor:
        try:
            # Not as_completed(), which an interrupt can leave with the locks of all that waits.
            for made, _ in enumerate(executor.map(Utterance.make, utterances), 1):
                progress(made, len(utterances))
        except BaseException:  # Ctrl-C too: what has not begun shall not begin
            executor.shutdown(cancel_futures=True)
            raise
