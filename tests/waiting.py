"""Wait for what a test waits for, on a machine however slow."""

from __future__ import annotations

import time
from collections.abc import Callable

PATIENCE = 600.0  # s; no test waits so long unless something is broken


def wait_until(true: Callable[[], object]) -> None:
    """Wait for a condition; fail where it never comes true."""
    deadline = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.01)
