"""How far a job is, told from its process to the one that shows it, through a file."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

Progress = Callable[[str, float], None]  # what is being done, and the share of it that is

WAITING, DONE = "waiting", "done"


@dataclass(frozen=True)
class Status:
    """Of one job."""

    name: str
    path: Path

    def report(self, doing: str, share: float) -> None:
        """Leave word of what is being done, and of the share of it that is."""
        self.path.write_text(f"{share:.3f} {doing}")

    def read(self) -> tuple[str, float]:
        """The latest word; before the job begins, waiting."""
        try:
            share, _, doing = self.path.read_text().partition(" ")
            return doing, float(share)
        except (OSError, ValueError):  # not there yet, or being written
            return WAITING, 0.0
