"""Generate training examples: short augmented audio with a label for every network step."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from kws.config import SAMPLE_RATE
from kws.training.augmentation import waveform
from kws.training.augmentation.scene import AcousticAugmentation
from kws.training.augmentation.waveform import Audio, Random, Samples
from kws.training.features import KEYWORD_RANGE, ExampleLayout
from kws.training.keyword_utterances import KeywordUtterances

# Probabilities of background speech:
SYNTHETIC = 0.35  # synthetic speech, where there is any
SPEED_PERTURBED = 0.7
SHUFFLED = 0.25  # shuffled segments
# Without recorded speech a network could tell keywords by their not being synthetic. Shuffled
# segments of the keywords' recordings prevent that; the more recorded speech, the fewer of them.
SHUFFLED_KEYWORDS = 0.4
SUFFICIENT_SPEECH = 300.0  # s of recorded speech in a partition that need no shuffled keywords
SHUFFLED_SEGMENT = (0.06, 0.2)  # s, of a keyword
CONFUSABLE = 0.6  # of partial-keyword negatives: a confusable phrase instead, where there are any
# Probabilities of noise-only examples:
DIGITAL_SILENCE, COLOURED_NOISE = 0.1, 0.2
SUDDEN = 0.5  # of the others: noise that follows digital silence
LONE = (0.3, 2.5)  # s, of an utterance that is said alone; what is longer is cut
LONE_SYNTHETIC = 0.35  # of them, where there is any
# Probabilities of examples with a keyword:
SPOKEN_IN_CONTEXT = 0.2  # said within a sentence, where there are such utterances
CUT_OUT = 0.7  # of their recording, without what surrounds them in it
WITH_CONTEXT = 0.55  # cut out, and put into other speech; less than CUT_OUT
BEFORE, AFTER = 0.75, 0.75  # of these: speech before the word, and after it; either is there
PAUSE = (0.02, 0.4)  # s, between the word and that speech
CONTEXT_SNR = (-6.0, 6.0)  # dB, of the keyword against that speech


class ExampleGenerator:
    """Generate examples from the recordings of a partition, int16, in memory."""

    def __init__(
        self,
        layout: ExampleLayout,
        keywords: Sequence[KeywordUtterances],
        negatives: Sequence[Samples],
        noise: Sequence[Samples],
        impulse_responses: Sequence[Samples],
        confusable_phrases: Sequence[Samples] = (),
        sentences: Sequence[Samples] = (),
        single_words: Sequence[Samples] = (),
        *,
        kinds: Sequence[str] = (),
        in_context: Sequence[KeywordUtterances] = (),
        lone_utterances: Sequence[Samples] = (),
    ) -> None:
        """Prepare to draw from recordings.

        Args:
            layout: Of the examples.
            keywords: Utterances of each keyword.
            negatives: Recorded speech without keywords.
            noise: Recorded noise.
            impulse_responses: Of rooms.
            confusable_phrases: Synthetic phrases that sound like keywords.
            sentences: Synthetic speech without keywords.
            single_words: Other words, one in each recording.
            kinds: The kind of each of the negatives, so that none dominates; (): all are of one.
            in_context: Synthetic sentences with each keyword; (): none.
            lone_utterances: Short synthetic speech without keywords.
        """
        self.layout, self.keywords, self.negatives = layout, keywords, negatives
        self.confusable_phrases, self.single_words = confusable_phrases, single_words
        self.in_context, self.lone_utterances = in_context, lone_utterances
        self._spoken = [k for k, of_keyword in enumerate(keywords, 1) if of_keyword.utterances]
        seconds = sum(map(len, negatives)) / SAMPLE_RATE
        missing = max(0.0, 1 - seconds / SUFFICIENT_SPEECH)
        self._shuffled_keywords = SHUFFLED_KEYWORDS * missing if self._spoken else 0.0
        self.acoustics = AcousticAugmentation(
            negatives or sentences, noise, impulse_responses, kinds if negatives else ()
        )
        self._synthetic = AcousticAugmentation(sentences or negatives, noise, impulse_responses)

    def keyword(self, keyword: int, random: Random) -> tuple[Samples, npt.NDArray[np.int8]]:
        """Return an example of keyword 1..n: int16 [samples] and labels [steps]."""
        first, last = self.layout.step_ends[[0, -1]]
        word_end = random.uniform(first - 0.05, last - KEYWORD_RANGE[1])
        target = int(word_end * SAMPLE_RATE)
        spoken = self.in_context[keyword - 1] if self.in_context else None
        if spoken and spoken.utterances and random.random() < SPOKEN_IN_CONTEXT:
            audio, _, end = spoken.draw_at_random_speed(random)
            scene = self._blank()
            _place(scene, audio, target - end)
        else:
            audio, start, end = self._utterance(keyword, random)
            scene = self._scene(audio, start, end, target, random)
        return self.acoustics.augment(scene, random), self.layout.labels(keyword, word_end)

    def partial_keyword(self, random: Random) -> Samples:
        """Return part of a keyword, a reversed keyword, or a confusable phrase."""
        if self.confusable_phrases and random.random() < CONFUSABLE:
            return self._placed(self._perturbed(self.confusable_phrases, random), random)
        if not self._spoken:
            return self.speech(random)
        audio, start, end = self._utterance(int(random.choice(self._spoken)), random)
        word = audio[start:end]
        part = int(random.uniform(0.3, 0.6) * len(word))
        piece = (word[:part], word[-part:], word[::-1])[random.integers(3)]
        return self._placed(piece, random)

    def single_word(self, random: Random) -> Samples:
        """Return a word that is not a keyword."""
        return self._placed(self._perturbed(self.single_words, random), random)

    def lone_utterance(self, random: Random) -> Samples:
        """Return a short utterance without a keyword, with silence before and after it."""
        synthetic = bool(self.lone_utterances) and random.random() < LONE_SYNTHETIC
        if not synthetic and not self.acoustics.has_speech:
            return self.noise_only(random)
        if synthetic:
            samples = self.lone_utterances[random.integers(len(self.lone_utterances))]
        else:
            samples = self.acoustics.utterance(random)
        audio = waveform.perturb_speed(waveform.to_float(samples), waveform.random_speed(random))
        length = int(random.uniform(*LONE) * SAMPLE_RATE)
        if len(audio) > LONE[1] * SAMPLE_RATE:
            audio = audio[:length] if random.random() < 0.5 else audio[-length:]
        return self._placed(audio, random)

    def speech(self, random: Random) -> Samples:
        """Return speech of one voice without a keyword, at times with its segments shuffled."""
        source = self._synthetic if random.random() < SYNTHETIC else self.acoustics
        factor = waveform.random_speed(random) if random.random() < SPEED_PERTURBED else 1.0
        count = int(self.layout.samples * factor) + 1
        of_keywords = random.random() < self._shuffled_keywords
        speech = (
            self._keyword_segments(count, random) if of_keywords else source.speech(count, random)
        )
        if not of_keywords and random.random() < SHUFFLED:
            speech = waveform.shuffle_segments(speech, random)
        if factor != 1:
            speech = waveform.perturb_speed(speech, factor)
        scene = self._blank()
        _place(scene, speech, 0)
        return self.acoustics.augment(scene, random)

    def noise_only(self, random: Random) -> Samples:
        """Return noise without speech, from inaudible to loud."""
        level = 10 ** (random.uniform(-90, -15) / 20)
        kind = random.random()
        if kind < DIGITAL_SILENCE:
            return np.zeros(self.layout.samples, np.int16)
        if kind < DIGITAL_SILENCE + COLOURED_NOISE:
            noise = waveform.coloured_noise(self.layout.samples, random)
            return waveform.to_int16(np.float32(level) * noise)
        noise = self.acoustics.noise(self.layout.samples, random)
        if random.random() < SUDDEN:
            noise[: random.integers(len(noise) * 3 // 4)] = 0
        return waveform.to_int16(waveform.set_level(noise, 20 * np.log10(level)))

    def _perturbed(self, recordings: Sequence[Samples], random: Random) -> Audio:
        """Return one of the recordings at a random speed."""
        audio = waveform.to_float(recordings[random.integers(len(recordings))])
        return waveform.perturb_speed(audio, waveform.random_speed(random))

    def _placed(self, piece: Audio, random: Random) -> Samples:
        """Return a scene with a piece of speech that ends anywhere in it."""
        end = int(random.uniform(0.4, 0.95) * self.layout.samples)
        scene = self._scene(waveform.fade(piece), 0, len(piece), end, random)
        return self.acoustics.augment(scene, random)

    def _keyword_segments(self, count: int, random: Random) -> Audio:
        """Return shuffled segments of keywords: their voices and rooms, without a keyword."""
        pieces = [np.zeros(0, np.float32)]
        while sum(map(len, pieces)) < count:
            audio, start, end = self._utterance(int(random.choice(self._spoken)), random)
            pieces.append(waveform.shuffle_segments(audio[start:end], random, SHUFFLED_SEGMENT))
        return np.concatenate(pieces)[:count]

    def _utterance(self, keyword: int, random: Random) -> tuple[Audio, int, int]:
        """Return an utterance at a random speed, and the word's first and last+1 sample in it."""
        return self.keywords[keyword - 1].draw_at_random_speed(random)

    def _blank(self) -> Audio:
        return np.zeros(self.layout.samples, np.float32)

    def _scene(self, audio: Audio, start: int, end: int, target: int, random: Random) -> Audio:
        """Place a word so that it ends at sample `target`, with or without its surrounding audio.

        Args:
            audio: The recording that holds the word.
            start: The first sample of the word in it.
            end: The last sample + 1 of the word in it.
            target: Where the word ends in the scene.
            random: The generator that is drawn from.
        """
        kind = random.random()
        if kind < CUT_OUT:
            margin = int(random.uniform(0.03, 0.2) * SAMPLE_RATE)
            cut = slice(max(0, start - margin), min(len(audio), end + margin))
            audio, end = waveform.fade(audio[cut]), end - cut.start
            start -= cut.start
        scene = self._blank()
        _place(scene, audio, target - end)
        if kind < WITH_CONTEXT:
            self._add_context(scene, target - end + start, target, random)
        return scene

    def _add_context(self, scene: Audio, start: int, end: int, random: Random) -> None:
        """Add speech before a word, after it, or both, where there is room for more than 0.1 s."""
        gain = waveform.loudness(scene) * 10 ** (random.uniform(*CONTEXT_SNR) / 20)
        before = max(0, start - int(random.uniform(*PAUSE) * SAMPLE_RATE))
        after = end + int(random.uniform(*PAUSE) * SAMPLE_RATE)
        kind = random.random()
        stretches = [slice(0, before)] * (kind < BEFORE)
        stretches += [slice(after, len(scene))] * (kind >= 1 - AFTER)
        for stretch in stretches:
            count = len(scene[stretch])
            if count > SAMPLE_RATE // 10:
                speech = waveform.fade(self.acoustics.speech(count, random))
                level = max(waveform.loudness(speech), 1e-6)
                scene[stretch] += np.float32(gain / level) * speech


def _place(scene: Audio, audio: Audio, shift: int) -> None:
    """Put audio into a scene so that it begins at sample `shift`; what is outside is cut off."""
    first, last = max(0, shift), min(len(scene), shift + len(audio))
    scene[first:last] = audio[first - shift : last - shift]
