"""Takes on disk: <speaker>-<session>-<number>.wav, each whole or not there, none ever overwritten.

kws.data.clips tells speakers apart by these names, and sessions where no speaker is named.
"""

from __future__ import annotations

import re
import time
from contextlib import suppress
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile

from kws.config import SAMPLE_RATE
from kws.errors import KwsError


class TakeFolder:
    """A folder that takes of one speaker are added to; the time of its making names the session.

    speaker: a name of letters and digits, or "". KwsError for another name, or for a folder that
    cannot be made or read.
    """

    def __init__(self, folder: Path, speaker: str) -> None:
        if not re.fullmatch(r"\w*", speaker):
            raise KwsError(f"speaker {speaker!r}: letters and digits alone, as in anna or p07")
        self.folder = folder
        own = f"{speaker}-" if speaker else ""
        self._session = f"{own}{time.strftime('%Y%m%dT%H%M%S')}"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            names = [path.name for path in folder.iterdir()]
        except OSError as error:
            raise KwsError(f"{folder}: {error.strerror}") from error
        pattern = re.compile(rf"{re.escape(own)}\d{{8}}T\d{{6}}-\d+\.wav")
        self.kept = sum(pattern.fullmatch(name) is not None for name in names)  # by this speaker

    def keep(self, samples: npt.NDArray[np.int16]) -> Path:
        """Write a take, int16 [n] at 16 kHz; KwsError when it cannot be written."""
        number = 1
        while (path := self.folder / f"{self._session}-{number:03d}.wav").exists():
            number += 1
        unfinished = self.folder / f".{path.name}.part"
        try:
            soundfile.write(unfinished, samples, SAMPLE_RATE, subtype="PCM_16", format="WAV")
            unfinished.rename(path)
        except (OSError, soundfile.LibsndfileError) as error:
            unfinished.unlink(missing_ok=True)
            raise KwsError(f"{path}: cannot be written: {error}") from error
        self.kept += 1
        return path

    def leave(self) -> None:
        """Remove the folder where nothing is in it: an empty one would be a keyword too."""
        with suppress(OSError):
            self.folder.rmdir()
