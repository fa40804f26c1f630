"""A folder that is written again and again: its own files are replaced, others stay as they are."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

from kws import __version__
from kws.errors import KwsError

LIST = "kws_export.sha256"  # in the format of sha256sum


def write(folder: Path, files: Mapping[str, str], may_be_changed: str = "") -> list[Path]:
    """Write files, by their paths within the folder, and a list of them; what was written.

    The list knows the files' digests, so a file of another origin, or one that was changed since,
    is told from an earlier export's: KwsError, before anything is written. The file named
    may_be_changed stays as it is when it was changed.
    """
    try:
        own = _digests(folder / LIST)
        texts = dict(files)
        for name, text in files.items():
            if not _changed(folder / name, text, own.get(name)):
                continue
            if name != may_be_changed or name not in own:
                raise KwsError(
                    f"{folder / name}: changed since, or not of kws export; move it away"
                    " or choose another folder"
                )
            del texts[name]
        own = {name: _digest(text) for name, text in files.items()}
        texts[LIST] = f"# Written by kws {__version__} (kws export).\n" + "".join(
            f"{own[name]}  {name}\n" for name in sorted(own)
        )
        for name, text in texts.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(text, "utf-8", newline="\n")
    except OSError as error:
        raise KwsError(f"{error.filename or folder}: {error.strerror or error}") from error
    return [folder / name for name in sorted(texts)]


def _changed(path: Path, text: str, digest: str | None) -> bool:
    """Whether a file holds what neither this export nor the one of `digest` wrote."""
    if not path.exists():
        return False
    there = path.read_text("utf-8", errors="replace")  # any line ends: tools may change them
    return there != text and _digest(there) != digest


def _digests(path: Path) -> dict[str, str]:
    """The files of an earlier export by name."""
    if not path.exists():
        return {}
    lines = path.read_text("utf-8").splitlines()
    pairs = (line.split("  ", 1) for line in lines if not line.startswith("#") and "  " in line)
    return {name: digest for digest, name in pairs}


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
