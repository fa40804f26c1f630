"""Read raw samples from a stream, such as standard input, that another program writes."""

from __future__ import annotations

import select
import time
from typing import BinaryIO

import numpy as np

from kws.errors import KwsError
from kws.ring_buffer import RingBuffer

# First bytes of the formats that come by mistake; as samples they would be loud noise.
FORMATS = {
    b"RIFF": "a WAV file",
    b"RIFX": "a WAV file",
    b"RF64": "a WAV file",
    b"fLaC": "a FLAC file",
    b"OggS": "an Ogg file",
    b"FORM": "an AIFF file",
    b".snd": "an AU file",
    b"caff": "a CAF file",
    b"ID3\x02": "an MP3 file",
    b"ID3\x03": "an MP3 file",
    b"ID3\x04": "an MP3 file",
}
START = 4  # bytes of these
POLL_SECONDS = 0.02  # between looks at a stream that nothing can wait for


class Pipe:
    """Read bytes as they arrive, also from a descriptor that does not block.

    The stream belongs to the caller and is not closed.

    Raises:
        KwsError: at once when it is a terminal, and from receive() when reading fails.
    """

    def __init__(self, stream: BinaryIO, name: str, wanted: str) -> None:
        if stream.isatty():
            raise KwsError(f"{name} is a terminal; pipe {wanted} into it")
        self._stream, self._name = stream, name
        # read1 returns what has arrived without waiting for all that was asked for.
        self._reads = [getattr(stream, "read1", stream.read)]
        # It returns nothing at the end and where nothing has arrived yet; raw tells them apart.
        if hasattr(stream, "raw"):
            self._reads.append(stream.raw.read)

    def receive(self, count: int) -> bytes:
        """Wait for bytes and return those that are there, up to `count`; none at the end."""
        while True:
            received: bytes | None = b""
            for read in self._reads:
                try:
                    received = read(count)
                except BlockingIOError:
                    received = None
                except OSError as error:
                    raise KwsError(f"{self._name}: {error.strerror}") from error
                if received:
                    return received
            if received is not None:
                return b""
            self._wait()

    def _wait(self) -> None:
        try:
            select.select([self._stream], [], [], 1.0)
        except (OSError, ValueError):  # Windows waits for sockets alone
            time.sleep(POLL_SECONDS)


class RawStream:
    """Read a binary stream of raw samples: int16, little-endian, 16 kHz, mono.

    The stream belongs to the caller and is not closed.

    Attributes:
        waits: who writes waits for its reader: nothing is lost where that is slow.

    Raises:
        KwsError: at once when it is a terminal, and from fill() when it is an audio file with a
            header, or ends within a sample, after all whole samples.
    """

    live = waits = True
    overflows = 0
    name = "standard input"

    def __init__(self, stream: BinaryIO) -> None:
        self._pipe = Pipe(stream, self.name, "raw int16 samples at 16 kHz")
        self._received = b""  # not yet in the ring; at least START bytes, when it is the first
        self._begun = False

    def __enter__(self) -> RawStream:
        return self

    def __exit__(self, *error: object) -> None:
        """Close nothing: the stream is the caller's."""

    def fill(self, ring: RingBuffer) -> bool:
        """Wait for samples and put them into the ring, as many as fit; return False at the end."""
        if not ring.free:
            return True
        if not self._begun:
            self._begin(2 * ring.free)
        if len(self._received) < 2:
            received = self._pipe.receive(2 * ring.free - len(self._received))
            if not received and self._received:
                raise KwsError(f"{self.name} ended within a sample: an odd number of bytes")
            if not received:
                return False
            self._received += received
        whole = min(len(self._received) // 2, ring.free)
        ring.write(np.frombuffer(self._received, "<i2", whole).astype(np.int16, copy=False))
        self._received = self._received[2 * whole :]
        return True

    def _begin(self, count: int) -> None:
        """Receive the first bytes, up to `count`; raise KwsError where an audio file begins."""
        while len(self._received) < START:
            received = self._pipe.receive(max(count, START) - len(self._received))
            if not received:
                break
            self._received += received
        self._begun = True
        if kind := FORMATS.get(self._received[:START]):
            raise KwsError(f"{self.name} is {kind}, not raw samples; `kws listen --wav -` reads it")
