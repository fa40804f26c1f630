"""Record a word by synthetic voices, each in a room of its own."""

from __future__ import annotations

import shutil
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from conftest import skip_without
from scipy.signal import fftconvolve

from kws.config import SAMPLE_RATE
from kws.tts.voices import Voice

Recordings = list[npt.NDArray[np.int16]]

VOICES = (
    Voice("espeak-ng", "en-us"),
    Voice("espeak-ng", "en-us+f2"),
    Voice("espeak-ng", "en-gb-scotland+m3"),
    Voice("espeak-ng", "en-029+m7"),
    Voice("flite", "slt"),
    Voice("flite", "rms"),
    Voice("flite", "kal16"),
    Voice("flite", "awb"),
)
RATES = (0.85, 0.92, 1.0, 1.1, 1.2)
PEAKS = (0.05, 0.1, 0.2, 0.4, 0.8)  # of full scale


def speak(voice: Voice, word: str, rate: float = 1.0, pitch: float = 1.0) -> npt.NDArray[np.int16]:
    skip_without(voice.synthesiser, shutil.which(voice.synthesiser))
    return voice.speak(word, rate, pitch)


def record(word: str, voices: Sequence[Voice]) -> Recordings:
    """Return len(RATES) recordings of each voice in a room of its own, by voice."""
    random = np.random.default_rng(1)
    recordings = []
    for voice in voices:
        decay = np.exp(-np.arange(3200) / 600)  # about 0.26 s to -60 dB
        room = random.normal(0, 0.3, len(decay)) * decay
        room[0] = 1
        for rate, peak in zip(RATES, random.permutation(PEAKS), strict=True):
            recordings.append(in_room(speak(voice, word, rate), room, peak, random))
    return recordings


def in_room(
    speech: npt.NDArray[np.int16],
    room: npt.NDArray[np.float64],
    peak: float,
    random: np.random.Generator,
) -> npt.NDArray[np.int16]:
    """Return speech in a room, with 0.2 s of noise before it and 0.5 s after it."""
    reverberant = fftconvolve(np.pad(speech, (SAMPLE_RATE // 5, SAMPLE_RATE // 2)), room)
    reverberant *= peak * 32767 / np.abs(reverberant).max()
    noisy: npt.NDArray[np.float64] = reverberant + random.normal(0, 10, len(reverberant))
    return noisy.round().astype(np.int16)
