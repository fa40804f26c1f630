"""Change utterances to other levels and speeds, as older figures of the benchmark have them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np
import numpy.typing as npt

from kws.evaluation.conditions import MARGIN, Condition, Random, WordRecording
from kws.training.augmentation import waveform
from kws.training.augmentation.waveform import to_float
from kws.types import Samples

LEVELS = (-50, -40, -30, -20, -10)  # dBFS
WHITE_NOISE = -70.0  # dBFS
SPEEDS = (0.85, 1.15, 1.3)


def level_and_speed_conditions(responses: Sequence[Samples]) -> dict[str, Condition]:
    """Return the conditions by name; responses: of rooms that training uses as well."""
    found: dict[str, Condition] = {}
    for level in LEVELS:
        found[f"{level} dBFS"] = partial(_at_level, dbfs=level)
    found["white noise"] = _in_white_noise
    if responses:
        found["training's rooms"] = partial(_in_room, rooms=[*map(to_float, responses)])
    for speed in SPEEDS:
        found[f"{speed:g} times as fast, with pitch"] = partial(_at_speed, speed=speed)
    return found


def _at_level(word: WordRecording, random: Random, dbfs: float) -> WordRecording:
    """Return an utterance at another level."""
    samples = waveform.to_int16(waveform.set_level(to_float(word.samples), dbfs))
    return WordRecording(samples, word.start, word.end)


def _at_speed(word: WordRecording, random: Random, speed: float) -> WordRecording:
    """Return an utterance at another speed, with its pitch."""
    samples = waveform.to_int16(waveform.perturb_speed(to_float(word.samples), speed))
    return WordRecording(samples, int(word.start / speed), int(word.end / speed))


def _in_white_noise(word: WordRecording, random: Random) -> WordRecording:
    """Return an utterance in white noise instead of its own background."""
    kept = slice(max(0, word.start - MARGIN), word.end + MARGIN)
    audio = np.zeros(len(word.samples), np.float32)
    audio[kept] = waveform.fade(to_float(word.samples[kept]))
    white = random.standard_normal(len(audio)).astype(np.float32)
    audio += np.float32(10 ** (WHITE_NOISE / 20)) * white
    return WordRecording(waveform.to_int16(audio), word.start, word.end)


def _in_room(
    word: WordRecording, random: Random, rooms: Sequence[npt.NDArray[np.float32]]
) -> WordRecording:
    """Return an utterance with the reverberation of a room that training uses as well."""
    response = rooms[int(random.integers(len(rooms)))]
    samples = waveform.to_int16(waveform.apply_impulse_response(to_float(word.samples), response))
    return WordRecording(samples, word.start, word.end)
