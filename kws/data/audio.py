"""Whole recordings in memory, for training and evaluation."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import numpy.typing as npt

from kws.config import SAMPLE_RATE
from kws.errors import KwsError
from kws.recording import Recording
from kws.ring_buffer import RingBuffer


def read_audio(path: Path) -> npt.NDArray[np.int16]:
    """All of a file as `kws listen` hears it, int16 mono at 16 kHz; KwsError as there."""
    ring = RingBuffer(SAMPLE_RATE)
    blocks = [np.zeros(0, np.int16)]
    with Recording(path) as recording:
        while recording.fill(ring):
            blocks.append(ring.read(ring.available))
    return np.concatenate(blocks)


def read_usable(paths: Iterable[Path], problems: list[str]) -> list[npt.NDArray[np.int16]]:
    """All files that can be read to their ends; problems gets a line for each other one."""
    found = []
    for path in paths:
        try:
            found.append(read_audio(path))
        except KwsError as error:
            problems.append(f"{error}; left out")
    return found
