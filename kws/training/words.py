"""The utterances of a keyword that examples are made of."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from kws.data.word_span import word_span
from kws.training.augmentation.scene import Samples
from kws.training.augmentation.waveform import Random


class Words:
    """Utterances of one keyword, int16 each, where the word is in them, and how often each serves.

    weights: shares of the examples of the keyword in the whole dataset.
    """

    def __init__(self, utterances: Sequence[Samples], weights: Sequence[float]) -> None:
        self.utterances = utterances
        self.spans = [word_span(samples) for samples in utterances]
        self.weights = np.array(weights, np.float64)
        self.share = float(self.weights.sum())

    def draw(self, random: Random) -> tuple[Samples, int, int]:
        """An utterance, and the word's first and last+1 sample in it."""
        index = random.choice(len(self.utterances), p=self.weights / self.share)
        return self.utterances[index], *self.spans[index]
