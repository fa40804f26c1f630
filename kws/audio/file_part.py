"""Give libsndfile a part of a file as a file of its own, with bytes of its header mended."""

from __future__ import annotations

import io
import mmap
import os
from dataclasses import dataclass
from pathlib import Path

ENDLESS = 1 << 40  # bytes; libsndfile reads an MP3 of so many to its end, whatever it estimates

Content = bytes | mmap.mmap


@dataclass(frozen=True)
class Part:
    """Describe bytes of a file that are a complete one for libsndfile."""

    start: int = 0
    end: int | None = None  # None: that of the file
    patches: tuple[tuple[int, bytes], ...] = ()  # offset in the file, bytes that stand there
    endless: bool = False  # whether libsndfile must not know the length
    promised: bool = True  # whether the count of frames in the header is one, not an estimate

    @property
    def is_whole_file(self) -> bool:
        """Return whether the file can be opened as it is."""
        return self.start == 0 and self.end is None and not self.patches and not self.endless


class PartReader:
    """Provide the bytes of a part to libsndfile, as a file of its own.

    An exception cannot pass through libsndfile: it is kept in `error`, and the part ends.
    """

    def __init__(self, path: Path, part: Part) -> None:
        self._file = path.open("rb")
        self._part = part
        self._end = os.fstat(self._file.fileno()).st_size if part.end is None else part.end
        self._position = 0  # in the part
        self.error: BaseException | None = None

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move to a position in the part; an endless one has its end far away."""
        size = ENDLESS if self._part.endless else self._end - self._part.start
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: size}[whence]
        self._position = max(0, base + offset)
        return self._position

    def tell(self) -> int:
        """Return the position in the part."""
        return self._position

    @property
    def is_at_end(self) -> bool:
        """Return whether all bytes of the part were read."""
        return self._part.start + self._position >= self._end

    def readinto(self, buffer: memoryview) -> int:
        """Fill the buffer with the next bytes, as many as there are; return how many."""
        try:
            start = self._part.start + self._position
            self._file.seek(start)
            content = bytearray(self._file.read(max(0, min(len(buffer), self._end - start))))
            if self._part.endless and start > self._end:
                content = bytearray(len(buffer))  # libsndfile looks for a tag of 128 bytes there
        except BaseException as error:  # raised again by the reader of the audio
            self.error = error
            return 0
        for offset, patch in self._part.patches:
            for index, byte in enumerate(patch, offset - start):
                if 0 <= index < len(content):
                    content[index] = byte
        buffer[: len(content)] = bytes(content)
        self._position += len(content)
        return len(content)
