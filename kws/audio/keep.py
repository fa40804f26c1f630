"""Cut the audio around detections and near misses out of a stream, to find out what set it off."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from kws.config import SAMPLE_RATE
from kws.posterior import Detection
from kws.types import Samples

if TYPE_CHECKING:
    from kws.backend import SpotterBackend

BEFORE = 2 * SAMPLE_RATE  # samples kept before the end of a keyword
AFTER = SAMPLE_RATE // 2  # and after it
APART = 2 * SAMPLE_RATE  # samples between a near miss and a detection, or it belongs to that


@dataclass(frozen=True)
class KeptClip:
    """Hold the audio around a detection or a near miss, int16 [n], and what was found in it."""

    samples: Samples
    found: Detection
    threshold: float  # of the keyword
    near_miss: bool


class Keeper:
    """Cut the audio around detections and near misses out of a stream; hand each clip on.

    A near miss is a moment at which the confidence of a keyword reached `near`, but not the
    keyword's threshold; of such moments in a row, the one of the greatest confidence.
    """

    def __init__(
        self, spotter: SpotterBackend, near: float, keep: Callable[[KeptClip], object]
    ) -> None:
        self._spotter = spotter
        self._near, self._keep = near, keep
        self._audio: Samples = np.zeros(0, np.int16)  # the latest
        self._end = 0  # sample at which it ends
        self._waiting: list[Detection] = []  # detections whose audio after them is to come
        self._near_miss: Detection | None = None
        self._latest = -APART  # sample of the latest detection

    def detected(self, detection: Detection) -> None:
        """Take a detection in the block that comes next."""
        self._waiting.append(detection)
        self._latest = detection.sample

    def then(self, on_block: Callable[[Samples], object]) -> Callable[[Samples], object]:
        """Return what to call for each block: on_block of this class, then another."""

        def both(samples: Samples) -> None:
            self.on_block(samples)
            on_block(samples)

        return both

    def on_block(self, samples: Samples) -> None:
        """Take the block that the spotter was given last, after its detections."""
        self._audio = np.concatenate([self._audio, samples])
        self._end += len(samples)
        self._note_near_miss()
        self._hand_on(self._end - AFTER)
        before = BEFORE + AFTER + APART
        self._audio = self._audio[-max(before, BEFORE + len(samples)) :]

    def skip(self, seconds: float) -> None:
        """Hand on what waits, and leave out so many seconds that were lost."""
        self.flush()
        self._audio = self._audio[:0]
        self._end += round(seconds * SAMPLE_RATE)

    def flush(self) -> None:
        """Hand on what waits for audio that does not come."""
        self._hand_on(self._end + APART)

    def _note_near_miss(self) -> None:
        thresholds = self._thresholds()
        for keyword, confidence in self._spotter.scores.items():
            if not self._near <= confidence < thresholds[keyword]:
                continue
            if self._end - self._latest < APART:
                continue
            if self._near_miss is None or confidence > self._near_miss.confidence:
                self._near_miss = Detection(self._end, keyword, confidence)

    def _hand_on(self, until: int) -> None:
        """Hand on the clips whose audio up to a sample is complete."""
        ready = [found for found in self._waiting if found.sample <= until]
        self._waiting = [found for found in self._waiting if found.sample > until]
        for found in ready:
            self._cut(found, near_miss=False)
        near = self._near_miss
        if near and abs(near.sample - self._latest) < APART:
            self._near_miss = None
        elif near and near.sample + APART - AFTER <= until:  # a detection may follow
            self._near_miss = None
            self._cut(near, near_miss=True)

    def _cut(self, found: Detection, near_miss: bool) -> None:
        start = self._end - len(self._audio)
        first, last = found.sample - BEFORE - start, found.sample + AFTER - start
        samples = self._audio[max(0, first) : max(0, last)].copy()
        self._keep(KeptClip(samples, found, self._thresholds()[found.keyword], near_miss))

    def _thresholds(self) -> dict[str, float]:
        """Return the thresholds by keyword as they are now; they may change in a stream."""
        config = self._spotter.config
        return dict(zip(config.keywords, config.thresholds, strict=True))
