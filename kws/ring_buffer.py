"""Samples on their way from one thread to another.

The contract, which the C twin shares:
- one writer and one reader, each of them one thread; neither ever waits for the other;
- memory is taken once, for a capacity rounded up to a power of two;
- what does not fit is dropped, the newest samples first, and counted;
- reset() is called while nobody writes or reads.

Only the writer moves `_written` and only the reader moves `_taken`. Each moves its counter after
it has copied, so the other side never sees a place before the place is ready.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt


class RingBuffer:
    """A first-in, first-out store of int16 samples.

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
        """Empty the ring and forget what was lost."""
        self._written = 0  # samples since the reset; their place is this modulo the capacity
        self._taken = 0
        self.dropped = 0

    @property
    def available(self) -> int:
        """Samples that read() can take."""
        return self._written - self._taken

    @property
    def free(self) -> int:
        """Samples that write() can take without dropping any."""
        return self.capacity - self.available

    def write(self, samples: npt.NDArray[np.int16]) -> int:
        """Copy int16 samples [n] in, as many as fit; return how many that were."""
        count = min(len(samples), self.free)
        start = self._written & (self.capacity - 1)
        until_end = min(count, self.capacity - start)
        self._samples[start : start + until_end] = samples[:until_end]
        self._samples[: count - until_end] = samples[until_end:count]
        self._written += count
        self.dropped += len(samples) - count
        return count

    def read(self, count: int) -> npt.NDArray[np.int16]:
        """Take up to `count` of the oldest samples out, as an array of their own."""
        count = min(count, self.available)
        start = self._taken & (self.capacity - 1)
        until_end = min(count, self.capacity - start)
        samples = np.empty(count, np.int16)
        samples[:until_end] = self._samples[start : start + until_end]
        samples[until_end:] = self._samples[: count - until_end]
        self._taken += count
        return samples
