"""Switch a source of audio off and on while it is listened to."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from kws.ring_buffer import RingBuffer
from kws.types import Samples

if TYPE_CHECKING:
    from kws.listener import Source


class SwitchedSource:
    """Provide the samples of another source; while `on` is False, throw them away.

    The source goes on, so that it is there at once when it is switched on again. What was thrown
    away is a gap: the detector starts afresh after it, and times stay right. Any thread may set
    `on`.

    Attributes:
        on: whether samples pass.
        waits: whether the source, though live, waits for its reader, as a pipe does.
        lost: samples at 16 kHz that are missing before those that the next fill() gives.
    """

    def __init__(self, source: Source) -> None:
        self._source = source
        self._held: Samples = np.zeros(0, np.int16)  # came after what was thrown away
        self._discarded = 0  # samples since the latest that passed
        self.on = True
        self.lost = 0
        self.name, self.live = source.name, source.live
        self.waits = bool(getattr(source, "waits", False))

    @property
    def overflows(self) -> int:
        """Return how many blocks lost samples so far."""
        return self._source.overflows

    @property
    def channel_fault(self) -> str:
        """Return what is wrong with the channels for some seconds, "" if nothing."""
        return str(getattr(self._source, "channel_fault", ""))

    def __enter__(self) -> SwitchedSource:
        self._source.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self._source.__exit__(*error)

    def fill(self, ring: RingBuffer) -> bool:
        """Wait for samples and put them into the ring, or throw them away; False at the end.

        It counts whether the switch is on when samples come, not when the wait for them began.
        """
        self.lost = 0
        if len(self._held):
            self._pass(self._held, ring)
            self._held = self._held[:0]
            return True
        before = ring.available
        goes_on = self._source.fill(ring)
        self.name = self._source.name
        lost = int(getattr(self._source, "lost", 0))
        if self.on and not self._discarded:
            self.lost = lost
            return goes_on
        kept, block = ring.read(before), ring.read(ring.available)
        ring.write(kept)
        self._discarded += lost
        if not self.on:
            self._discarded += len(block)
            return goes_on
        self.lost, self._discarded, self._held = self._discarded, 0, block
        return True  # the block follows the gap; an end that came with it comes again

    def _pass(self, block: Samples, ring: RingBuffer) -> None:
        if self.on:
            ring.write(block)
        else:
            self._discarded += len(block)
