"""Augment acoustic scenes: room, amplifier, microphone, background speech and noise."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from kws.config import SAMPLE_RATE
from kws.training.augmentation import waveform
from kws.training.augmentation.synthetic_noise import synthesise_noise
from kws.training.augmentation.waveform import Audio, Random, Samples

# Probability that nothing but the level of a scene, or of a hard negative, changes. If no keyword
# were clean, a clean recording would tell that there is no keyword.
CLEAN = 0.3
# Probabilities of the kinds of background noise; the rest is speech of several people (babble).
RECORDED_NOISE, SYNTHETIC_NOISE = 0.6, 0.15
RECORDED_RIR, SYNTHETIC_RIR = 0.2, 0.4  # probabilities of reverberation


@dataclass(frozen=True)
class Transform:
    """Apply a transform of audio with a probability."""

    probability: float
    apply: Callable[[Audio, Random], Audio]

    def __call__(self, audio: Audio, random: Random) -> Audio:
        """Return the audio transformed, or as it is."""
        if self.probability < 1 and random.random() >= self.probability:
            return audio
        return self.apply(audio, random)


class AcousticAugmentation:
    """Draw speech and noise from recordings, and augment scenes with them and with rooms."""

    def __init__(
        self,
        speech: Sequence[Samples],
        noise: Sequence[Samples],
        impulse_responses: Sequence[Samples],
        kinds: Sequence[str] = (),
    ) -> None:
        """Draw from recordings of speech, of noise and of room impulse responses, int16.

        kinds: the kind of each recording of speech, so that none dominates; (): all are of one.
        """
        self._speech, self._noise, self._responses = speech, noise, impulse_responses
        self._speech_weights = balanced_weights(speech, kinds)
        self._noise_weights = balanced_weights(noise)

    def augment(self, scene: Audio, random: Random) -> Samples:
        """Return the scene as a microphone records it: CLEAN, or through all transforms."""
        if random.random() < CLEAN:
            return waveform.to_int16(waveform.randomise_level(scene, random))
        for transform in self._transforms():
            scene = transform(scene, random)
        return waveform.to_int16(scene)

    def _transforms(self) -> tuple[Transform, ...]:
        """Return what happens from the mouth to the sound card, with its probability.

        An object that held its own methods would keep its recordings until garbage is collected.
        """
        return (
            Transform(1.0, self._reverberate),
            Transform(0.2, waveform.distort),
            Transform(0.6, waveform.tilt_spectrum),
            Transform(0.15, waveform.low_pass),
            Transform(0.12, waveform.telephone),  # that is heard in the room
            Transform(0.7, self._mix_background),
            Transform(0.15, waveform.telephone),  # that carries the noise of the room as well
            Transform(1.0, waveform.randomise_level),
            Transform(0.5, waveform.add_microphone_noise),
        )

    def speech(self, count: int, random: Random) -> Audio:
        """Return `count` samples of speech."""
        return _excerpt(self._speech, self._speech_weights, count, random)

    @property
    def has_speech(self) -> bool:
        """Return whether there are recordings of speech to draw from."""
        return bool(self._speech)

    def utterance(self, random: Random) -> Samples:
        """Return one recording of speech, which may be of any length; there must be one."""
        return self._speech[random.choice(len(self._speech), p=self._speech_weights)]

    def noise(self, count: int, random: Random) -> Audio:
        """Return `count` samples of recorded noise, of synthetic noise, or of babble."""
        kind = random.random()
        if kind < RECORDED_NOISE and self._noise:
            return _excerpt(self._noise, self._noise_weights, count, random)
        if kind < RECORDED_NOISE + SYNTHETIC_NOISE:
            return synthesise_noise(count, random)
        talkers = [self.speech(count, random) for _ in range(random.integers(1, 7))]
        babble: Audio = np.sum([waveform.set_level(t, -20) for t in talkers], 0, np.float32)
        return babble

    def _reverberate(self, scene: Audio, random: Random) -> Audio:
        """Apply a recorded or a synthetic RIR, or none (ReverbWithImpulseResponse)."""
        kind = random.random()
        if kind < RECORDED_RIR and self._responses:
            recorded = self._responses[random.integers(len(self._responses))]
            return waveform.apply_impulse_response(scene, waveform.to_float(recorded))
        if kind < RECORDED_RIR + SYNTHETIC_RIR:
            response = waveform.synthetic_impulse_response(random)
            return waveform.apply_impulse_response(scene, response)
        return scene

    def _mix_background(self, scene: Audio, random: Random) -> Audio:
        """Mix noise in at a random SNR (AddBackgroundNoise)."""
        noise = self.noise(len(scene), random)
        return waveform.mix(scene, noise, random.uniform(*waveform.SNR))


def balanced_weights(
    recordings: Sequence[Samples], kinds: Sequence[str] = ()
) -> npt.NDArray[np.float64]:
    """Return the probability of each recording: within a kind in proportion to its length.

    That of a kind is in proportion to the square root of its length, between the balance of the
    recordings and that of the kinds. kinds: of each recording; (): all are of one.
    """
    weights = np.array([len(recording) for recording in recordings], np.float64)
    names = np.array(kinds or [""] * len(recordings))
    for kind in set(names.tolist()):
        chosen = names == kind
        weights[chosen] /= np.sqrt(max(1.0, weights[chosen].sum()))
    normalised: npt.NDArray[np.float64] = weights / max(1e-9, weights.sum())
    return normalised


def _excerpt(
    recordings: Sequence[Samples], weights: npt.NDArray[np.float64], count: int, random: Random
) -> Audio:
    """Return `count` samples: from anywhere in a first recording, then others from their start.

    Short recordings thus occur whole, and follow each other as abruptly as in a stream of clips.
    Without recordings there is silence.
    """
    if not recordings:
        return np.zeros(count, np.float32)
    pieces: list[Audio] = []
    missing = count
    while missing > 0:
        recording = recordings[random.choice(len(recordings), p=weights)]
        start = 0 if pieces else int(random.integers(max(1, len(recording) - SAMPLE_RATE // 4)))
        piece = waveform.to_float(recording[start : start + missing])
        pieces.append(piece if pieces else waveform.fade(piece))
        missing -= len(piece)
    return np.concatenate(pieces)
