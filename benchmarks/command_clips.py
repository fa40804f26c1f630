"""Read the clips of Speech Commands that benchmarks/speech_commands.py trains and tests with.

Classes are silence, the words, and unknown: all other words. Speakers for training are trained on,
those for validation tested, by the data's own rule. Silence is cut out of the background noise,
the last fifth of each recording for the test, at a volume of 0 to 1. The test has as many clips of
silence and of other words as it has of a word on average; training has all other words.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from kws.audio.audio_file import read_usable
from kws.config import SAMPLE_RATE
from kws.data.clips import Clip
from kws.data.speech_commands import for_training
from kws.types import Int, Samples

COMMANDS = ("yes", "no", "up", "down", "left", "right", "on", "off", "stop", "go")
LEAST = 100  # recordings of a word that is a class
TESTED_NOISE = 0.2  # share of each recording of noise
# The augmentation of TensorFlow's and of BC-ResNet's training:
SHIFT = SAMPLE_RATE // 10
NOISE_SHARE, NOISE_VOLUME = 0.8, 0.1


@dataclass(frozen=True)
class CommandClips:
    """Hold clips of one second."""

    samples: list[Samples]  # [SAMPLE_RATE] each
    labels: Int  # [n], indices of CommandTask.names


@dataclass(frozen=True)
class CommandTask:
    """Hold what is trained and what is tested."""

    names: tuple[str, ...]  # silence, the words, unknown
    training: CommandClips
    test: CommandClips
    noise: list[Samples]  # for training


def recorded_words(root: Path) -> dict[str, int]:
    """Return the number of recordings of each of the ten COMMANDS."""
    folders = {word: root / word for word in COMMANDS}
    return {w: len(list(f.iterdir())) if f.is_dir() else 0 for w, f in folders.items()}


def read_task(root: Path, words: Sequence[str], seed: int = 0) -> CommandTask:
    """Read the clips of a folder in the layout of Speech Commands."""
    dataset = for_training(root, words)
    random = np.random.default_rng(seed)
    groups = [dataset.positives[word] for word in words]
    heard = read_usable([clip.path for clip in dataset.noise], warn=False)
    bounds = [round(len(noise) * (1 - TESTED_NOISE)) for noise in heard]
    halves = (
        [noise[:bound] for noise, bound in zip(heard, bounds, strict=True)],
        [noise[bound:] for noise, bound in zip(heard, bounds, strict=True)],
    )
    training, test = (
        _clips(groups, dataset.negatives, noise, tested, random)
        for tested, noise in zip((False, True), halves, strict=True)
    )
    return CommandTask(("silence", *words, "unknown"), training, test, halves[0])


def varied(samples: Samples, noise: Sequence[Samples], random: np.random.Generator) -> Samples:
    """Return a clip that is shifted by up to SHIFT, in most cases with noise."""
    shift = random.integers(-SHIFT, SHIFT + 1)
    moved = np.roll(np.pad(samples, SHIFT), shift)[SHIFT:-SHIFT].astype(np.float32)
    if random.random() < NOISE_SHARE:
        moved += cut(noise, random) * random.uniform(0, NOISE_VOLUME)
    return np.clip(np.rint(moved), -32768, 32767).astype(np.int16)


def cut(noise: Sequence[Samples], random: np.random.Generator) -> Samples:
    """Return a random second of noise."""
    recording = noise[random.integers(len(noise))]
    start = random.integers(len(recording) - SAMPLE_RATE + 1)
    return recording[start : start + SAMPLE_RATE]


def _clips(
    groups: Sequence[Sequence[Clip]],
    others: Sequence[Clip],
    noise: Sequence[Samples],
    tested: bool,
    random: np.random.Generator,
) -> CommandClips:
    """Return the clips of training or of the test, of all classes."""
    chosen = [[clip for clip in clips if (clip.partition == 0) == tested] for clips in groups]
    average = round(sum(map(len, chosen)) / len(chosen))
    unknown = [clip for clip in others if (clip.partition == 0) == tested]
    if tested:
        unknown = [unknown[i] for i in random.permutation(len(unknown))[:average]]
    silence = [
        np.rint(cut(noise, random) * random.uniform(0, 1)).astype(np.int16) for _ in range(average)
    ]
    classes = [silence, *([*_seconds(clips)] for clips in (*chosen, unknown))]
    labels = np.repeat(np.arange(len(classes)), [len(samples) for samples in classes])
    return CommandClips([samples for each in classes for samples in each], labels)


def _seconds(clips: Sequence[Clip]) -> Iterator[Samples]:
    """Yield recordings as clips of one second, the short ones with zeros at their end."""
    for samples in read_usable([clip.path for clip in clips], warn=False):
        yield np.pad(samples[:SAMPLE_RATE], (0, max(0, SAMPLE_RATE - len(samples))))
