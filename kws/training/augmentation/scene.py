"""What is around a word: other speech, noise, the room, and the microphone."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from kws.config import SAMPLE_RATE
from kws.training.augmentation import waveform
from kws.training.augmentation.synthetic_noise import made_up_noise
from kws.training.augmentation.waveform import Audio, Random

Samples = npt.NDArray[np.int16]

# Share of the scenes, and of mined passages, that are heard as they are. Were there no words among
# them, a clean recording would tell that there is no keyword.
PLAIN = 0.3


class Surroundings:
    """Draws stretches of speech and noise from recordings, and records scenes among them."""

    def __init__(
        self, speech: Sequence[Samples], noise: Sequence[Samples], rooms: Sequence[Samples]
    ) -> None:
        """Recordings, int16; rooms: impulse responses."""
        self._speech, self._noise, self._rooms = speech, noise, rooms
        self._speech_weights, self._noise_weights = _weights(speech), _weights(noise)

    def speech(self, count: int, random: Random) -> Audio:
        """`count` samples of speech."""
        return _stretch(self._speech, self._speech_weights, count, random)

    def noise(self, count: int, random: Random) -> Audio:
        """`count` samples of recorded noise, made-up noise, or several people talking."""
        kind = random.random()
        if kind < 0.6 and self._noise:
            return _stretch(self._noise, self._noise_weights, count, random)
        if kind < 0.75:
            return made_up_noise(count, random)
        talkers = [self.speech(count, random) for _ in range(random.integers(1, 7))]
        crowd: Audio = np.sum([waveform.set_level(t, -20) for t in talkers], 0, np.float32)
        return crowd

    def recorded(self, scene: Audio, random: Random) -> Samples:
        """The way from the scene to the sound card."""
        if random.random() < PLAIN:
            return waveform.to_int16(waveform.set_level(scene, random.uniform(*waveform.LEVEL)))
        kind = random.random()
        if kind < 0.25 and self._rooms:
            response = self._rooms[random.integers(len(self._rooms))]
            scene = waveform.room(scene, as_float(response))
        elif kind < 0.5:
            scene = waveform.room(scene, waveform.made_up_room(random))
        if random.random() < 0.2:
            scene = waveform.overdriven(scene, random)
        if random.random() < 0.6:
            scene = waveform.colour(scene, random)
        if random.random() < 0.15:
            scene = waveform.narrowed(scene, random)
        if random.random() < 0.7:
            noise = self.noise(len(scene), random)
            scene = waveform.mix(scene, noise, random.uniform(*waveform.SNR))
        scene = waveform.set_level(scene, random.uniform(*waveform.LEVEL))
        if random.random() < 0.5:  # the microphone's own noise
            floor = 10 ** (random.uniform(-90, -60) / 20)
            scene = scene + np.float32(floor) * waveform.hiss(len(scene), random)
        return waveform.to_int16(scene)


def as_float(samples: Samples) -> Audio:
    """int16 to float32, full scale 1.0."""
    return samples.astype(np.float32) / np.float32(32768)


def _weights(recordings: Sequence[Samples]) -> npt.NDArray[np.float64]:
    """Each recording is drawn in proportion to its length."""
    lengths = np.array([len(recording) for recording in recordings], np.float64)
    weights: npt.NDArray[np.float64] = lengths / max(1.0, lengths.sum())
    return weights


def _stretch(
    recordings: Sequence[Samples], weights: npt.NDArray[np.float64], count: int, random: Random
) -> Audio:
    """`count` samples of recordings: from anywhere in a first one, then others from their start.

    Short ones are thus heard whole, and as abruptly as they follow each other in a stream of clips.
    Where there are no recordings, silence.
    """
    if not recordings:
        return np.zeros(count, np.float32)
    pieces: list[Audio] = []
    missing = count
    while missing > 0:
        recording = recordings[random.choice(len(recordings), p=weights)]
        start = 0 if pieces else int(random.integers(max(1, len(recording) - SAMPLE_RATE // 4)))
        piece = as_float(recording[start : start + missing])
        pieces.append(piece if pieces else waveform.faded(piece))
        missing -= len(piece)
    return np.concatenate(pieces)
