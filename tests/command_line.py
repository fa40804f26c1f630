"""The command line in a process of its own, as a user runs it."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
SAMPLES = ROOT / "audio_samples"
KWS = [sys.executable, "-m", "kws"]


def kws(*arguments: object, **options: Any) -> subprocess.CompletedProcess[str]:
    """Run a command to its end; its output is text."""
    return subprocess.run(
        [*KWS, *map(str, arguments)],
        **{"cwd": ROOT, "stdin": subprocess.DEVNULL, "capture_output": True, "text": True}
        | {"timeout": 120}
        | options,
    )


@contextmanager
def started(*arguments: object, **options: Any) -> Iterator[subprocess.Popen[str]]:
    """A command that goes on listening; stdout and stderr are pipes of text.

    It is killed when the context ends, or after two minutes: a test that waits for it goes on.
    """
    process = subprocess.Popen(
        [*KWS, *map(str, arguments)],
        **{"cwd": ROOT, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        | options,
    )
    too_long = threading.Timer(120, process.kill)
    too_long.start()
    try:
        with process:
            yield process
            process.kill()
    finally:
        too_long.cancel()
