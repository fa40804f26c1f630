"""Read audio files: check, decode block by block, convert to 16 kHz mono int16."""

from __future__ import annotations

import logging
import os
import sys
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from kws.audio import ffmpeg
from kws.audio.channels import MEAN, Channel, ChannelSelector
from kws.audio.containers import parts_of
from kws.audio.file_part import Part, PartReader
from kws.audio.libsndfile import soundfile
from kws.audio.resampler import Resampler
from kws.audio.tar_members import find_member
from kws.config import SAMPLE_RATE
from kws.errors import KwsError
from kws.ring_buffer import RingBuffer
from kws.types import Samples

BLOCK = 8192  # samples decoded at a time, 0.17 s at 48 kHz: memory does not grow with the file
SAMPLE_RATES = range(1_000, 768_001)  # Hz; a header that says anything else is damaged

UNKNOWN_LENGTH = 2**63 - 1  # libsndfile's SF_COUNT_MAX: a FLAC that was written into a pipe

log = logging.getLogger(__name__)


class AudioFile:
    """Decode an audio file of any format, rate and channel count that libsndfile or ffmpeg reads.

    The rate is converted; int16 at 16 kHz mono passes bit for bit.

    Args:
        path: of the file.
        channel: the number of one, from 1, or the mean of all.

    Attributes:
        channel_fault: what is wrong with the channels, "" if nothing.

    Raises:
        KwsError: at once for a file that cannot be read, holds no audio or is a truncated WAV, and
            from fill() for one that is damaged further on, after the audio before the damage.
    """

    live = False
    overflows = 0
    _decoded_folder: tempfile.TemporaryDirectory[str] | None = None  # of what ffmpeg decoded

    def __init__(self, path: str | os.PathLike[str], channel: Channel = MEAN) -> None:
        self.name = os.fspath(path)
        self._path, self._channel = Path(path), channel
        member = find_member(self._path)
        if member is None and self._path.suffix.lower() in ffmpeg.SUFFIXES:
            self._decoded_folder = tempfile.TemporaryDirectory(prefix="kws-")
            self._path = Path(self._decoded_folder.name, "decoded.wav")
            ffmpeg.decode(Path(path), self._path)
        if member is None:
            self._parts = _parts(self._path)
        else:
            self._path, self._parts = member.archive, [member.part]
        self._seconds = 0.0  # decoded of the parts before this one
        self._damaged: float | None = None  # s, where the first damage is
        self._ready = np.empty(0, np.int16)
        self._ended = False
        while not self._open_next():
            if not self._parts:
                raise KwsError(f"{self.name}: holds no audio")

    def __enter__(self) -> AudioFile:
        if self._file.closed:
            raise KwsError(f"{self.name}: was read already; open it again")
        return self

    def __exit__(self, *error: object) -> None:
        self._file.close()
        if self._decoded_folder is not None:
            self._decoded_folder.cleanup()

    def fill(self, ring: RingBuffer) -> bool:
        """Put the next samples into the ring, as many as fit; return False at the file's end."""
        while not len(self._ready) and not self._ended:
            self._ready = self._decode()
        if not len(self._ready):
            if self._damaged is not None:
                raise KwsError(f"{self.name}: damaged or cut short after {self._damaged:.2f} s")
            return False
        written = ring.write(self._ready[: ring.free])
        self._ready = self._ready[written:]
        return True

    @property
    def channel_fault(self) -> str:
        """Return what is wrong with the channels for some seconds, "" if nothing."""
        return self._selector.fault

    @property
    def is_converted(self) -> bool:
        """Return whether the samples are not at 16 kHz and mono in the file."""
        return (self._file.samplerate, self._file.channels) != (SAMPLE_RATE, 1)

    def promised_seconds(self) -> float | None:
        """Return the length in the header of a file whose last frame can be read, else None.

        It moves the file: read nothing afterwards.
        """
        if self._parts or not self._part.promised:
            return None
        try:
            self._file.seek(self._file.frames - 1)
            complete = len(self._file.read(1)) == 1
        except soundfile.LibsndfileError:
            complete = False
        return float(self._file.frames / self._file.samplerate) if complete else None

    def _open_next(self) -> bool:
        """Open the next part; return whether it holds audio."""
        self._part = self._parts.pop(0)
        self._reader, self._file = _open(self._path, self._part, self.name)
        if self._file.frames <= 0:
            self._file.close()
            return False
        # soundfile seeks to where it is after every read; an MP3 loses its decoder's state there.
        self._file.seekable = lambda: False
        self._resampler = Resampler(self._file.samplerate)
        self._selector = ChannelSelector(
            self._channel, self._file.channels, self._file.samplerate, self.name
        )
        self._decoded = 0  # samples per channel of this part, at its rate
        return True

    def _decode(self) -> Samples:
        """Decode the next block [n]; n is 0 while the resampler holds samples back."""
        failed = False
        try:
            block = self._file.read(BLOCK, dtype="float32", always_2d=True)
        except soundfile.LibsndfileError:
            block, failed = np.empty((0, self._file.channels), np.float32), True
        if self._reader is not None and (error := self._reader.error) is not None:
            raise KwsError(f"{self.name}: {error}") if isinstance(error, OSError) else error
        self._decoded += len(block)
        # A file of floats may hold anything; one NaN would stay in the resampler for ever.
        mono = self._selector.select(np.clip(np.nan_to_num(block), -1.0, 1.0))
        samples = self._resampler.push(mono * 32768, last=not len(block))
        if not len(block):
            self._end_part(failed)
        return samples

    def _end_part(self, failed: bool) -> None:
        """Remember whether all of this part was decoded, and open the next one that can be."""
        self._seconds += self._decoded / self._file.samplerate
        if self._part.promised:
            failed = self._decoded < self._file.frames < UNKNOWN_LENGTH
        elif self._part.endless and self._reader is not None:
            failed = failed and not self._reader.is_at_end  # it may end within an MP3's frame
        self._file.close()
        opened = False
        while self._parts and not opened:
            try:
                opened = self._open_next()
            except KwsError:
                failed = True
        self._ended = not opened
        if failed and self._damaged is None:  # fill() reports it after what can be decoded
            self._damaged = self._seconds


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


def _parts(path: Path) -> list[Part]:
    try:
        if path.exists() and not path.is_file():
            raise KwsError(f"{path}: not a file")
        return parts_of(path)
    except OSError as error:
        raise KwsError(f"{path}: {error.strerror}") from None


def _open(path: Path, part: Part, name: str) -> tuple[PartReader | None, soundfile.SoundFile]:
    """Open a part, without a reader where the part is the file itself."""
    if Path(name).suffix.lower() == ".raw":
        raise KwsError(f"{name}: raw samples have no header with a rate; pipe them in instead")
    reader = None if part.is_whole_file else PartReader(path, part)
    try:
        file = soundfile.SoundFile(reader or native_name(path))
    except soundfile.LibsndfileError as error:
        reason = error.error_string.rstrip(".")
        raise KwsError(f"{name}: no audio that can be read ({reason})") from None
    if file.frames > 0 and file.samplerate not in SAMPLE_RATES:
        with file:
            raise KwsError(f"{name}: {file.samplerate} Hz is not a sample rate of audio")
    return reader, file


def native_name(path: str | os.PathLike[str]) -> str | bytes:
    """Return a path as soundfile takes it, whatever bytes the name of the file has."""
    return os.fspath(path) if sys.platform == "win32" else os.fsencode(path)
