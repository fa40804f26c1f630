"""Define kws.listen, which yields the detections in a source of audio, and what a source is.

source -> ring buffer -> spotter -> detections
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np

from kws.config import SAMPLE_RATE
from kws.model_file import DEFAULT_MODEL, ModelFile
from kws.posterior import Detection
from kws.ring_buffer import RingBuffer
from kws.types import Samples

if TYPE_CHECKING:
    from kws.backend import SpotterBackend

BUFFER_SECONDS = 4  # a pipe that is ahead of real time is read in blocks of at most this length
MIN_LIVE_SECONDS = 0.06  # shortest live block: two of a microphone cost little more than one
FLUSH_SECONDS = 0.5  # silence after a stream: a keyword is recognised shortly after its end


class Source(Protocol):
    """Provide samples: a Microphone, an AudioFile, a RawStream or a class of the user's own."""

    name: str
    live: bool  # sends at the pace of a clock, not as fast as it is read
    overflows: int  # blocks that lost samples so far

    def __enter__(self) -> Source: ...

    def __exit__(self, *error: object) -> None: ...

    def fill(self, ring: RingBuffer) -> bool:
        """Wait for samples and put them into the ring; return False when the source has ended."""
        ...


def listen(
    source: Source | str | Path | None = None,
    spotter: SpotterBackend | ModelFile | str | Path = DEFAULT_MODEL,
    on_block: Callable[[Samples], object] | None = None,
    max_block: float = BUFFER_SECONDS,
) -> Iterator[Detection]:
    """Yield the detections in a source, as they occur, until it ends; a microphone does not end.

    A stream is treated as if silence surrounded it, so that a keyword is found that a file begins
    or breaks off with. Times count from the first sample of the source; the time of a keyword at
    the very end may lie up to FLUSH_SECONDS after it.

    Args:
        source: an audio file by its path, any Source, or None for the default microphone.
        spotter: a shipped model by name, any model by path, a ModelFile, or a Spotter, which is
            reset.
        on_block: called with the samples of each block, after the detections in it. A block is what
            the source had ready, 80 ms of a microphone.
        max_block: greatest length of a block, s.

    Raises:
        KwsError: the source or the model cannot be opened, or the source failed; the detections
            before the failure were yielded, of a live source all but the last moment.
    """
    source, spotter = _opened(source), _loaded(spotter)
    ring = RingBuffer(BUFFER_SECONDS * SAMPLE_RATE)
    min_block = round(MIN_LIVE_SECONDS * SAMPLE_RATE) if source.live else 1

    def next_block() -> Iterator[Detection]:
        while True:
            samples = ring.read(min(ring.available, round(max_block * SAMPLE_RATE)))
            yield from spotter.push(samples)
            if on_block is not None:
                on_block(samples)
            if not ring.available:
                return

    spotter.reset()
    with source:
        while source.fill(ring):
            if ring.available >= min_block:
                yield from next_block()
    yield from next_block()
    yield from spotter.push(np.zeros(round(FLUSH_SECONDS * SAMPLE_RATE), np.int16))


def _opened(source: Source | str | Path | None) -> Source:
    if source is None:
        from kws.microphone import Microphone

        return Microphone()
    if isinstance(source, (str, Path)):
        from kws.audio.audio_file import AudioFile

        return AudioFile(source)
    return source


def _loaded(spotter: SpotterBackend | ModelFile | str | Path) -> SpotterBackend:
    if isinstance(spotter, (str, Path, ModelFile)):
        from kws.backend import Spotter

        return Spotter(spotter)
    return spotter
