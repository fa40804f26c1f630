"""Make signals and generators of examples for tests of training."""

from __future__ import annotations

import numpy as np

from kws.config import SAMPLE_RATE, FrontEnd
from kws.training.augmentation import waveform
from kws.training.examples import ExampleGenerator
from kws.training.features import ExampleLayout
from kws.training.keyword_utterances import KeywordUtterances

FRONT_END = FrontEnd(low_hz=60, high_hz=7600, coefficients=20, log_offset=1e-3)
LAYOUT = ExampleLayout(FRONT_END, window_frames=69, stride=2)


def burst(seconds: float, rms: float = 0.1, before: float = 0.0, after: float = 0.0) -> np.ndarray:
    """Noise, float32, with silence around it."""
    noise = np.random.default_rng(2).normal(0, rms, round(seconds * SAMPLE_RATE))
    silence = (round(before * SAMPLE_RATE), round(after * SAMPLE_RATE))
    return np.pad(noise, silence).astype(np.float32)


def rms(audio: np.ndarray) -> float:
    return float(np.sqrt((audio.astype(np.float64) ** 2).mean()))


def db(ratio: float) -> float:
    return 20 * np.log10(ratio)


def tone(hertz: float, seconds: float = 3.0) -> np.ndarray:
    phase = 2 * np.pi * hertz * np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    return waveform.to_int16(0.3 * np.sin(phase).astype(np.float32))


def silent_generator() -> ExampleGenerator:
    """Two keywords that are bursts of noise; all speech, noise and rooms are silent."""
    word = waveform.to_int16(burst(0.5, before=0.8, after=0.9))
    silence = [np.zeros(3 * SAMPLE_RATE, np.int16)]
    return ExampleGenerator(
        LAYOUT,
        [KeywordUtterances([word], [1.0]), KeywordUtterances([word] * 2, [0.5] * 2)],
        *[silence] * 2,
        [],
    )
