"""Draw utterances of a keyword, with the place of the word in each."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from kws.data.word_span import word_span
from kws.training.augmentation import waveform
from kws.training.augmentation.waveform import Audio, Random, Samples


class KeywordUtterances:
    """Draw utterances of one keyword, int16 each, in one partition."""

    def __init__(
        self,
        utterances: Sequence[Samples],
        weights: Sequence[float],
        word_spans: Sequence[tuple[int, int]] | None = None,
    ) -> None:
        """Find where the keyword is in each utterance, unless the spans are given.

        Args:
            utterances: Recordings or synthetic speech.
            weights: The share of each among the keyword's examples in the whole dataset.
            word_spans: The keyword's first and last+1 sample in each utterance.
        """
        self.utterances = utterances
        self.word_spans = word_spans or [word_span(samples) for samples in utterances]
        self.weights = np.array(weights, np.float64)
        self.share = float(self.weights.sum())

    def draw(self, random: Random) -> tuple[Samples, int, int]:
        """Return an utterance, and the keyword's first and last+1 sample in it."""
        index = random.choice(len(self.utterances), p=self.weights / self.share)
        return self.utterances[index], *self.word_spans[index]

    def draw_at_random_speed(self, random: Random) -> tuple[Audio, int, int]:
        """Return an utterance at a random speed, and the keyword's first and last+1 sample."""
        samples, start, end = self.draw(random)
        factor = waveform.random_speed(random)
        audio = waveform.perturb_speed(waveform.to_float(samples), factor)
        return audio, int(start / factor), min(int(end / factor), len(audio))
