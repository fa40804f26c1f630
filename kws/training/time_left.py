"""Estimate how long a stage of a job still takes, from how fast the share that is done grows."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

SECONDS_SHOWN = 90  # above it, minutes


@dataclass
class TimeLeft:
    """Follow the stages of one job."""

    clock: Callable[[], float] = time.monotonic
    _doing: str = ""
    _began: float = 0.0
    _first: float = field(default=0.0)
    _share: float = field(default=0.0)

    def update(self, doing: str, share: float) -> str:
        """Take what is being done and its share; return the time left in words, "" if unknown.

        A stage begins where another name is given or the share falls back.
        """
        now = self.clock()
        if doing != self._doing or share < self._share:
            self._doing, self._began, self._first = doing, now, share
        self._share = share
        grown = share - self._first
        if grown <= 0 or share >= 1:
            return ""
        seconds = (now - self._began) * (1 - share) / grown
        if seconds < SECONDS_SHOWN:
            return f"{seconds:.0f} s left"
        return f"{seconds / 60:.0f} min left"
