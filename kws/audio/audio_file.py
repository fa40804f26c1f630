"""Read audio files: check, decode block by block, convert to 16 kHz mono int16."""

from __future__ import annotations

import logging
import os
import struct
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import soundfile

from kws.audio.resampler import Resampler
from kws.config import SAMPLE_RATE
from kws.errors import KwsError
from kws.ring_buffer import RingBuffer
from kws.types import Samples

BLOCK = 8192  # samples decoded at a time, 0.17 s at 48 kHz: memory does not grow with the file
SAMPLE_RATES = range(1_000, 768_001)  # Hz; a header that says anything else is damaged

UNKNOWN_LENGTH = 2**63 - 1  # libsndfile's SF_COUNT_MAX: a FLAC that was written into a pipe

# A program that writes a WAV into a pipe cannot know its length: sox, espeak-ng and arecord put
# about 2 GiB there, others 4 GiB.
STREAMED_BYTES = 0x7FFF0000

log = logging.getLogger(__name__)


class AudioFile:
    """Decode an audio file of any format, sample rate and channel count that libsndfile reads.

    Channels are averaged and the rate is converted; int16 at 16 kHz mono passes bit for bit.

    Raises:
        KwsError: at once for a file that cannot be read, holds no audio or is a truncated WAV, and
            from fill() for one that is damaged further on, after the audio before the damage.
    """

    live = False
    overflows = 0

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.name = os.fspath(path)
        self._file = _open(Path(path))
        # soundfile seeks to where it is after every read; an MP3 loses its decoder's state there.
        self._file.seekable = lambda: False
        self._resampler = Resampler(self._file.samplerate)
        self._decoded = 0  # samples per channel, at the rate of the file
        self._ready = np.empty(0, np.int16)
        self._ended = False

    def __enter__(self) -> AudioFile:
        return self

    def __exit__(self, *error: object) -> None:
        self._file.close()

    def fill(self, ring: RingBuffer) -> bool:
        """Put the next samples into the ring, as many as fit; return False at the file's end."""
        while not len(self._ready) and not self._ended:
            self._ready = self._decode()
        if not len(self._ready):
            if self._decoded < self._file.frames < UNKNOWN_LENGTH:
                end = self._decoded / self._file.samplerate
                raise KwsError(f"{self.name}: damaged or cut short after {end:.2f} s")
            return False
        written = ring.write(self._ready[: ring.free])
        self._ready = self._ready[written:]
        return True

    def _decode(self) -> Samples:
        """Decode the next block [n]; n is 0 while the resampler holds samples back."""
        try:
            block = self._file.read(BLOCK, dtype="float32", always_2d=True)
        except soundfile.LibsndfileError:
            block = np.empty((0, 1), np.float32)  # fill() reports it after what came before
        self._decoded += len(block)
        self._ended = not len(block)
        # A file of floats may hold anything; one NaN would stay in the resampler for ever.
        mono = np.clip(np.nan_to_num(block), -1.0, 1.0).mean(axis=1) * 32768
        return self._resampler.push(mono, last=self._ended)


def read_audio(path: Path) -> Samples:
    """Read a whole file, as `kws listen` decodes it; raise KwsError as AudioFile does."""
    ring = RingBuffer(SAMPLE_RATE)
    blocks = [np.zeros(0, np.int16)]
    with AudioFile(path) as recording:
        while recording.fill(ring):
            blocks.append(ring.read(ring.available))
    return np.concatenate(blocks)


def read_each(paths: Iterable[Path], warn: bool = True) -> Iterator[tuple[Path, Samples]]:
    """Yield the files that can be read to their ends, one by one.

    Args:
        paths: audio files.
        warn: whether to log a warning for each file that cannot be read.
    """
    for path in paths:
        try:
            samples = read_audio(path)
        except KwsError as error:
            if warn:
                log.warning("%s; left out", error)
            continue
        yield path, samples


def read_usable(paths: Iterable[Path], warn: bool = True) -> list[Samples]:
    """Read all files that can be read to their ends; warn as in read_each()."""
    return [samples for _, samples in read_each(paths, warn)]


def _open(path: Path) -> soundfile.SoundFile:
    try:
        if path.exists() and not path.is_file():
            raise KwsError(f"{path}: not a file")
        missing = _missing_from_wav(path)
    except OSError as error:
        raise KwsError(f"{path}: {error.strerror}") from None
    if missing:
        raise KwsError(f"{path}: cut short, {missing} bytes of its audio are missing")
    if path.suffix.lower() == ".raw":
        raise KwsError(f"{path}: raw samples have no header with a rate; pipe them in instead")
    try:
        file = soundfile.SoundFile(path)
    except soundfile.LibsndfileError as error:
        reason = error.error_string.rstrip(".")
        raise KwsError(f"{path}: no audio that can be read ({reason})") from None
    if file.frames > 0 and file.samplerate in SAMPLE_RATES:
        return file
    with file:
        if file.frames > 0:
            raise KwsError(f"{path}: {file.samplerate} Hz is not a sample rate of audio")
        raise KwsError(f"{path}: holds no audio")


def _missing_from_wav(path: Path) -> int:
    """Return how many bytes a WAV's header promises and the file lacks.

    libsndfile ignores the difference. Format: Multimedia Programming Interface and Data
    Specifications 1.0, IBM and Microsoft, 1991.
    """
    with path.open("rb") as file:
        start = file.read(12)
        if start[:4] != b"RIFF" or start[8:] != b"WAVE":
            return 0
        while len(header := file.read(8)) == 8:
            chunk, size = struct.unpack("<4sI", header)
            if chunk == b"data":
                present = path.stat().st_size - file.tell()
                return 0 if size >= STREAMED_BYTES else max(0, size - present)
            file.seek(size + size % 2, os.SEEK_CUR)  # chunks are padded to an even length
    return 0
