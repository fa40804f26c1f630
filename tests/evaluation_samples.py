"""Make a small test set of the shipped samples."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import soundfile
from command_line import SAMPLES

from kws.audio.audio_file import read_audio
from kws.config import SAMPLE_RATE
from kws.evaluation.test_set import EvaluationSet

POSITIVES = {
    "computer": ("computer_lights", "computer_moon"),
    "jarvis": ("jarvis_door", "jarvis_music"),
    "alexa": ("alexa_timer", "alexa_rain"),
}
NEGATIVES = ("story", "election", "service", "commuter")


def word(name: str) -> np.ndarray:
    """Return the first keyword of a sample, followed by silence."""
    _, begin, end = json.loads((SAMPLES / "expected.json").read_text())[f"{name}.flac"][0]
    samples = read_audio(SAMPLES / f"{name}.flac")
    cut = samples[round((begin - 0.3) * SAMPLE_RATE) : round((end + 0.05) * SAMPLE_RATE)]
    return np.concatenate([cut, np.zeros(SAMPLE_RATE, np.int16)])


def write_samples(folder: Path) -> Path:
    """Write positives/<keyword>/ and negatives/, with a positive in which nothing is said."""
    (folder / "negatives").mkdir()
    for keyword, names in POSITIVES.items():
        (folder / "positives" / keyword).mkdir(parents=True)
        for name in names:
            soundfile.write(folder / "positives" / keyword / f"{name}.wav", word(name), SAMPLE_RATE)
    silence = np.random.default_rng(1).integers(-30, 30, 2 * SAMPLE_RATE).astype(np.int16)
    soundfile.write(folder / "positives" / "jarvis" / "unsaid.wav", silence, SAMPLE_RATE)
    for name in NEGATIVES:
        shutil.copy(SAMPLES / f"{name}.flac", folder / "negatives")
    # A keyword among the negatives: a false alarm by all rules of this test.
    shutil.copy(SAMPLES / "alexa_rain.flac", folder / "negatives" / "jarring.flac")
    return folder


def sample_set(folders: Path, with_noise: bool = False) -> EvaluationSet:
    """Return the test set of write_samples()."""
    positives = {k: sorted((folders / "positives" / k).iterdir()) for k in POSITIVES}
    noise = np.random.default_rng(2).normal(0, 500, 20_000).astype(np.int16) if with_noise else None
    return EvaluationSet(positives, sorted((folders / "negatives").iterdir()), noise, 5.0)
