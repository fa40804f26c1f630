"""Find the audio files of a folder, and say in one line which others are passed over."""

from __future__ import annotations

import logging
import os
import shutil
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from kws.audio import ffmpeg
from kws.audio.audio_file import AudioFile
from kws.audio.libsndfile import soundfile
from kws.audio.tar_members import ARCHIVE, members_of, without_archive
from kws.errors import KwsError

HIDDEN = ("_", ".")  # prefixes of the files and folders that are skipped

# File names' endings of libsndfile's formats, where they are not the format's own name.
ENDINGS = {
    "AIFF": ("aif", "aiff", "aifc"),
    "AU": ("au", "snd"),
    "IRCAM": ("ircam", "sf"),
    "MP3": ("mp3", "mp2"),
    "MPC2K": (),
    "NIST": ("nist", "sph"),
    "OGG": ("ogg", "oga", "opus"),
    "RAW": (),  # without a header that says the rate
    "MAT4": (),  # anything may be in them
    "MAT5": (),
    "SVX": ("svx", "8svx", "iff"),
    "WAV": ("wav", "wave", "bwf"),
    "WAVEX": (),
}
AUDIO_SUFFIXES = {
    f".{ending}"
    for name in soundfile.available_formats()
    for ending in ENDINGS.get(name, (name.lower(),))
}
# Audio, video or raw samples: used where AudioFile can read them, else a line says that it cannot.
OTHER_SUFFIXES = {
    *(".m4a", ".m4b", ".aac", ".mp4", ".wma", ".amr", ".webm", ".mka", ".mkv", ".mov", ".3gp"),
    *(".ape", ".wv", ".mpc", ".tta", ".ac3", ".dts", ".spx", ".raw", ".pcm", ".dsf", ".avi"),
}

_log = logging.getLogger(__name__)


def audio_files(folder: Path) -> list[Path]:
    """Return the sorted audio files of a folder and its subfolders; KwsError if there are none.

    Those in tar archives are among them (kws/audio/tar_members.py). Symbolic links to folders are
    followed, each folder once. One line is logged for all files that look like audio and are passed
    over: names that begin with "_", formats that cannot be read.
    """
    found, passed = [], Counter[str]()
    for path in files_in(folder):
        suffix = path.suffix.lower()
        if suffix not in AUDIO_SUFFIXES | OTHER_SUFFIXES:
            continue
        if any(part.startswith("_") for part in path.relative_to(folder).parts):
            passed['with a name that begins with "_"'] += 1
        elif suffix in OTHER_SUFFIXES and not _can_be_read(path):
            passed[f"in a format that cannot be read ({suffix}){_advice(suffix)}"] += 1
        else:
            found.append(path)
    kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(passed.items()))
    if not found:
        raise KwsError(f"{folder}: no audio files there" + (f" but {kinds}" if kinds else ""))
    if kinds:
        _log.warning("%s: audio files are passed over: %s", folder, kinds)
    return sorted(found, key=without_archive)


def files_in(folder: Path) -> Iterator[Path]:
    """Yield all files of a folder, its subfolders and tar archives but those named with a dot."""

    def refuse(error: OSError) -> None:
        raise KwsError(f"{error.filename}: {error.strerror}") from error

    seen = {os.path.realpath(folder)}
    for parent, folders, names in os.walk(folder, onerror=refuse, followlinks=True):
        inside = sorted(name for name in folders if not name.startswith("."))
        # Folders before links to them: a link adds what is found nowhere else.
        inside.sort(key=lambda name: os.path.islink(os.path.join(parent, name)))
        folders.clear()
        for name in inside:
            real = os.path.realpath(os.path.join(parent, name))
            if real not in seen:
                seen.add(real)
                folders.append(name)
        for path in (Path(parent, name) for name in names if not name.startswith(".")):
            if path.suffix.lower() == ARCHIVE:
                yield from members_of(path)
            else:
                yield path


def _advice(suffix: str) -> str:
    """Return what would read a format, if it is not installed."""
    missing = suffix in ffmpeg.SUFFIXES and shutil.which("ffmpeg") is None
    return " without ffmpeg" if missing else ""


def _can_be_read(path: Path) -> bool:
    try:
        with AudioFile(path):
            return True
    except KwsError:
        return False
