"""Training examples: short stretches of augmented audio with a label for every network step.

A step's label says what its window ends with: a keyword that has just been completed, or
background; around the word's end, where either answer would do, it is IGNORE.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from kws.config import SAMPLE_RATE, FrontEnd
from kws.data.word_span import word_span
from kws.training import augment
from kws.training.augment import Audio, Random

IGNORE = -1
# End of a step's window minus end of the word, s.
TRIGGER = (-0.06, 0.40)  # the keyword must be found at some steps of these
EARLY, LATE = -0.20, 0.60  # before and after it is background; in between, either
SNR_OF_CONTEXT = (-6.0, 6.0)  # dB, the word against the speech before and after it


@dataclass(frozen=True)
class Layout:
    """Length of an example: `steps` steps of a network that sees `window_rows` rows."""

    front_end: FrontEnd
    window_rows: int
    stride: int  # rows
    steps: int = 24

    @property
    def rows(self) -> int:
        return self.window_rows + (self.steps - 1) * self.stride

    @property
    def samples(self) -> int:
        return (self.rows - 1) * self.front_end.hop + self.front_end.window

    @property
    def step_ends(self) -> npt.NDArray[np.float64]:
        """[steps] where each step's window ends, s."""
        last_rows = self.window_rows - 1 + self.stride * np.arange(self.steps)
        return (last_rows * self.front_end.hop + self.front_end.window) / SAMPLE_RATE

    def labels(self, keyword: int, word_end: float) -> npt.NDArray[np.int8]:
        """[steps] labels of an example whose word ends at word_end, s."""
        after = self.step_ends - word_end
        labels = np.full(self.steps, IGNORE, np.int8)
        labels[(after < EARLY) | (after > LATE)] = 0
        labels[(after >= TRIGGER[0]) & (after <= TRIGGER[1])] = keyword
        return labels


class Examples:
    """Draws examples from recordings held in memory (float32, full scale 1.0)."""

    def __init__(
        self,
        layout: Layout,
        positives: Sequence[Sequence[npt.NDArray[np.int16]]],
        negatives: Sequence[npt.NDArray[np.int16]],
        noise: Sequence[npt.NDArray[np.int16]],
        rooms: Sequence[npt.NDArray[np.int16]],
        near_words: Sequence[npt.NDArray[np.int16]] = (),
    ) -> None:
        """positives: recordings by keyword; negatives: speech; rooms: impulse responses."""
        self.layout, self.near_words = layout, near_words
        self.positives, self.negatives, self.noise, self.rooms = positives, negatives, noise, rooms
        self.spans = [[word_span(samples) for samples in group] for group in positives]
        self._negative_weights = _weights(negatives)
        self._noise_weights = _weights(noise)

    def positive(self, keyword: int, random: Random) -> tuple[npt.NDArray[np.int16], npt.NDArray]:
        """An utterance of keyword 1..n: int16 [samples] and labels [steps]."""
        audio, start, end = self._utterance(keyword, random)
        first, last = self.layout.step_ends[[0, -1]]
        word_end = random.uniform(first - 0.05, last - TRIGGER[1])
        scene = self._scene(audio, start, end, int(word_end * SAMPLE_RATE), random)
        return self._recorded(scene, random), self.layout.labels(keyword, word_end)

    def fragment(self, random: Random) -> npt.NDArray[np.int16]:
        """A piece of a keyword, all of it backwards, or a word that sounds like one."""
        if self.near_words and random.random() < 0.5:
            word = self.near_words[random.integers(len(self.near_words))]
            return self._placed(augment.speed(_float(word), random.uniform(*augment.SPEED)), random)
        keyword = int(random.integers(1, len(self.positives) + 1))
        audio, start, end = self._utterance(keyword, random)
        word = audio[start:end]
        share = int(random.uniform(0.3, 0.6) * len(word))
        piece = (word[:share], word[-share:], word[::-1])[random.integers(3)]
        return self._placed(piece, random)

    def _placed(self, piece: Audio, random: Random) -> npt.NDArray[np.int16]:
        """A piece of speech anywhere in a scene."""
        place = int(random.uniform(0.4, 0.95) * self.layout.samples)
        scene = self._scene(augment.faded(piece), 0, len(piece), place, random)
        return self._recorded(scene, random)

    def speech(self, random: Random) -> npt.NDArray[np.int16]:
        """Speech without a keyword."""
        return self._recorded(self._speech(self.layout.samples, random), random)

    def quiet(self, random: Random) -> npt.NDArray[np.int16]:
        """Noise alone, from inaudible to loud."""
        level = 10 ** (random.uniform(-90, -15) / 20)
        kind = random.random()
        if kind < 0.1:
            return np.zeros(self.layout.samples, np.int16)
        if kind < 0.3:
            return augment.to_int16(np.float32(level) * augment.hiss(self.layout.samples, random))
        noise = self._noise(self.layout.samples, random)
        return augment.to_int16(augment.set_level(noise, 20 * np.log10(level)))

    def _utterance(self, keyword: int, random: Random) -> tuple[Audio, int, int]:
        """A recording at a random speed, and the word's first and last+1 sample in it."""
        index = int(random.integers(len(self.positives[keyword - 1])))
        start, end = self.spans[keyword - 1][index]
        factor = random.uniform(*augment.SPEED)
        audio = augment.speed(_float(self.positives[keyword - 1][index]), factor)
        return audio, int(start / factor), min(int(end / factor), len(audio))

    def _scene(self, audio: Audio, start: int, end: int, place: int, random: Random) -> Audio:
        """Put a word so that it ends at sample `place`; silence, its own room or speech around."""
        kind = random.random()
        if kind < 0.6:  # cut out of its recording
            margin = int(random.uniform(0.03, 0.2) * SAMPLE_RATE)
            cut = slice(max(0, start - margin), min(len(audio), end + margin))
            audio, end = augment.faded(audio[cut]), end - cut.start
            start -= cut.start
        scene = np.zeros(self.layout.samples, np.float32)
        shift = place - end
        a, b = max(0, shift), min(len(scene), shift + len(audio))
        scene[a:b] = audio[a - shift : b - shift]
        if kind < 0.45:  # speech before it, and at times after it
            gain = augment.loudness(scene) * 10 ** (random.uniform(*SNR_OF_CONTEXT) / 20)
            before = max(0, shift + start - int(random.uniform(0.02, 0.4) * SAMPLE_RATE))
            after = place + int(random.uniform(0.05, 0.5) * SAMPLE_RATE)
            for stretch in (slice(0, before), slice(after, len(scene))):
                count = len(scene[stretch])
                if count > SAMPLE_RATE // 10:
                    speech = augment.faded(self._speech(count, random))
                    level = max(augment.loudness(speech), 1e-6)
                    scene[stretch] += np.float32(gain / level) * speech
        return scene

    def _recorded(self, scene: Audio, random: Random) -> npt.NDArray[np.int16]:
        """The way from the scene to the sound card."""
        kind = random.random()
        if kind < 0.25 and self.rooms:
            response = self.rooms[random.integers(len(self.rooms))]
            scene = augment.room(scene, _float(response))
        elif kind < 0.5:
            scene = augment.room(scene, augment.made_up_room(random))
        if random.random() < 0.5:
            scene = augment.colour(scene, random)
        if random.random() < 0.75:
            scene = augment.mix(
                scene, self._noise(len(scene), random), random.uniform(*augment.SNR)
            )
        scene = augment.set_level(scene, random.uniform(*augment.LEVEL))
        if random.random() < 0.5:  # the microphone's own noise
            floor = 10 ** (random.uniform(-90, -60) / 20)
            scene = scene + np.float32(floor) * augment.hiss(len(scene), random)
        return augment.to_int16(scene)

    def _noise(self, count: int, random: Random) -> Audio:
        """Recorded noise, made-up noise, or several people talking."""
        kind = random.random()
        if kind < 0.6 and self.noise:
            return self._stretch(self.noise, self._noise_weights, count, random)
        if kind < 0.75:
            return augment.hiss(count, random)
        talkers = [self._speech(count, random) for _ in range(random.integers(1, 7))]
        return np.sum([augment.set_level(t, -20) for t in talkers], axis=0, dtype=np.float32)

    def _speech(self, count: int, random: Random) -> Audio:
        return self._stretch(self.negatives, self._negative_weights, count, random)

    @staticmethod
    def _stretch(
        recordings: Sequence[npt.NDArray[np.int16]],
        weights: npt.NDArray[np.float64],
        count: int,
        random: Random,
    ) -> Audio:
        """`count` samples of recordings, from anywhere in a first one, others after it."""
        pieces: list[Audio] = []
        missing = count
        while missing > 0:
            recording = recordings[random.choice(len(recordings), p=weights)]
            start = int(random.integers(max(1, len(recording) - SAMPLE_RATE // 4)))
            piece = _float(recording[start : start + missing])
            pieces.append(augment.faded(piece))
            missing -= len(piece)
        return np.concatenate(pieces)


def _weights(recordings: Sequence[npt.NDArray[np.int16]]) -> npt.NDArray[np.float64]:
    """Each recording is drawn in proportion to its length."""
    lengths = np.array([len(recording) for recording in recordings], np.float64)
    return lengths / max(1.0, lengths.sum())


def _float(samples: npt.NDArray[np.int16]) -> Audio:
    return samples.astype(np.float32) / np.float32(32768)
