"""Compare the samples that a sound card sends with the time that passes, to find those lost."""

from __future__ import annotations

import math
import sys
import time

LATE = 0.3  # s that blocks may be late before audio counts as lost
LATE_AFTER_OVERFLOW = 0.02  # s, where the card said that it lost some
SETTLE = 0.3  # s that blocks have to catch up in
DRIFT = 1e-3  # s per second that the clock of a card may be slow


def now() -> float:
    """Return seconds of a clock that runs on while the machine sleeps, where there is one."""
    if sys.platform == "linux":
        return time.clock_gettime(time.CLOCK_BOOTTIME)
    return time.monotonic()


class CaptureClock:
    """Tell audio that was lost from audio that comes late.

    After a pause of this process or of the machine some systems send all that was kept, others go
    on with the present. A pause counts as lost audio only where blocks do not catch up.
    """

    def __init__(self, rate: int) -> None:
        self._rate = rate  # Hz
        self._frames = 0
        self._least = math.inf  # s, arrival minus audio so far, of blocks that came in time
        self._previous = math.inf  # s, arrival of the block before
        self._late_since: float | None = None
        self._least_late = math.inf  # s, as _least, of the late blocks
        self._overflow = False  # the card lost some of the late blocks

    @property
    def is_settling(self) -> bool:
        """Return whether it is not known yet if audio before the latest blocks was lost."""
        return self._late_since is not None

    def arrived(self, arrival: float, frames: int, overflow: bool) -> int:
        """Take a block that has arrived; return how many frames were lost before the late blocks.

        The late blocks are the latest, since is_settling was True.
        """
        self._frames += frames
        offset = arrival - self._frames / self._rate
        drift = DRIFT * min(LATE, max(0.0, arrival - self._previous))
        self._previous = arrival
        self._least = min(offset, self._least + drift)
        if self._late_since is None:
            if not overflow and offset - self._least <= LATE:
                return 0
            self._late_since, self._least_late, self._overflow = arrival, math.inf, False
        self._overflow |= overflow
        self._least_late = min(self._least_late, offset)
        late = self._least_late - self._least
        allowed = LATE_AFTER_OVERFLOW if self._overflow else LATE
        if late <= allowed and not self._overflow:
            self._late_since = None
            return 0
        if arrival - self._late_since < SETTLE:
            return 0
        self._late_since = None
        if late <= allowed:
            return 0
        self._least = self._least_late
        return round(late * self._rate)
