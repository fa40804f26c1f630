"""The recordings in a folder, and the part of the split that each belongs to."""

from __future__ import annotations

import hashlib
import os
import re
from dataclasses import dataclass
from pathlib import Path

from kws.errors import KwsError

AUDIO = {".wav", ".flac", ".ogg", ".opus"}
PARTITIONS = 8
SYNTHETIC = "synth-"  # begins the names that kws synth gives
# A speaker's name in a file name: LibriSpeech "1089-134686-0000", AN4 "an1-mblw-b", Google Speech
# Commands "0a7c2a8d_nohash_0", kws synth "synth-computer-7@flite_slt" (the voice), kws record
# "anna-20260131T154500-001" (without a name, "20260131T154500-001", the session); any other name
# stands for itself.
SPEAKER = re.compile(
    r"^(?:(\d+)-\d+-\d+|an\d+-(\w+)-b|([0-9a-f]{8})_nohash_\d+|synth-.*@(.+)"
    r"|(?:(\w+)-)?\d{8}T\d{6}-\d+)$"
)
HIDDEN = ("_", ".")  # files and folders whose names begin so are passed over


@dataclass(frozen=True)
class Clip:
    """One recording and the part of the split that it belongs to."""

    path: Path
    partition: int  # 0..PARTITIONS-1
    testable: bool = True  # whether figures may be measured on it, or it serves training alone


def clips_in(folder: Path) -> list[Clip]:
    """The recordings in a folder and all folders within; KwsError where there are none."""
    return [Clip(path, partition_of(path), not is_synthetic(path)) for path in audio_files(folder)]


def audio_files(folder: Path) -> list[Path]:
    """Paths of the recordings in a folder and all folders within; KwsError where there are none."""

    def refuse(error: OSError) -> None:
        raise KwsError(f"{error.filename}: {error.strerror}") from error

    paths: list[Path] = []
    for parent, folders, names in os.walk(folder, onerror=refuse):
        folders[:] = [name for name in folders if not name.startswith(HIDDEN)]
        paths += [Path(parent, name) for name in names if not name.startswith(HIDDEN)]
    recordings = sorted(path for path in paths if path.suffix.lower() in AUDIO)
    if not recordings:
        raise KwsError(f"{folder}: no audio files there")
    return recordings


def is_synthetic(path: Path) -> bool:
    """Whether a synthesiser spoke it, by its name: a model is not measured on that."""
    return path.name.startswith(SYNTHETIC)


def speaker_of(path: Path) -> str | None:
    """The speaker, voice or session that a file's name tells, if it tells one."""
    match = SPEAKER.match(path.stem)
    session = path.stem.rpartition("-")[0]  # of kws record, where the speaker is not named
    return next(filter(None, match.groups()), session) if match else None


def partition_of(path: Path, partitions: int = PARTITIONS) -> int:
    """A part in 0..parts-1 by a hash of the speaker's name, or of the file's where none is."""
    speaker = speaker_of(path) or path.stem
    return hashlib.sha256(speaker.encode()).digest()[0] % partitions
