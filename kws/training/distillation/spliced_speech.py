"""Splice speech: words in other voices, and pieces of speech joined in a new order.

Recorded passages that resemble a keyword are few, and a network soon memorises them. Spliced ones
are unlimited; a teacher (teacher.py) pseudo-labels them.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from kws.config import SAMPLE_RATE
from kws.training.augmentation import waveform
from kws.training.augmentation.waveform import Audio, Random, Samples
from kws.training.examples import ExampleGenerator

WORDS, EXCERPTS = 0.25, 0.15  # share of the clips that are one keyword, one excerpt of speech
EXCERPT = (3.0, 4.0)  # s
SPEED = 0.3  # logarithm of the speed perturbation of those at most, a change of voice
PIECES = (2, 6)  # of the other clips
PIECE = (0.08, 0.4)  # s
PIECES_SPEED = 0.2
LEVEL = -20.0  # dBFS of a clip's loudest 0.3 s, and of a piece's in the mean
PIECE_LEVEL = 4.0  # dB by which pieces differ from that, at most
MARGIN = SAMPLE_RATE // 40  # samples around a keyword that belong to it
# Share of the pieces: keywords, confusable phrases, recorded speech; the rest is any speech.
SOURCES = (0.45, 0.25, 0.2)


class SplicedSpeech:
    """Draw clips from the recordings and synthetic speech of one partition."""

    def __init__(
        self,
        generator: ExampleGenerator,
        confusable_phrases: Sequence[Samples],
        speech: Sequence[Samples],
        random: Random,
    ) -> None:
        """Prepare to draw.

        Args:
            generator: Has the keywords and the recorded speech of the partition.
            confusable_phrases: Synthetic phrases that sound like keywords.
            speech: All speech without a keyword; some of it at least.
            random: The generator that is drawn from.
        """
        self._words = [words for words in generator.keywords if words.utterances]
        self._sources = [confusable_phrases or speech, generator.negatives or speech, speech]
        self._random = random

    def clips(self, hours: float, pause: int) -> list[Samples]:
        """Return clips that last `hours`, counting a pause of so many samples after each."""
        clips: list[Samples] = []
        left = hours * 3600 * SAMPLE_RATE
        while left > 0:
            clips.append(waveform.to_int16(waveform.set_level(self._clip(), LEVEL)))
            left -= len(clips[-1]) + pause
        return clips

    def _clip(self) -> Audio:
        random = self._random
        kind = random.random()
        if kind < WORDS and self._words:
            return self._perturbed(waveform.to_float(self._word()), SPEED)
        if kind < WORDS + EXCERPTS:
            source = self._sources[random.integers(1, len(self._sources))]
            return self._perturbed(self._piece(self._choice(source), EXCERPT), SPEED)
        count = random.integers(PIECES[0], PIECES[1] + 1)
        return self._perturbed(
            _crossfaded([self._levelled_piece() for _ in range(count)]), PIECES_SPEED
        )

    def _perturbed(self, audio: Audio, limit: float) -> Audio:
        return waveform.perturb_speed(audio, float(np.exp(self._random.uniform(-limit, limit))))

    def _word(self) -> Samples:
        """Return an utterance of a keyword, each keyword equally often."""
        words = self._words[self._random.integers(len(self._words))]
        samples, start, end = words.draw(self._random)
        return samples[max(0, start - MARGIN) : end + MARGIN]

    def _levelled_piece(self) -> Audio:
        """Return a piece of a random source at a random level."""
        random = self._random
        source = int(np.searchsorted(np.cumsum(SOURCES), random.random(), "right"))
        if source == 0 and self._words:
            recording = self._word()
        else:
            recording = self._choice(self._sources[max(0, source - 1)])
        piece = waveform.fade(self._piece(recording, PIECE))
        return waveform.set_level(piece, LEVEL + random.uniform(-PIECE_LEVEL, PIECE_LEVEL))

    def _choice(self, source: Sequence[Samples]) -> Samples:
        return source[self._random.integers(len(source))]

    def _piece(self, recording: Samples, length: tuple[float, float]) -> Audio:
        """Return a random piece of a random `length`, s, or all of a shorter recording."""
        random = self._random
        count = int(random.uniform(*length) * SAMPLE_RATE)
        first = random.integers(max(1, len(recording) - count + 1))
        return waveform.to_float(recording[first : first + count])


def _crossfaded(pieces: Sequence[Audio]) -> Audio:
    """Return faded pieces joined; where one fades out, the next fades in."""
    overlap, joined = waveform.FADE, pieces[0]
    for piece in pieces[1:]:
        if min(len(joined), len(piece)) > overlap:
            both = joined[-overlap:] + piece[:overlap]
            joined = np.concatenate([joined[:-overlap], both, piece[overlap:]])
        else:
            joined = np.concatenate([joined, piece])
    return joined
