"""Read raw samples from a stream, such as standard input, that another program writes."""

from __future__ import annotations

from typing import BinaryIO

import numpy as np

from kws.errors import KwsError
from kws.ring_buffer import RingBuffer


class RawStream:
    """Read a binary stream of raw samples: int16, little-endian, 16 kHz, mono.

    The stream belongs to the caller and is not closed.

    Raises:
        KwsError: at once when it is a terminal, and from fill() when it ends within a sample, after
            all whole samples.
    """

    live = True
    overflows = 0
    name = "standard input"

    def __init__(self, stream: BinaryIO) -> None:
        if stream.isatty():
            raise KwsError(f"{self.name} is a terminal; pipe raw int16 samples at 16 kHz into it")
        # read1 returns what has arrived without waiting for all that was asked for.
        self._read = getattr(stream, "read1", stream.read)
        self._half = b""  # the first byte of a sample whose second has not arrived yet

    def __enter__(self) -> RawStream:
        return self

    def __exit__(self, *error: object) -> None:
        """Close nothing: the stream is the caller's."""

    def fill(self, ring: RingBuffer) -> bool:
        """Wait for samples and put them into the ring, as many as fit; return False at the end."""
        if not ring.free:
            return True
        received: bytes = self._read(2 * ring.free - len(self._half))
        if not received:
            if self._half:
                raise KwsError(f"{self.name} ended within a sample: an odd number of bytes")
            return False
        content = self._half + received
        whole = len(content) // 2
        self._half = content[2 * whole :]
        ring.write(np.frombuffer(content, "<i2", whole).astype(np.int16, copy=False))
        return True
