"""Read an audio file that another program writes into a pipe."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import BinaryIO

from kws.audio.audio_file import AudioFile
from kws.audio.channels import MEAN, Channel
from kws.audio.raw_stream import Pipe
from kws.errors import KwsError

MAX_BYTES = 1 << 30  # of a file; it is kept on the disk while it is read
CHUNK = 1 << 16  # bytes


class PipedFile(AudioFile):
    """Decode an audio file from a stream, from its end on: libsndfile moves about in files.

    Raises:
        KwsError: the stream is a terminal, too long or cannot be kept; as of AudioFile.
    """

    def __init__(self, stream: BinaryIO, channel: Channel = MEAN) -> None:
        name = "standard input"
        pipe = Pipe(stream, name, "an audio file")
        try:
            self._folder = tempfile.TemporaryDirectory(prefix="kws-")
        except OSError as error:
            raise KwsError(f"{name}: no temporary folder can be made: {error.strerror}") from error
        path = Path(self._folder.name, "audio")
        try:
            _spool(pipe, path, name)
            super().__init__(path, channel)
        except BaseException as error:
            self._folder.cleanup()
            if isinstance(error, KwsError):
                raise KwsError(str(error).replace(str(path), name)) from None
            raise
        self.name = name

    def __exit__(self, *error: object) -> None:
        super().__exit__(*error)
        self._folder.cleanup()


def _spool(pipe: Pipe, path: Path, name: str) -> None:
    """Write what a pipe sends into a file, to its end."""
    size = 0
    try:
        with path.open("wb") as file:
            while received := pipe.receive(CHUNK):
                size += len(received)
                if size > MAX_BYTES:
                    raise KwsError(f"{name} is longer than {MAX_BYTES >> 20} MiB; give a file")
                file.write(received)
    except OSError as error:
        raise KwsError(f"{name}: {path.parent} cannot hold it: {error.strerror}") from error
