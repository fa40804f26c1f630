"""Keep the latest seconds of a stream, for the level at a detection."""

from __future__ import annotations

import math

import numpy as np

from kws.config import SAMPLE_RATE
from kws.types import Samples

KEPT_SECONDS = 4  # a detection may come some blocks after its audio
LEAST_DBFS = -96.0  # of zeros


class RecentAudio:
    """Hold the latest block of a stream and the seconds before it."""

    def __init__(self) -> None:
        self._samples: Samples = np.empty(0, np.int16)
        self._end = 0  # samples of the stream so far

    def add(self, block: Samples) -> None:
        """Take the next block, int16 [n]."""
        self._samples = np.concatenate([self._samples[-KEPT_SECONDS * SAMPLE_RATE :], block])
        self._end += len(block)

    def skip(self, lost: float) -> None:
        """Forget what came before a gap of `lost` seconds."""
        self._samples = self._samples[:0]
        self._end += round(lost * SAMPLE_RATE)

    def level(self, sample: int) -> float:
        """Return the level of the second before a sample of the stream, dB of full scale."""
        end = max(0, len(self._samples) - max(0, self._end - sample))
        second = self._samples[max(0, end - SAMPLE_RATE) : end].astype(np.float64)
        if not len(second) or not second.any():
            return LEAST_DBFS
        return max(LEAST_DBFS, 10 * math.log10(float(np.mean(second**2)) / 32768**2))
