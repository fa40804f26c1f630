"""Write an exported library as a ZIP archive, as Arduino's IDE takes it."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path

from kws.atomic_write import encoded, write_atomically
from kws.errors import KwsError

MARK = b"written by kws export"  # the archive's comment, by which the next export recognises it
LONG_AGO = (1980, 1, 1, 0, 0, 0)  # the time of all files: equal files give equal bytes


def write_zip(path: Path, files: Mapping[str, str]) -> Path:
    """Write an archive of files in a folder called as the archive; return its path.

    Raises:
        KwsError: If another file is in the way. Nothing is written then.
    """
    folder = path.stem
    check_zip(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        content = BytesIO()
        with zipfile.ZipFile(content, "w") as archive:
            for name in sorted(files):
                entry = zipfile.ZipInfo(f"{folder}/{name}", LONG_AGO)
                entry.external_attr = 0o644 << 16
                archive.writestr(entry, encoded(files[name]), zipfile.ZIP_DEFLATED)
            archive.comment = MARK
        write_atomically(path, content.getvalue())
    except OSError as error:
        raise KwsError(f"{error.filename or path}: {error.strerror or error}") from error
    return path


def check_zip(path: Path) -> None:
    """Raise KwsError where a file is in the way of an archive that no export wrote."""
    if not path.exists():
        return
    try:
        with zipfile.ZipFile(path) as archive:
            if archive.comment == MARK:
                return
    except (OSError, zipfile.BadZipFile):
        pass
    raise KwsError(f"{path}: not of kws export; move it away or choose another folder")
