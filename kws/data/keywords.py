"""Name the keywords of a dataset, choose among them, and select the recordings to test on."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from pathlib import Path

from kws.data.audio_files import HIDDEN
from kws.data.clips import Recording, inspect_folder, is_synthetic
from kws.data.copies import log_copies, originals
from kws.data.sessions import sessions_by_sound
from kws.data.splits import MIN_SPEAKERS, count_speakers
from kws.errors import KwsError
from kws.foreign_text import is_printable
from kws.keyword_names import comparison_key, is_word_character, keyword_name

MAX_LENGTH, MAX_BYTES = 100, 255  # of a folder's name; file systems allow 255 bytes

_log = logging.getLogger(__name__)


def folder_name(keyword: str) -> str:
    """Return the folder of a keyword, smart_mirror for "smart mirror", in lower case.

    Raises KwsError for what is not a word or a phrase.
    """
    words = keyword_name(keyword.lower()).split()
    if not words or keyword.startswith("_") or not all(map(_is_word, words)):
        raise KwsError(f"{keyword!r}: no keyword; a word or a few, of letters and digits")
    name = "_".join(words)
    if len(name) > MAX_LENGTH or len(name.encode()) > MAX_BYTES:
        raise KwsError(f"{keyword!r}: too long for a keyword, {MAX_LENGTH} characters at most")
    return name


def _is_word(word: str) -> bool:
    """Return whether a word begins with a letter or digit and holds "'", "." and "-" besides."""
    return is_word_character(word[0]) and all(
        is_word_character(c) or c in "'\u2019.-" for c in word
    )


def keyword_of(folder: Path) -> str:
    """Return the keyword of a folder, "smart mirror" for smart_mirror."""
    return keyword_name(folder.name)


def keyword_folder(root: Path, keyword: str) -> Path:
    """Return the folder of a keyword in a dataset: one of any spelling that is there, or a new one.

    Raises KwsError for what is not a word or a phrase.
    """
    name = folder_name(keyword)
    if (root / name).is_dir() or not root.is_dir():
        return root / name
    wanted = comparison_key(name)
    there = (p for p in sorted(root.glob("[!_.]*")) if p.is_dir())
    return next((p for p in there if comparison_key(p.name) == wanted), root / name)


def keyword_folders(folders: Iterable[Path]) -> dict[str, list[Path]]:
    """Return the folders of each keyword; those that are none are left out.

    A name that cannot be printed, as one that is not UTF-8, is logged and left out. Spellings that
    differ in case, in "_" or in Unicode's normal form are one keyword, and a line says so.
    """
    grouped: dict[str, list[Path]] = {}
    for folder in folders:
        if not is_printable(folder.name):  # as a model's keyword must be
            _log.warning("%s: passed over, the name cannot be printed or is too long", folder)
        elif not folder.name.startswith(HIDDEN):
            grouped.setdefault(comparison_key(folder.name), []).append(folder)
    for several in grouped.values():
        if several[1:]:
            names = " and ".join(repr(folder.name) for folder in several)
            _log.warning("%s: %s are one keyword; all are read", several[0].parent, names)
    return {keyword_of(several[0]): several for several in grouped.values()}


def choose_keywords(
    root: Path, words: Iterable[str], requested: Sequence[str], every: bool = True
) -> list[str]:
    """Return the requested words in any of their spellings, by their folders; all if none is.

    Raises KwsError where one is not there: its recordings would be negatives if it is misspelt. If
    not `every` one must be, it is logged, and none of them raises KwsError.
    """
    words = list(words)
    if not requested:
        return words
    by_key = {comparison_key(word): word for word in words}
    chosen = {comparison_key(keyword): keyword_name(keyword) for keyword in requested}
    missing = [f"no folder of {name!r}" for key, name in chosen.items() if key not in by_key]
    if missing and (every or len(missing) == len(chosen)):
        raise KwsError(f"{root}: {', '.join(missing)}; there are {', '.join(words) or 'none'}")
    for line in missing:
        _log.warning("%s: %s", root, line)
    return [by_key[key] for key in chosen if key in by_key]


def usable_keywords(
    root: Path, folders: Mapping[str, Sequence[Path]], every: bool = False
) -> dict[str, list[Recording]]:
    """Return the usable recordings of each keyword that has some, and log the problems.

    Raises KwsError with the first problem where no keyword has a usable recording, or where one of
    them has none and `every` one must.
    """
    found: dict[str, list[Recording]] = {}
    problems: dict[str, list[str]] = {}
    for word, several in folders.items():
        for folder in several:
            recordings, lines = inspect_folder(folder, keyword=True)
            problems.setdefault(word, []).extend(lines)
            if recordings:
                found.setdefault(word, []).extend(recordings)
    unusable = [word for word in folders if word not in found]
    if unusable and (every or not found):
        first, *more = chain.from_iterable(problems[word] for word in unusable)
        others = f", and {len(more)} more" if more else ""
        whose = repr(unusable[0]) if found else "a keyword"
        raise KwsError(f"{root}: no recording of {whose} can be used ({first}{others})")
    for problem in chain.from_iterable(problems.values()):
        _log.warning(problem)
    return found


def distinct(
    recordings: Sequence[Recording], folder: Path, taken: Sequence[Recording] = ()
) -> list[Recording]:
    """Return recordings without copies of each other or of those taken; log their number.

    folder: where they are, for the log.
    """
    first = originals({recording.path: recording.seconds for recording in (*taken, *recordings)})
    log_copies(folder, [recording.path for recording in recordings], first)
    return [recording for recording in recordings if first[recording.path] == recording.path]


def measurable_recordings(
    folder: Path, recordings: Iterable[Recording]
) -> tuple[list[Recording], dict[Path, str]]:
    """Return the recordings of a keyword that figures can be measured on, and sessions by sound.

    Synthetic speech is left out, and so is a single recording. Sessions are those of recordings
    whose names state no speaker. Logs what figures cannot say.
    """
    recorded = [recording for recording in recordings if not is_synthetic(recording.path)]
    if len(recorded) == 1:
        _log.warning("%s: a single recording; figures cannot be measured", folder)
        return [], {}
    sessions = sessions_by_sound([recording.path for recording in recorded])
    if recorded and count_speakers(recorded, sessions) < MIN_SPEAKERS:
        _log.warning(
            "%s: recordings of fewer than %d speakers or sessions; figures are for voices that"
            " training knows",
            folder,
            MIN_SPEAKERS,
        )
    return recorded, sessions
