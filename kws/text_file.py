"""A text file that a user or a dataset brings along."""

from __future__ import annotations

from pathlib import Path

from kws.errors import KwsError


def read_text(path: Path) -> str:
    """All of it; KwsError where it cannot be read or is not UTF-8."""
    try:
        return path.read_text("utf-8")
    except OSError as error:
        raise KwsError(f"{path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise KwsError(f"{path}: not text in UTF-8") from error
