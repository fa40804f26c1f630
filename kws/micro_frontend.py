"""Extract the features of TFLM's microfrontend, which microWakeWord and ESPHome use.

30 ms windows every 10 ms, 40 bands from 125 to 7500 Hz, noise reduction, per-channel amplitude
normalisation (PCAN), logarithm: integers, computed by pymicro-features. They depend on all of the
stream so far. firmware_export/src/micro_frontend.c computes the same bits, with the tables of
kws/micro_frontend_tables.py.
"""

from __future__ import annotations

from collections import deque
from typing import Any

import numpy as np

from kws.config import MICRO, FrontEnd
from kws.errors import KwsError
from kws.types import Frames, Samples

NEPER = 2.5  # of a feature, for e times the amplitude: 64 / 25.6
MAX_FEATURE = 26.0  # that ESPHome's int8 input reaches from 0
MISSING = "a model on TFLM's microfrontend needs pymicro-features (pip install 'kws[esphome]')"


class MicroFrontend:
    """Turn samples into feature frames; the division into pushes changes no bit.

    Frame i covers samples [i * hop, i * hop + window). With a hop that is a fraction of 10 ms, as
    training stores frames, several streams give them in turn.
    """

    def __init__(self, spec: FrontEnd) -> None:
        """Set up the streams.

        Raises:
            KwsError: the package is missing.
        """
        try:
            from pymicro_features import MicroFrontend as Stream
        except ImportError as error:
            raise KwsError(MISSING) from error
        self._hop, self._coefficients = spec.hop, spec.coefficients
        self._streams: list[Any] = [Stream() for _ in range(MICRO.hop // spec.hop)]
        self.reset()

    def reset(self) -> None:
        """Forget the stream."""
        for stream in self._streams:
            stream.reset()
        self._pending = np.zeros(0, np.int16)
        self._blocks = 0  # of a hop that came before what is pending

    def push(self, samples: Samples) -> Frames:
        """Take int16 samples [n]; return the frames they complete, [frames, coefficients]."""
        samples = np.concatenate([self._pending, samples]).astype("<i2")
        frames: deque[list[float]] = deque()
        at = 0
        while at + MICRO.hop <= len(samples):
            # A stream takes 10 ms at a time; each begins a hop after the one before.
            stream = self._streams[self._blocks % len(self._streams)]
            features = stream.process_samples(samples[at : at + MICRO.hop].tobytes()).features
            if features:
                frames.append(features)
            at, self._blocks = at + self._hop, self._blocks + 1
        self._pending = samples[at:].astype(np.int16)
        return np.array(frames, np.float32).reshape(-1, self._coefficients)
