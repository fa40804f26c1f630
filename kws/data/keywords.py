"""Name the keywords of a dataset, choose among them, and select the recordings to test on."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from kws.data.clips import Recording, inspect_folder, is_synthetic
from kws.data.splits import MIN_SPEAKERS, count_speakers
from kws.errors import KwsError

MAX_LENGTH = 100  # characters of a folder's name; file systems allow 255 bytes

_log = logging.getLogger(__name__)


def folder_name(keyword: str) -> str:
    """Return the folder of a keyword, smart_mirror for "smart mirror", in lower case.

    Raises KwsError for what is not a word or a phrase.
    """
    words = keyword.replace("_", " ").lower().split()
    if (
        not words
        or keyword.startswith("_")
        or not all(re.fullmatch(r"\w[\w'.-]*", word) for word in words)
    ):
        raise KwsError(f"{keyword!r}: no keyword; a word or a few, of letters and digits")
    name = "_".join(words)
    if len(name) > MAX_LENGTH:
        raise KwsError(f"{keyword!r}: too long for a keyword, {MAX_LENGTH} characters at most")
    return name


def keyword_of(folder: Path) -> str:
    """Return the keyword of a folder, "smart mirror" for smart_mirror."""
    return folder.name.replace("_", " ")


def choose_keywords(root: Path, words: Iterable[str], requested: Sequence[str]) -> list[str]:
    """Return the requested words, as in their folders' names or with spaces; all if none is.

    Logs each word that is not there; raises KwsError where none of them is.
    """
    words = list(words)
    if not requested:
        return words
    chosen = list(dict.fromkeys(keyword.replace("_", " ") for keyword in requested))
    missing = [f"no folder of {keyword!r}" for keyword in chosen if keyword not in words]
    if len(missing) == len(chosen):
        raise KwsError(f"{root}: {', '.join(missing)}; there are {', '.join(words) or 'none'}")
    for line in missing:
        _log.warning("%s: %s", root, line)
    return [keyword for keyword in chosen if keyword in words]


def usable_keywords(root: Path, folders: Mapping[str, Path]) -> dict[str, list[Recording]]:
    """Return the usable recordings of each keyword that has some, and log the problems.

    Raises KwsError with the first problem where no keyword has a usable recording.
    """
    found: dict[str, list[Recording]] = {}
    problems: list[str] = []
    for word, folder in folders.items():
        recordings, lines = inspect_folder(folder, keyword=True)
        problems += lines
        if recordings:
            found[word] = recordings
    if not found:
        others = f", and {len(problems) - 1} more" if problems[1:] else ""
        raise KwsError(f"{root}: no recording of a keyword can be used ({problems[0]}{others})")
    for problem in problems:
        _log.warning(problem)
    return found


def measurable_recordings(folder: Path, recordings: Iterable[Recording]) -> list[Recording]:
    """Return the recordings of a keyword that figures can be measured on.

    Synthetic speech is left out, and so is a single recording. Logs what figures cannot say.
    """
    recorded = [recording for recording in recordings if not is_synthetic(recording.path)]
    if len(recorded) == 1:
        _log.warning("%s: a single recording; figures cannot be measured", folder)
        return []
    if recorded and count_speakers(recorded) < MIN_SPEAKERS:
        _log.warning(
            "%s: recordings of fewer than %d speakers or sessions; figures are for voices that"
            " training knows",
            folder,
            MIN_SPEAKERS,
        )
    return recorded
