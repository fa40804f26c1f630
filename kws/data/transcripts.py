"""Read what is said in the recordings of a folder, from its index.tsv."""

from __future__ import annotations

import csv
import re
from pathlib import Path

from kws.errors import KwsError
from kws.keyword_names import comparison_key, words_of

INDEX, FILE, TEXT = "index.tsv", "file", "text"  # its name, and the columns that are read
MARKS = re.compile(r"[\[{<(].*?[\]})>]")  # "[static]", "{breath}": not said


def read_transcripts(folder: Path) -> dict[Path, str]:
    """Return what is said in each recording of a folder, none where it has no index.tsv.

    The texts are words in lower case with single spaces: marks in brackets and punctuation are
    dropped. Raises KwsError where the file is not a table with the columns `file` and `text`.
    """
    path = folder / INDEX
    if not path.exists():
        return {}
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
            if not {FILE, TEXT} <= set(rows.fieldnames or ()):
                raise KwsError(f"{path}: no table with the columns {FILE} and {TEXT}")
            return {folder / row[FILE]: _said(row[TEXT] or "") for row in rows}
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise KwsError(f"{path}: {error}") from error


def _said(text: str) -> str:
    return " ".join(words_of(comparison_key(MARKS.sub(" ", text)), "'"))
