"""Read what is said in recordings, from the index.tsv of their folders and of those above."""

from __future__ import annotations

import csv
import logging
import re
from collections.abc import Sequence
from pathlib import Path, PurePath

from kws.audio.tar_members import without_archive
from kws.data.clips import Clip
from kws.errors import KwsError
from kws.keyword_names import comparison_key, words_of

INDEX, FILE, TEXT = "index.tsv", "file", "text"  # its name, and the columns that are read
MARKS = re.compile(r"[\[{<(].*?[\]})>]")  # "[static]", "{breath}": not said

_log = logging.getLogger(__name__)


def transcripts_of(clips: Sequence[Clip], root: Path) -> dict[Path, str]:
    """Return what is said in clips, by each index.tsv in their folders and above, up to root.

    The keys are the paths of the clips, which may lead into archives, and the names in an index.tsv
    those outside; clips of which none speaks are not there.
    """
    outside = {clip.path: without_archive(clip.path) for clip in clips}
    own = {path.parent for path in outside.values()}
    above = {folder for path in own for folder in path.parents}
    said: dict[Path, str] = {}
    for folder in sorted(own | {f for f in above if f == root or root in f.parents}):
        for path, text in read_transcripts(folder).items():
            said[path] = f"{said[path]} {text}" if path in said else text
    return {path: said[name] for path, name in outside.items() if name in said}


def read_transcripts(folder: Path) -> dict[Path, str]:
    """Return what is said in each recording of a folder, none where it has no index.tsv.

    The texts are words in lower case with single spaces: marks in brackets and punctuation are
    dropped; rows of one recording follow each other. Names that lead out of the folder are logged.
    Raises KwsError where the file is not a table with the columns `file` and `text`.
    """
    path = folder / INDEX
    if not path.exists():
        return {}
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
            if not {FILE, TEXT} <= set(rows.fieldnames or ()):
                raise KwsError(f"{path}: no table with the columns {FILE} and {TEXT}")
            said: dict[Path, list[str]] = {}
            for row in rows:
                if not row[FILE]:
                    raise KwsError(f"{path}:{rows.line_num}: no {FILE} in it")
                said.setdefault(folder / row[FILE], []).append(_said(row[TEXT] or ""))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise KwsError(f"{path}: {error}") from error
    inside = {name: texts for name, texts in said.items() if _is_inside(name, folder)}
    if len(inside) < len(said):
        _log.warning("%s: %d files outside of its folder", path, len(said) - len(inside))
    return {name: " ".join(texts) for name, texts in inside.items()}


def _is_inside(path: PurePath, folder: PurePath) -> bool:
    return folder in path.parents and ".." not in path.relative_to(folder).parts


def _said(text: str) -> str:
    return " ".join(words_of(comparison_key(MARKS.sub(" ", text)), "'"))
