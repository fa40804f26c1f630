"""Run the command line in a process of its own, as a user does."""

from __future__ import annotations

import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import soundfile
from waiting import PATIENCE

ROOT = Path(__file__).parents[1]
SAMPLES = ROOT / "audio_samples"
KWS = [sys.executable, "-m", "kws"]
KEYWORDS = ["computer", "jarvis", "alexa", "smart mirror"]  # of home, as all_keywords() has them


def all_keywords() -> npt.NDArray[np.int16]:
    """Return the sample with each keyword once, int16 [n]."""
    return soundfile.read(SAMPLES / "all_keywords.flac", dtype="int16")[0]


def kws(*arguments: object, **options: Any) -> subprocess.CompletedProcess[str]:
    """Run a command to its end; its output is text."""
    return subprocess.run(
        [*KWS, *map(str, arguments)],
        **{"cwd": ROOT, "stdin": subprocess.DEVNULL, "capture_output": True, "text": True}
        | {"timeout": PATIENCE}
        | options,
    )


def refused(process: subprocess.CompletedProcess[str]) -> str:
    """Return the error message of a command that failed for a reason the user can put right."""
    assert (process.returncode, process.stdout) == (1, "")
    assert re.fullmatch(r"kws: error: .*\n", process.stderr), process.stderr
    return process.stderr.removeprefix("kws: error: ").rstrip("\n")


@contextmanager
def started(
    *arguments: object, seconds: float = PATIENCE, **options: Any
) -> Iterator[subprocess.Popen[str]]:
    """Start a command that goes on running; stdout and stderr are pipes of text.

    It is killed when the context ends, with an exception too, or after so many seconds: a test that
    waits for it goes on.
    """
    process = subprocess.Popen(
        [*KWS, *map(str, arguments)],
        **{"cwd": ROOT, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        | options,
    )
    too_long = threading.Timer(seconds, process.kill)
    too_long.start()
    try:
        with process:
            try:
                yield process
            finally:
                process.kill()
    finally:
        too_long.cancel()
