"""Read recordings block by block, so that memory does not grow with their hours."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from kws.audio.audio_file import AudioFile
from kws.errors import KwsError
from kws.evaluation.noise_mixing import FRAME, add_noise, cut_noise, greatest_energy, noise_gain
from kws.ring_buffer import RingBuffer
from kws.types import Samples

BLOCK = 128 * FRAME  # samples, 4 s: energies are those of whole frames
KEPT_BLOCKS = 15  # of a recording that is not decoded a second time, a minute

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Block:
    """Hold a part of a recording, clean and as the model gets it."""

    path: Path
    start: int  # sample of the recording that it begins with
    clean: Samples
    mixed: Samples


def stream_blocks(
    paths: Iterable[Path], noise: Samples | None, snr: float, seed: int, warn: bool
) -> Iterator[Block]:
    """Yield the blocks of all recordings that can be read to their ends, in order.

    noise: mixed into each recording at an SNR in dB, as mix_with_noise() does with the seed; a
    recording is read to its end before its first block is yielded. warn: log what is left out.
    """
    random = np.random.default_rng(seed)
    for path in paths:
        try:
            recording = _Recording(path)
        except KwsError as error:
            if warn:
                _log.warning("%s; left out", error)
            continue
        if noise is None:
            yield from (Block(path, start, clean, clean) for start, clean in recording.blocks())
            continue
        first = int(random.integers(len(noise)))
        gain = _gain(noise, first, recording.length, recording.energy, snr)
        for start, clean in recording.blocks():
            yield Block(path, start, clean, add_noise(clean, noise, first + start, gain))


@dataclass(frozen=True)
class MeasuredRecording:
    """Name a recording that can be read to its end, and where in the noise its mix begins."""

    path: Path
    length: int  # samples
    energy: float  # of the loudest frame
    first: int = 0  # sample of the noise

    def mixed_blocks(self, noise: Samples | None, snr: float) -> Iterator[Samples]:
        """Yield its samples as the blocks of stream_blocks() have them mixed."""
        if noise is None:
            yield from _decode(self.path)
            return
        gain, start = _gain(noise, self.first, self.length, self.energy, snr), self.first
        for clean in _decode(self.path):
            yield add_noise(clean, noise, start, gain)
            start += len(clean)


def measure(path: Path) -> MeasuredRecording | str:
    """Return the measures of a recording, or why it cannot be read to its end."""
    try:
        found = _Recording(path)
    except KwsError as error:
        return str(error)
    return MeasuredRecording(path, found.length, found.energy)


def _gain(noise: Samples, first: int, length: int, energy: float, snr: float) -> float:
    """Return the gain of the noise for a recording."""
    starts = range(0, length, BLOCK)
    cuts = (cut_noise(noise, first + s, min(BLOCK, length - s)) for s in starts)
    return noise_gain(energy, _energy(cuts), snr)


class _Recording:
    """Measure a recording; keep a short one, decode a long one again."""

    def __init__(self, path: Path) -> None:
        """Read to the end; raise KwsError where that cannot be done."""
        self._path = path
        self.length = 0  # samples
        self._kept: list[Samples] = []

        def measured() -> Iterator[Samples]:
            for block in _decode(path):
                self.length += len(block)
                if len(self._kept) <= KEPT_BLOCKS:
                    self._kept.append(block)
                yield block

        self.energy = _energy(measured())  # of the loudest frame

    def blocks(self) -> Iterator[tuple[int, Samples]]:
        """Yield the blocks, each with its first sample's index."""
        short = len(self._kept) <= KEPT_BLOCKS
        start = 0
        for block in self._kept if short else _decode(self._path):
            yield start, block
            start += len(block)


def _energy(blocks: Iterable[Samples]) -> float:
    """Return the energy of the loudest frame of a recording; the rest after frames is ignored."""
    greatest, first = 0.0, True
    for block in blocks:
        if first or len(block) >= FRAME:
            greatest = max(greatest, greatest_energy(block))
        first = False
    return greatest


def _decode(path: Path) -> Iterator[Samples]:
    """Yield a file as blocks of BLOCK samples, the last one shorter."""
    ring = RingBuffer(BLOCK)
    with AudioFile(path) as recording:
        while recording.fill(ring):
            if ring.available == BLOCK:
                yield ring.read(BLOCK)
    if ring.available:
        yield ring.read(BLOCK)
