"""Pass samples from one thread to another.

The contract, which ring_buffer.c shares:
- one writer and one reader, each of them one thread; neither ever waits for the other;
- memory is allocated once, for a capacity rounded up to a power of two;
- samples that do not fit are dropped, the newest first, and counted;
- reset() is called while nobody writes or reads.

Only the writer advances `_written` and only the reader advances `_read`. Each advances its counter
after it has copied, so the other side never sees samples before they are complete.
"""

from __future__ import annotations

import numpy as np

from kws.types import Samples


class RingBuffer:
    """Queue int16 samples, first in, first out.

    capacity: samples that fit, rounded up to a power of two.
    dropped: samples lost since the last reset because the ring was full.
    """

    def __init__(self, capacity: int) -> None:
        if capacity < 1:
            raise ValueError(f"a ring buffer of {capacity} samples holds nothing")
        self.capacity = 1 << (capacity - 1).bit_length()
        self._samples = np.zeros(self.capacity, np.int16)
        self.reset()

    def reset(self) -> None:
        """Empty the ring and set the count of dropped samples to 0."""
        self._written = 0  # samples since the reset; modulo the capacity, their index
        self._read = 0
        self.dropped = 0

    @property
    def available(self) -> int:
        """Return how many samples read() can take."""
        return self._written - self._read

    @property
    def free(self) -> int:
        """Return how many samples write() can take without dropping any."""
        return self.capacity - self.available

    def write(self, samples: Samples) -> int:
        """Copy int16 samples [n] into the ring, as many as fit; return how many fitted."""
        count = min(len(samples), self.free)
        start = self._written & (self.capacity - 1)
        to_end = min(count, self.capacity - start)
        self._samples[start : start + to_end] = samples[:to_end]
        self._samples[: count - to_end] = samples[to_end:count]
        self._written += count
        self.dropped += len(samples) - count
        return count

    def read(self, count: int) -> Samples:
        """Take up to `count` of the oldest samples out; return a new array of them."""
        count = min(count, self.available)
        start = self._read & (self.capacity - 1)
        to_end = min(count, self.capacity - start)
        samples = np.empty(count, np.int16)
        samples[:to_end] = self._samples[start : start + to_end]
        samples[to_end:] = self._samples[: count - to_end]
        self._read += count
        return samples
