"""Be a source of samples that a page streams from the microphone of its browser."""

from __future__ import annotations

import threading
from collections import deque

import numpy as np

from kws.audio.resampler import Resampler
from kws.config import SAMPLE_RATE
from kws.ring_buffer import RingBuffer
from kws.types import Samples

WAIT_SECONDS = 0.2  # for samples; then the caller may look whether it should stop
MAX_WAITING = 4 * SAMPLE_RATE  # samples; more are lost, the oldest first


class BrowserMicrophone:
    """Queue samples between the connection that brings them and the thread that takes them.

    Attributes:
        lost: samples that were lost before those that the next fill() gives.
    """

    def __init__(self, name: str = "the browser's microphone", live: bool = True) -> None:
        """Take the samples of a microphone, or of a file, which is not live."""
        self.name, self.live = name, live
        self.lost = self.overflows = 0
        self._waiting: deque[Samples] = deque()
        self._count = self._dropped = 0  # samples that wait, and that were lost among them
        self._ended = False
        self._changed = threading.Condition()
        self._resampler = Resampler(SAMPLE_RATE)

    def __enter__(self) -> BrowserMicrophone:
        return self

    def __exit__(self, *error: object) -> None:
        """Take no more samples."""
        self.end()

    def begin(self, rate: int) -> None:
        """Take samples of this rate from now on."""
        self._resampler = Resampler(rate)

    def feed(self, audio: bytes) -> None:
        """Take little-endian int16 samples; raise ValueError where they end within one."""
        samples = self._resampler.push(np.frombuffer(audio, "<i2").astype(np.int16))
        with self._changed:
            self._waiting.append(samples)
            self._count += len(samples)
            while self._count > MAX_WAITING:
                oldest = self._waiting.popleft()
                self._count -= len(oldest)
                self._dropped += len(oldest)
                self.overflows += 1
            self._changed.notify()

    @property
    def is_full(self) -> bool:
        """Return whether whoever can wait should, so that nothing is lost."""
        return self._count > MAX_WAITING // 2

    def end(self) -> None:
        """Let fill() return False after the last sample."""
        with self._changed:
            self._ended = True
            self._changed.notify()

    def fill(self, ring: RingBuffer) -> bool:
        """Put samples into the ring, as many as fit, if any come soon; return False at the end."""
        with self._changed:
            if not self._waiting and not self._ended:
                self._changed.wait(WAIT_SECONDS)
            self.lost, self._dropped = self._dropped, 0
            if self.lost:
                return True
            if not self._waiting:
                return not self._ended
            first = self._waiting.popleft()
            written = ring.write(first[: ring.free])
            self._count -= written
            if written < len(first):
                self._waiting.appendleft(first[written:])
        return True
