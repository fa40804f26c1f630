"""Define kws.listen, which yields the detections in a source of audio, and what a source is.

source -> ring buffer -> spotter -> detections
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np

from kws.config import SAMPLE_RATE
from kws.errors import KwsError
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

    @property
    def overflows(self) -> int:
        """Return how many blocks lost samples so far; a plain attribute will do."""
        ...

    def __enter__(self) -> Source: ...

    def __exit__(self, *error: object) -> None: ...

    def fill(self, ring: RingBuffer) -> bool:
        """Wait for samples and put them into the ring; return False when the source has ended.

        A source with an attribute `lost` puts nothing into the ring where it is not 0: so many
        samples were lost at this place.
        """
        ...


def listen(
    source: Source | str | Path | None = None,
    spotter: SpotterBackend | ModelFile | str | Path = DEFAULT_MODEL,
    on_block: Callable[[Samples], object] | None = None,
    max_block: float = BUFFER_SECONDS,
    on_gap: Callable[[float, float], object] | None = None,
    before_block: Callable[[Samples], object] | None = None,
) -> Iterator[Detection]:
    """Yield the detections in a source, as they occur, until it ends; a microphone does not end.

    A stream is treated as if silence surrounded it: a keyword at its very start or end is found.
    Times count from its first sample; one at the very end may lie up to FLUSH_SECONDS after it.

    Args:
        source: an audio file by its path, any Source, or None for the default microphone.
        spotter: a model by name or path, a ModelFile, or a Spotter, which is reset.
        on_block: called with the samples of each block, after the detections in it. A block is what
            the source had ready, 80 ms of a microphone.
        max_block: greatest length of a block, s; a sample at least.
        on_gap: called where audio was lost, with time and length of the gap in seconds. The
            detector starts afresh after it, and times count on as if the audio had come.
        before_block: called with the samples of each block, before the detections in it.

    Raises:
        KwsError: the source or the model cannot be opened, a block would hold no sample, or the
            source failed; the detections before that were yielded, of a live source all but the
            last moment.
    """
    if not max_block * SAMPLE_RATE >= 1:
        raise KwsError(f"a block of {max_block:g} s holds no sample")
    source, spotter = _opened(source), _loaded(spotter)
    longest = round(min(max_block, BUFFER_SECONDS) * SAMPLE_RATE)
    stream = _Stream(spotter, longest, before_block, on_block, on_gap)
    yield from stream.detections(source)


class _Stream:
    """Push the stretches between gaps through a spotter, and count the samples of all."""

    def __init__(
        self,
        spotter: SpotterBackend,
        max_block: int,
        before_block: Callable[[Samples], object] | None,
        on_block: Callable[[Samples], object] | None,
        on_gap: Callable[[float, float], object] | None,
    ) -> None:
        self._spotter, self._max_block = spotter, max_block
        self._before_block, self._on_block, self._on_gap = before_block, on_block, on_gap
        self._samples = self._start = 0  # so far, and at the start of this stretch
        spotter.reset()

    def detections(self, source: Source) -> Iterator[Detection]:
        """Yield the detections in a source until it ends."""
        ring = RingBuffer(BUFFER_SECONDS * SAMPLE_RATE)
        min_block = round(MIN_LIVE_SECONDS * SAMPLE_RATE) if source.live else 1
        with source:
            while source.fill(ring):
                if lost := getattr(source, "lost", 0):
                    yield from self._push(ring)
                    yield from self._flush()
                    self._skip(lost)
                elif ring.available >= min_block:
                    yield from self._push(ring)
        yield from self._push(ring)
        yield from self._flush()

    def _push(self, ring: RingBuffer) -> Iterator[Detection]:
        """Take what is in the ring, in blocks; yield the detections in it."""
        while True:
            samples = ring.read(min(ring.available, self._max_block))
            self._samples += len(samples)
            if self._before_block is not None:
                self._before_block(samples)
            yield from self._detect(samples)
            if self._on_block is not None:
                self._on_block(samples)
            if not ring.available:
                return

    def _flush(self) -> Iterator[Detection]:
        """Yield the detections that silence after the stretch completes."""
        yield from self._detect(np.zeros(round(FLUSH_SECONDS * SAMPLE_RATE), np.int16))

    def _skip(self, lost: int) -> None:
        """Begin another stretch, after a gap of `lost` samples."""
        if self._on_gap is not None:
            self._on_gap(self._samples / SAMPLE_RATE, lost / SAMPLE_RATE)
        self._spotter.reset()
        self._samples += lost
        self._start = self._samples

    def _detect(self, samples: Samples) -> Iterator[Detection]:
        for detection in self._spotter.push(samples):
            yield replace(detection, sample=self._start + detection.sample)


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
