"""The road: source -> ring buffer -> spotter -> action."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

import numpy as np
import numpy.typing as npt

from kws.config import SAMPLE_RATE, ModelConfig
from kws.posterior import Detection
from kws.ring_buffer import RingBuffer

if TYPE_CHECKING:
    from kws.backend import AnySpotter

RING_SECONDS = 4  # a pipe that is ahead of real time is read in pieces of at most so much
LIVE_SECONDS = 0.06  # heard at once at least: two blocks of a microphone cost little more than one
TAIL_SECONDS = 0.5  # of silence behind a stream; a keyword is recognised shortly after its end

Samples = npt.NDArray[np.int16]


class Source(Protocol):
    """Where samples come from: a Microphone, a AudioFile or a RawStream."""

    name: str
    live: bool  # sends at the pace of a clock, not as fast as it is read
    overflows: int  # blocks that lost samples so far

    def __enter__(self) -> Source: ...

    def __exit__(self, *error: object) -> None: ...

    def fill(self, ring: RingBuffer) -> bool:
        """Wait for samples and put them into the ring; False when the source has ended."""
        ...


def listen(
    source: Source,
    spotter: AnySpotter,
    on_detection: Callable[[Detection], object],
    on_block: Callable[[Samples], object] = lambda samples: None,
) -> None:
    """Hear a source to its end, which a microphone does not have.

    on_detection is called with each detection, on_block with the samples of each block, both in
    this thread: whatever takes long must run aside. A block is what the source had ready, 80 ms
    of a microphone.

    A stream is heard as if silence lay around it, so that a keyword is found that a file begins
    or breaks off with. Times count from the first sample of the source; that of a keyword at the
    very end may lie up to 0.5 s behind it.

    Raises KwsError when the source fails, after what came before; of a live source all but the
    last moment.
    """
    least = round(LIVE_SECONDS * SAMPLE_RATE) if source.live else 1
    ring = RingBuffer(RING_SECONDS * SAMPLE_RATE)
    lead = lead_samples(spotter.config, spotter.window_frames)

    def hear(samples: Samples) -> None:
        for detection in spotter.push(samples):
            on_detection(replace(detection, sample=detection.sample - lead))

    def hear_block() -> None:
        samples = ring.read(ring.available)
        hear(samples)
        on_block(samples)

    spotter.reset()
    spotter.push(np.zeros(lead, np.int16))
    with source:
        while source.fill(ring):
            if ring.available >= least:
                hear_block()
    hear_block()
    hear(np.zeros(round(TAIL_SECONDS * SAMPLE_RATE), np.int16))


def lead_samples(config: ModelConfig, window_frames: int) -> int:
    """Length of the silence before a stream: the network's window, in whole steps.

    Without it the network would be deaf for the first second, to a clip of one word altogether.
    Whole steps leave the times of the steps behind it as they are.
    """
    steps = -(-window_frames // config.stride)
    return steps * config.stride * config.front_end.hop
