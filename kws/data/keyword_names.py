"""What keywords are called on disk: the folder of "smart mirror" is smart_mirror."""

from __future__ import annotations

import re

from kws.errors import KwsError

LONGEST = 100  # characters; file systems allow 255 bytes


def folder_name(keyword: str) -> str:
    """The folder of a keyword, in lower case; KwsError for what is no word or phrase."""
    words = keyword.replace("_", " ").lower().split()
    if (
        not words
        or keyword.startswith("_")
        or not all(re.fullmatch(r"\w[\w'.-]*", word) for word in words)
    ):
        raise KwsError(f"{keyword!r}: no keyword; a word or a few, of letters and digits")
    name = "_".join(words)
    if len(name) > LONGEST:
        raise KwsError(f"{keyword!r}: too long for a keyword, {LONGEST} characters at most")
    return name
