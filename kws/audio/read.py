"""Whole recordings in memory, for training and evaluation."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt

from kws.audio.audio_file import AudioFile
from kws.config import SAMPLE_RATE
from kws.errors import KwsError
from kws.ring_buffer import RingBuffer


def read_audio(path: Path) -> npt.NDArray[np.int16]:
    """All of a file as `kws listen` hears it, int16 mono at 16 kHz; KwsError as there."""
    ring = RingBuffer(SAMPLE_RATE)
    blocks = [np.zeros(0, np.int16)]
    with AudioFile(path) as recording:
        while recording.fill(ring):
            blocks.append(ring.read(ring.available))
    return np.concatenate(blocks)


def read_each(
    paths: Iterable[Path], problem: Callable[[KwsError], object]
) -> Iterator[tuple[Path, npt.NDArray[np.int16]]]:
    """The files that can be read to their ends, one by one; `problem` is told of each other one."""
    for path in paths:
        try:
            samples = read_audio(path)
        except KwsError as error:
            problem(error)
            continue
        yield path, samples


def read_usable(paths: Iterable[Path], problems: list[str]) -> list[npt.NDArray[np.int16]]:
    """The same, all at once; problems gets a line for each that cannot be read."""
    return [samples for _, samples in read_each(paths, lambda e: problems.append(f"{e}; left out"))]
