"""Extract the features of TFLM's microfrontend, which microWakeWord and ESPHome use.

30 ms windows every 10 ms, 40 bands from 125 to 7500 Hz, noise reduction, per-channel amplitude
normalisation (PCAN), logarithm: integers, computed by pymicro-features. They depend on all of the
stream so far. firmware_export/src/micro_frontend.c computes the same bits, with the tables of
kws/micro_frontend_tables.py.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

import numpy as np

from kws.config import MICRO
from kws.errors import KwsError
from kws.types import FeatureExtractor, Frames, Samples

NEPER = 2.5  # of a feature, for e times the amplitude: 64 / 25.6
MAX_FEATURE = 26.0  # that ESPHome's int8 input reaches from 0
MISSING = (
    "a model on TFLM's microfrontend needs kws with its C engine, or pymicro-features (pip install"
    " 'kws[esphome]')"
)


class MicroFrontend:
    """Turn samples into feature frames; the division into pushes changes no bit."""

    def __init__(self) -> None:
        """Set up the stream.

        Raises:
            KwsError: the package is missing.
        """
        try:
            from pymicro_features import MicroFrontend as Library
        except ImportError as error:
            raise KwsError(MISSING) from error
        self._library = Library()
        self.reset()

    def reset(self) -> None:
        """Forget the stream."""
        self._library.reset()
        self._pending = np.zeros(0, np.int16)

    def push(self, samples: Samples) -> Frames:
        """Take int16 samples [n]; return the frames they complete, [frames, coefficients]."""
        samples = np.concatenate([self._pending, samples]).astype("<i2")
        whole = len(samples) // MICRO.hop * MICRO.hop
        features = (
            self._library.process_samples(samples[at : at + MICRO.hop].tobytes()).features
            for at in range(0, whole, MICRO.hop)
        )
        frames = [frame for frame in features if frame]
        self._pending = samples[whole:].astype(np.int16)
        return np.array(frames, np.float32).reshape(-1, MICRO.coefficients)


class InterleavedStreams:
    """Turn samples into frames at a fraction of 10 ms, which streams give in turn.

    Training stores frames like that. Frame i covers samples [i * hop, i * hop + window).
    """

    def __init__(self, streams: Sequence[FeatureExtractor]) -> None:
        """Take turns with streams, each of which begins a hop after the one before."""
        self._streams = streams
        self.reset()

    def reset(self) -> None:
        """Forget the stream."""
        count = len(self._streams)
        for stream in self._streams:
            stream.reset()
        self._passed_over = [index * MICRO.hop // count for index in range(count)]  # samples to go
        self._waiting = [deque[Frames]() for _ in range(count)]
        self._turn = 0

    def push(self, samples: Samples) -> Frames:
        """Take int16 samples [n]; return the frames they complete, [frames, coefficients]."""
        for index, stream in enumerate(self._streams):
            passed_over = min(self._passed_over[index], len(samples))
            self._passed_over[index] -= passed_over
            self._waiting[index].extend(stream.push(samples[passed_over:]))
        frames = []
        while waiting := self._waiting[self._turn]:
            frames.append(waiting.popleft())
            self._turn = (self._turn + 1) % len(self._streams)
        return np.array(frames, np.float32).reshape(-1, MICRO.coefficients)
