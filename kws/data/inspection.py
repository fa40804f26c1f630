"""Which recordings of a folder can be used, found out without decoding all of them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import soundfile

from kws.audio.audio_file import AudioFile, read_audio
from kws.config import SAMPLE_RATE
from kws.data.clips import audio_files
from kws.errors import KwsError
from kws.ring_buffer import RingBuffer

SHORTEST, LONGEST = 0.1, 10.0  # seconds of a recording that holds a keyword once


@dataclass(frozen=True)
class Recording:
    """A recording that can be used."""

    path: Path
    seconds: float
    converted: bool  # whether it is brought to 16 kHz mono where it is read


def usable(folder: Path, problems: list[str], keyword: bool = False) -> list[Recording]:
    """The recordings in a folder and all folders within that can be used, sorted by path.

    problems gets a line for each one that cannot, for a folder without any, and for those that are
    converted. keyword: whether each is to hold a keyword once, and is of no use if too long or too
    short for that.
    """
    found = []
    try:
        for path in audio_files(folder):
            try:
                recorded = inspect(path)
                if keyword:
                    _require_length(recorded)
                found.append(recorded)
            except KwsError as error:
                problems.append(f"{error}; left out")
    except KwsError as error:
        problems.append(f"{error}; left out")
        return []
    if not found:
        problems.append(f"{folder}: no recording that can be used; left out")
    elif converted := sum(recorded.converted for recorded in found):
        problems.append(
            f"{folder}: {converted} of {len(found)} recordings are not 16 kHz mono; they are"
            " converted"
        )
    return found


def inspect(path: Path) -> Recording:
    """KwsError for a file that cannot be read, is cut short, or is silent all through.

    It is decoded up to its first sound, and at its end: damage between the two is not found.
    """
    _require_sound(path)
    with soundfile.SoundFile(path) as file:
        converted = file.samplerate != SAMPLE_RATE or file.channels != 1
        return Recording(path, _seconds(path, file), converted)


def _require_sound(path: Path) -> None:
    ring = RingBuffer(SAMPLE_RATE)
    with AudioFile(path) as recording:
        while recording.fill(ring):
            if ring.read(ring.available).any():
                return
    raise KwsError(f"{path}: no sound in it")


def _seconds(path: Path, file: soundfile.SoundFile) -> float:
    """The length, once the last frame was reached; KwsError where it is not there."""
    try:
        file.seek(file.frames - 1)
        whole = len(file.read(1)) == 1
    except soundfile.LibsndfileError:
        whole = False
    if whole:
        return float(file.frames / file.samplerate)
    # Cut short, and reading says where; or it was written into a pipe and cannot be sought in.
    return len(read_audio(path)) / SAMPLE_RATE


def _require_length(recorded: Recording) -> None:
    if recorded.seconds > LONGEST:
        raise KwsError(
            f"{recorded.path}: {recorded.seconds:.1f} s are too long for a keyword that is said"
            f" once, {LONGEST:g} s at most"
        )
    if recorded.seconds < SHORTEST:
        raise KwsError(
            f"{recorded.path}: {recorded.seconds:.2f} s are too short for a keyword, {SHORTEST:g} s"
            " at least"
        )
