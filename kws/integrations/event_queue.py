"""Keep what waits to be sent, bounded in number and age, and count what is given up."""

from __future__ import annotations

import threading
import time
from collections import deque


class EventQueue:
    """Queue texts from one thread to another; put() never waits.

    lifetime: s after which a text is given up.
    """

    def __init__(self, capacity: int, lifetime: float) -> None:
        self._capacity, self._lifetime = capacity, lifetime
        self._waiting: deque[tuple[float, str]] = deque()  # when it is too late, and the text
        self._lost = 0
        self._lock = threading.Lock()

    def __len__(self) -> int:
        """Return how many texts wait."""
        return len(self._waiting)

    def put(self, text: str) -> None:
        """Add a text; give up the oldest where there is no room."""
        with self._lock:
            if len(self._waiting) == self._capacity:
                self._waiting.popleft()
                self._lost += 1
            self._waiting.append((time.monotonic() + self._lifetime, text))

    def take(self) -> str | None:
        """Return the oldest text that is not too old, or None."""
        with self._lock:
            while self._waiting:
                too_late, text = self._waiting.popleft()
                if time.monotonic() < too_late:
                    return text
                self._lost += 1
        return None

    def give_up(self, count: int) -> None:
        """Count texts that were taken and came to nothing."""
        with self._lock:
            self._lost += count

    def take_lost(self) -> int:
        """Return how many texts were given up since the last call."""
        with self._lock:
            lost, self._lost = self._lost, 0
        return lost

    def clear(self) -> None:
        """Give up all that waits."""
        with self._lock:
            self._lost += len(self._waiting)
            self._waiting.clear()
