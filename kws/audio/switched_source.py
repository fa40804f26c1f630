"""Switch a source of audio off and on while it is listened to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kws.config import SAMPLE_RATE
from kws.ring_buffer import RingBuffer

if TYPE_CHECKING:
    from kws.listener import Source

DISCARDED = SAMPLE_RATE  # samples, room for what is read while switched off


class SwitchedSource:
    """Provide the samples of another source; while `on` is False, throw them away.

    The source goes on, so that it is there at once when it is switched on again. What was thrown
    away is a gap: the detector starts afresh after it, and times stay right. Any thread may set
    `on`.

    Attributes:
        on: whether samples pass.
        lost: samples at 16 kHz that are missing before those that the next fill() gives.
    """

    def __init__(self, source: Source) -> None:
        self._source = source
        self._discard = RingBuffer(DISCARDED)
        self._discarded = 0  # samples since the latest that passed
        self.on = True
        self.lost = 0
        self.name, self.live = source.name, source.live

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
        """Wait for samples and put them into the ring, or throw them away; False at the end."""
        if self.on and self._discarded:
            self.lost, self._discarded = self._discarded, 0
            return True
        on = self.on  # which may change while the source is waited for
        goes_on = self._source.fill(ring if on else self._discard)
        self.name = self._source.name
        self.lost = int(getattr(self._source, "lost", 0))
        if not on:
            self._discarded += self.lost + self._discard.available
            self._discard.reset()
            self.lost = 0
        return goes_on
