"""Training examples: short stretches of augmented audio with a label for every network step."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from kws.config import SAMPLE_RATE
from kws.training.augmentation import waveform
from kws.training.augmentation.scene import Samples, Surroundings, as_float
from kws.training.augmentation.waveform import Audio, Random
from kws.training.example_layout import TRIGGER, Layout
from kws.training.words import Words

SYNTHETIC = 0.35  # share of the speech without a keyword, where there is any
SHUFFLED = 0.25  # share of that speech whose pieces change places
# Without recorded speech a network could tell keywords by their being no synthetic speech: shreds
# of their recordings, this share of the speech, keep it from that; fewer the more speech there is.
TORN = 0.4
ENOUGH = 300.0  # s of speech in a part
SHRED = (0.06, 0.2)  # s
SUDDEN = 0.5  # share of the noise that breaks out of digital silence
SNR_OF_CONTEXT = (-6.0, 6.0)  # dB, the word against the speech before and after it


class Examples:
    """Draws examples from recordings held in memory, int16."""

    def __init__(
        self,
        layout: Layout,
        positives: Sequence[Words],
        negatives: Sequence[Samples],
        noise: Sequence[Samples],
        rooms: Sequence[Samples],
        near_words: Sequence[Samples] = (),
        sentences: Sequence[Samples] = (),
        words: Sequence[Samples] = (),
    ) -> None:
        """positives: by keyword; negatives: speech; rooms: impulse responses.

        near_words, sentences: synthetic speech without the keywords; words: other words, one each.
        """
        self.layout, self.positives, self.negatives = layout, positives, negatives
        self.near_words, self.words = near_words, words
        self._spoken = [k for k, words in enumerate(positives, 1) if words.utterances]
        seconds = sum(map(len, negatives)) / SAMPLE_RATE
        self._own = TORN * max(0.0, 1 - seconds / ENOUGH) if self._spoken else 0.0
        self.surroundings = Surroundings(negatives or sentences, noise, rooms)
        self._synthetic = Surroundings(sentences or negatives, noise, rooms)

    def positive(self, keyword: int, random: Random) -> tuple[Samples, npt.NDArray[np.int8]]:
        """An utterance of keyword 1..n: int16 [samples] and labels [steps]."""
        audio, start, end = self._utterance(keyword, random)
        first, last = self.layout.step_ends[[0, -1]]
        word_end = random.uniform(first - 0.05, last - TRIGGER[1])
        scene = self._scene(audio, start, end, int(word_end * SAMPLE_RATE), random)
        return self.surroundings.recorded(scene, random), self.layout.labels(keyword, word_end)

    def fragment(self, random: Random) -> Samples:
        """A piece of a keyword, all of it backwards, or a word that sounds like one."""
        if self.near_words and random.random() < 0.6:
            near = as_float(self.near_words[random.integers(len(self.near_words))])
            return self._placed(waveform.speed(near, random.uniform(*waveform.SPEED)), random)
        if not self._spoken:
            return self.speech(random)
        audio, start, end = self._utterance(int(random.choice(self._spoken)), random)
        word = audio[start:end]
        share = int(random.uniform(0.3, 0.6) * len(word))
        piece = (word[:share], word[-share:], word[::-1])[random.integers(3)]
        return self._placed(piece, random)

    def word(self, random: Random) -> Samples:
        """Another word."""
        word = as_float(self.words[random.integers(len(self.words))])
        return self._placed(waveform.speed(word, random.uniform(*waveform.SPEED)), random)

    def _placed(self, piece: Audio, random: Random) -> Samples:
        """A piece of speech anywhere in a scene."""
        place = int(random.uniform(0.4, 0.95) * self.layout.samples)
        scene = self._scene(waveform.faded(piece), 0, len(piece), place, random)
        return self.surroundings.recorded(scene, random)

    def speech(self, random: Random) -> Samples:
        """Speech without a keyword, of one voice; some of it in an order that nobody ever spoke."""
        source = self._synthetic if random.random() < SYNTHETIC else self.surroundings
        factor = random.uniform(*waveform.SPEED) if random.random() < 0.7 else 1.0
        count = int(self.layout.samples * factor) + 1
        own = random.random() < self._own
        speech = self._torn(count, random) if own else source.speech(count, random)
        if not own and random.random() < SHUFFLED:
            speech = waveform.shuffled(speech, random)
        if factor != 1:
            speech = waveform.speed(speech, factor)
        scene = np.zeros(self.layout.samples, np.float32)
        scene[: len(speech)] = speech[: len(scene)]
        return self.surroundings.recorded(scene, random)

    def _torn(self, count: int, random: Random) -> Audio:
        """Recordings of keywords, torn to shreds: voices and rooms of the keywords, no keyword."""
        pieces = [np.zeros(0, np.float32)]
        while sum(map(len, pieces)) < count:
            audio, start, end = self._utterance(int(random.choice(self._spoken)), random)
            pieces.append(waveform.shuffled(audio[start:end], random, SHRED))
        return np.concatenate(pieces)[:count]

    def quiet(self, random: Random) -> Samples:
        """Noise alone, from inaudible to loud."""
        level = 10 ** (random.uniform(-90, -15) / 20)
        kind = random.random()
        if kind < 0.1:
            return np.zeros(self.layout.samples, np.int16)
        if kind < 0.3:
            return waveform.to_int16(np.float32(level) * waveform.hiss(self.layout.samples, random))
        noise = self.surroundings.noise(self.layout.samples, random)
        if random.random() < SUDDEN:
            noise[: random.integers(len(noise) * 3 // 4)] = 0
        return waveform.to_int16(waveform.set_level(noise, 20 * np.log10(level)))

    def _utterance(self, keyword: int, random: Random) -> tuple[Audio, int, int]:
        """A recording at a random speed, and the word's first and last+1 sample in it."""
        samples, start, end = self.positives[keyword - 1].draw(random)
        factor = random.uniform(*waveform.SPEED)
        audio = waveform.speed(as_float(samples), factor)
        return audio, int(start / factor), min(int(end / factor), len(audio))

    def _scene(self, audio: Audio, start: int, end: int, place: int, random: Random) -> Audio:
        """Put a word so that it ends at sample `place`; silence, its own room or speech around."""
        kind = random.random()
        if kind < 0.6:  # cut out of its recording
            margin = int(random.uniform(0.03, 0.2) * SAMPLE_RATE)
            cut = slice(max(0, start - margin), min(len(audio), end + margin))
            audio, end = waveform.faded(audio[cut]), end - cut.start
            start -= cut.start
        scene = np.zeros(self.layout.samples, np.float32)
        shift = place - end
        a, b = max(0, shift), min(len(scene), shift + len(audio))
        scene[a:b] = audio[a - shift : b - shift]
        if kind < 0.45:  # speech before it, and at times after it
            gain = waveform.loudness(scene) * 10 ** (random.uniform(*SNR_OF_CONTEXT) / 20)
            before = max(0, shift + start - int(random.uniform(0.02, 0.4) * SAMPLE_RATE))
            after = place + int(random.uniform(0.05, 0.5) * SAMPLE_RATE)
            for stretch in (slice(0, before), slice(after, len(scene))):
                count = len(scene[stretch])
                if count > SAMPLE_RATE // 10:
                    speech = waveform.faded(self.surroundings.speech(count, random))
                    level = max(waveform.loudness(speech), 1e-6)
                    scene[stretch] += np.float32(gain / level) * speech
        return scene
