"""Speech that nobody said: words in other voices, and pieces of speech put together anew.

There are few passages that are almost a keyword, and a network soon knows them by heart. Of these
there are as many as are wanted; what they sound like, a teacher tells (teacher.py).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from kws.config import SAMPLE_RATE
from kws.training.augmentation import waveform
from kws.training.augmentation.scene import Samples, as_float
from kws.training.augmentation.waveform import Audio, Random
from kws.training.examples import Examples

WORDS, PASSAGES = 0.25, 0.15  # share of the clips that are one keyword, one passage of speech
PASSAGE = (3.0, 4.0)  # s
VOICE = 0.3  # logarithm of how much higher and faster another voice is, at most
PIECES = (2, 6)  # of the other clips
PIECE = (0.08, 0.4)  # s
PIECES_VOICE = 0.2
LEVEL = -20.0  # dBFS of a clip's loudest 0.3 s, and in the mean of a piece's
PIECE_LEVEL = 4.0  # dB by which pieces differ from that, at most
MARGIN = SAMPLE_RATE // 40  # samples around a keyword that belong to it
# Share of the pieces: keywords, words near them, recorded speech; the rest is any speech.
SOURCES = (0.45, 0.25, 0.2)


class Patchwork:
    """Draws clips from the recordings and synthetic speech of one part."""

    def __init__(
        self,
        own: Examples,
        near_words: Sequence[Samples],
        speech: Sequence[Samples],
        random: Random,
    ) -> None:
        """speech: all that has no keyword; some of it at least."""
        self._words = [words for words in own.positives if words.utterances]
        self._sources = [near_words or speech, own.negatives or speech, speech]
        self._random = random

    def clips(self, hours: float, pause: int) -> list[Samples]:
        """As many as last `hours`, with a pause of so many samples behind each."""
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
            return self._voiced(as_float(self._word()), VOICE)
        if kind < WORDS + PASSAGES:
            source = self._sources[random.integers(1, len(self._sources))]
            return self._voiced(self._piece(self._one_of(source), PASSAGE), VOICE)
        count = random.integers(PIECES[0], PIECES[1] + 1)
        return self._voiced(_joined([self._levelled() for _ in range(count)]), PIECES_VOICE)

    def _voiced(self, audio: Audio, most: float) -> Audio:
        return waveform.speed(audio, float(np.exp(self._random.uniform(-most, most))))

    def _word(self) -> Samples:
        """A keyword, all of them alike often."""
        words = self._words[self._random.integers(len(self._words))]
        samples, start, end = words.draw(self._random)
        return samples[max(0, start - MARGIN) : end + MARGIN]

    def _levelled(self) -> Audio:
        """A piece of any speech."""
        random = self._random
        place = int(np.searchsorted(np.cumsum(SOURCES), random.random(), "right"))
        if place == 0 and self._words:
            whole = self._word()
        else:
            whole = self._one_of(self._sources[max(0, place - 1)])
        piece = waveform.faded(self._piece(whole, PIECE))
        return waveform.set_level(piece, LEVEL + random.uniform(-PIECE_LEVEL, PIECE_LEVEL))

    def _one_of(self, source: Sequence[Samples]) -> Samples:
        return source[self._random.integers(len(source))]

    def _piece(self, whole: Samples, length: tuple[float, float]) -> Audio:
        """`length` long, s, or all of it."""
        random = self._random
        count = int(random.uniform(*length) * SAMPLE_RATE)
        first = random.integers(max(1, len(whole) - count + 1))
        return as_float(whole[first : first + count])


def _joined(pieces: Sequence[Audio]) -> Audio:
    """One behind the other; where both fade, they lie over each other."""
    over, joined = waveform.FADE, pieces[0]
    for piece in pieces[1:]:
        if min(len(joined), len(piece)) > over:
            both = joined[-over:] + piece[:over]
            joined = np.concatenate([joined[:-over], both, piece[over:]])
        else:
            joined = np.concatenate([joined, piece])
    return joined
