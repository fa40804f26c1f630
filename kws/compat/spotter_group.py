"""Listen for keywords of several models in one stream."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from kws.backend import Spotter
from kws.compat.keyword_paths import ModelKeyword
from kws.errors import KwsError
from kws.posterior import ONE, quantise_threshold
from kws.types import Samples


class SpotterGroup:
    """Detect keywords of several models; those of one model share a spotter.

    A spotter detects what `kws listen` detects; keywords that nobody asked for are left out.
    """

    def __init__(
        self, keywords: Sequence[ModelKeyword], thresholds: Sequence[float | None]
    ) -> None:
        """Take keywords, each at most once, and their thresholds, None for those of the models."""
        self._keywords = list(keywords)
        self._places = {(k.model.content, k.keyword): i for i, k in enumerate(keywords)}
        if len(self._places) < len(keywords):
            raise KwsError("a keyword is listed twice")
        chosen: dict[bytes, dict[str, float]] = {}
        for keyword, threshold in zip(keywords, thresholds, strict=True):
            of_model = chosen.setdefault(keyword.model.content, {})
            if threshold is not None:
                of_model[keyword.keyword] = threshold
        models = {keyword.model.content: keyword.model for keyword in keywords}
        self._spotters = {
            content: Spotter(models[content], thresholds=of_model)
            for content, of_model in chosen.items()
        }

    def push(self, samples: Samples) -> list[int]:
        """Take int16 samples [n] at 16 kHz; return the places of the keywords found, in order."""
        found = [
            (detection.sample, self._places[content, detection.keyword])
            for content, spotter in self._spotters.items()
            for detection in spotter.push(samples)
            if (content, detection.keyword) in self._places
        ]
        return [place for _, place in sorted(found)]

    def reset(self) -> None:
        """Forget the stream."""
        for spotter in self._spotters.values():
            spotter.reset()

    @property
    def scores(self) -> list[float]:
        """Return the greatest score of each keyword in the latest push: 0.5 at its threshold.

        Posteriors are scaled linearly below the threshold and above it, from 0 to 1. A score is
        above 0.5 where the posterior reaches the threshold, as a detection needs it.
        """
        peaks = {content: spotter.scores for content, spotter in self._spotters.items()}
        return [self._score(k, peaks[k.model.content][k.keyword]) for k in self._keywords]

    def _score(self, keyword: ModelKeyword, posterior: float) -> float:
        config = self._spotters[keyword.model.content].config
        threshold = quantise_threshold(config.thresholds[keyword.index]) / ONE
        if posterior < threshold:
            return posterior / threshold / 2
        return 0.5 + (posterior - threshold + 1 / ONE) / (1 - threshold + 1 / ONE) / 2


def int16_samples(values: Any) -> Samples:
    """Return whole numbers [n] as int16 samples.

    Raises:
        ValueError: they are of another type or shape, or beyond int16.
    """
    array = np.asarray(values)
    if array.ndim != 1 or array.dtype.kind not in "iu":
        found = f"{array.dtype} {list(array.shape)}"
        raise ValueError(f"samples must be int16 [n], 16 kHz, mono, not {found}")
    if array.dtype != np.int16 and array.size:
        limits = np.iinfo(np.int16)
        if array.min() < limits.min or array.max() > limits.max:
            raise ValueError(f"samples of {array.dtype} are beyond int16")
    return array.astype(np.int16, copy=False)
