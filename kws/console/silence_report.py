"""Report a source that sends nothing but zeros: a microphone that is muted or not connected."""

from __future__ import annotations

import logging

from kws.config import SAMPLE_RATE
from kws.listener import Source
from kws.types import Samples

FIRST_SECONDS = 3.0  # of zeros before the first report
NEXT_SECONDS = 60.0  # before any other: some cards send zeros in every pause
FILE_SECONDS = 5.0  # of a file are looked at, or as many as it takes until sound comes

log = logging.getLogger(__name__)


class SilenceReport:
    """Log once that a source is silent, and once that sound comes.

    A quiet room is not silent: only exact zeros are, and channels that carry nothing.
    """

    def __init__(self, source: Source) -> None:
        self._source = source
        self._zeros = 0  # samples since the last that was not 0
        self._limit = FIRST_SECONDS * SAMPLE_RATE
        self._fault = ""
        self._samples = 0
        self._done = False

    def on_block(self, samples: Samples) -> None:
        """Take a block of samples, int16 [n]."""
        if self._done or not len(samples):
            return
        self._samples += len(samples)
        sound = bool(samples.any())
        self._zeros = 0 if sound else self._zeros + len(samples)
        fault = getattr(self._source, "channel_fault", "")
        if not fault and self._zeros >= self._limit:
            fault = "nothing but zeros arrives; is it muted, or the sound on another channel?"
        if fault and not self._fault:
            log.warning("%s: %s", self._source.name, fault)
            self._fault, self._limit = fault, NEXT_SECONDS * SAMPLE_RATE
        elif self._fault and sound and not fault:
            log.info("%s: sound arrives", self._source.name)
            self._fault = ""
            self._done = not self._source.live
        elif sound and not self._source.live and self._samples >= FILE_SECONDS * SAMPLE_RATE:
            self._done = True
