"""Synthetic speech for training, said once and kept as FLAC files."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile

from kws.config import SAMPLE_RATE
from kws.data import neighbours
from kws.data.audio import read_audio
from kws.data.dataset import Synthesis
from kws.data.synthesis import Voice, installed

RATES = (0.75, 1.35)
PITCHES = (0.85, 1.2)
# Share of the utterances; festival is slow, espeak-ng has the most voices.
SYNTHESISERS = {"espeak-ng": 0.55, "flite": 0.4, "festival": 0.05}

Samples = npt.NDArray[np.int16]


@dataclass(frozen=True)
class Utterance:
    """One text as one voice says it."""

    path: Path
    voice: Voice
    text: str
    rate: float
    pitch: float

    def make(self) -> None:
        """Say it, unless an earlier run did."""
        if not self.path.exists():
            unfinished = self.path.with_suffix(".part")
            samples = self.voice.speak(self.text, self.rate, self.pitch)
            soundfile.write(unfinished, samples, SAMPLE_RATE, format="FLAC")
            unfinished.rename(self.path)


def say(texts: Iterable[str], count: int, folder: Path, seed: int) -> list[Path]:
    """`count` utterances of each text by random voices, rates and pitches; same seed, same speech.

    KwsError when no synthesiser is installed.
    """
    random = np.random.default_rng(seed)
    by_synthesiser: dict[str, list[Voice]] = {}
    for voice in installed():
        by_synthesiser.setdefault(voice.synthesiser, []).append(voice)
    names = sorted(by_synthesiser)
    shares = np.array([SYNTHESISERS[name] for name in names])
    folder.mkdir(parents=True, exist_ok=True)
    utterances = []
    for text in texts:
        for index in range(count):
            voices = by_synthesiser[names[random.choice(len(names), p=shares / shares.sum())]]
            voice = voices[random.integers(len(voices))]
            rate, pitch = round(random.uniform(*RATES), 2), round(random.uniform(*PITCHES), 2)
            path = folder / f"{'_'.join(text.split())[:60]}-{index}.flac"
            utterances.append(Utterance(path, voice, text, rate, pitch))
    with ThreadPoolExecutor() as executor:
        list(executor.map(Utterance.make, utterances))
    return [utterance.path for utterance in utterances]


@dataclass(frozen=True)
class SyntheticSpeech:
    """All that a recipe has synthesisers say."""

    keywords: dict[str, list[Samples]]
    near_words: list[Samples]
    sentences: list[Samples]


def synthetic_speech(wanted: Synthesis, keywords: Sequence[str], folder: Path) -> SyntheticSpeech:
    """Make what is missing in the folder, and read it."""

    def spoken(texts: Iterable[str], count: int, name: str) -> list[Samples]:
        if not count:
            return []
        return [read_audio(path) for path in say(texts, count, folder / name, seed=1)]

    random = np.random.default_rng(1)
    near = list(wanted.near_words)
    for keyword in keywords if wanted.neighbours else ():
        near += neighbours.near_phrases(keyword, wanted.neighbours, random)
    made_up = []
    if wanted.random_sentences:
        made_up = neighbours.sentences(keywords, wanted.random_sentences, random)
    return SyntheticSpeech(
        {keyword: spoken([keyword], wanted.keyword, "keywords") for keyword in keywords},
        spoken(near, wanted.near_word, "near_words"),
        spoken(wanted.sentences, wanted.sentence, "sentences")
        + spoken(made_up, 1, "random_sentences"),
    )
