"""Find the recordings of a folder that can be used, and the partition of each.

A partition is one of PARTITIONS disjoint subsets of a dataset; a cross-validation holds out whole
partitions. Recordings are checked without decoding all of them.
"""

from __future__ import annotations

import hashlib
import logging
import re
import unicodedata
from dataclasses import dataclass
from pathlib import Path

from kws.audio.audio_file import AudioFile, read_audio
from kws.audio.tar_members import without_archive
from kws.config import SAMPLE_RATE
from kws.data.audio_files import audio_files
from kws.errors import KwsError
from kws.ring_buffer import RingBuffer

PARTITIONS = 8
SYNTHETIC = "synth-"  # prefix of the file names that kws synth writes
# The speaker in a file name: LibriSpeech "1089-134686-0000", AN4 "an1-mblw-b", Google Speech
# Commands "0a7c2a8d_nohash_0", kws synth "synth-computer-7@flite_slt" (the voice), kws record
# "anna-20260131T154500-001" (without a speaker, "20260131T154500-001", the session), kws listen
# --keep "20260131T154500_123_near_computer" (the hour). In any other name no speaker is found.
SPEAKER = re.compile(
    r"^(?:(\d+)-\d+-\d+|an\d+-(\w+)-b|([0-9a-f]{8})_nohash_\d+|synth-.*@(.+)"
    r"|(\d{8}T\d{2})\d{4}_\d{3}_.*"
    r"|(?:([^-]+)-)?\d{8}T\d{6}-\d+)$"
)
MIN_SECONDS, MAX_SECONDS = 0.1, 10.0  # of a recording that holds a keyword once

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Clip:
    """Hold the path of a recording, its partition and its kind."""

    path: Path
    partition: int  # 0..PARTITIONS-1
    testable: bool = True  # whether figures may be measured on it; else it serves training alone
    kind: str = ""  # of negative speech or of noise: each has figures of its own


@dataclass(frozen=True)
class Recording:
    """Describe a recording that can be used."""

    path: Path
    seconds: float
    converted: bool  # whether it is converted to 16 kHz mono when it is read


def clips_in(folder: Path) -> list[Clip]:
    """Return the recordings of a folder and its subfolders; KwsError where there are none."""
    return [Clip(path, partition_of(path), not is_synthetic(path)) for path in audio_files(folder)]


def is_synthetic(path: Path) -> bool:
    """Return whether a file's name is one of synthetic speech, on which no model is tested."""
    return path.name.startswith(SYNTHETIC)


def speaker_of(path: Path) -> str | None:
    """Return the speaker, voice or session that a file's name contains, or None."""
    stem = unicodedata.normalize("NFC", without_archive(path).stem)
    match = SPEAKER.match(stem)
    session = stem.rpartition("-")[0]  # of kws record, where the speaker is not named
    return next(filter(None, match.groups()), session) if match else None


def partition_of(path: Path, partitions: int = PARTITIONS) -> int:
    """Return a partition from the hash of the speaker, or of the file name if it has none."""
    speaker = speaker_of(path) or without_archive(path).stem
    return hashlib.sha256(speaker.encode("utf-8", "surrogateescape")).digest()[0] % partitions


def usable_recordings(folder: Path, keyword: bool = False) -> list[Recording]:
    """Return the recordings that inspect_folder() finds usable, and log the problems."""
    recordings, problems = inspect_folder(folder, keyword)
    for problem in problems:
        _log.warning(problem)
    return recordings


def inspect_folder(folder: Path, keyword: bool = False) -> tuple[list[Recording], list[str]]:
    """Return the usable recordings of a folder and its subfolders, by path, and the problems.

    Problems are lines: one for each recording that cannot be used, for a folder without any, and
    for all that are converted. keyword: whether each recording must hold a keyword once, and is
    left out if it is too long or too short for that.
    """
    try:
        paths = audio_files(folder)
    except KwsError as error:
        return [], [f"{error}; left out"]
    found, problems = [], []
    for path in paths:
        try:
            recording = inspect(path)
            if keyword:
                _require_length(recording)
            found.append(recording)
        except KwsError as error:
            problems.append(f"{error}; left out")
    if not found:
        problems.append(f"{folder}: no recording that can be used; left out")
    elif converted := sum(recording.converted for recording in found):
        problems.append(
            f"{folder}: {converted} of {len(found)} recordings are not 16 kHz mono; they are"
            " converted"
        )
    return found, problems


def inspect(path: Path) -> Recording:
    """Check that a file can be read, is complete, and is not silent; KwsError where not.

    Decodes the file up to its first sound, and its end: damage between the two is not found.
    """
    _require_sound(path)
    with AudioFile(path) as recording:
        converted = recording.is_converted
        seconds = recording.promised_seconds()
    if seconds is None:  # no promise; or cut short, and reading says where
        seconds = len(read_audio(path)) / SAMPLE_RATE
    return Recording(path, seconds, converted)


def _require_sound(path: Path) -> None:
    """Raise KwsError where every sample is zero."""
    ring = RingBuffer(SAMPLE_RATE)
    with AudioFile(path) as recording:
        while recording.fill(ring):
            if ring.read(ring.available).any():
                return
    raise KwsError(f"{path}: no sound in it")


def _require_length(recording: Recording) -> None:
    """Raise KwsError for a recording that is too long or too short to hold a keyword once."""
    if recording.seconds > MAX_SECONDS:
        raise KwsError(
            f"{recording.path}: {recording.seconds:.1f} s are too long for a keyword that is said"
            f" once, {MAX_SECONDS:g} s at most"
        )
    if recording.seconds < MIN_SECONDS:
        raise KwsError(
            f"{recording.path}: {recording.seconds:.2f} s are too short for a keyword,"
            f" {MIN_SECONDS:g} s at least"
        )
