"""Archives, unpacked so that nothing lands outside of the folder and no half of them is left."""

from __future__ import annotations

import gzip
import shutil
import tarfile
import zlib
from collections.abc import Callable
from pathlib import Path, PureWindowsPath

from kws.errors import KwsError

BLOCK = 1 << 18  # bytes copied at a time


def unpack(
    archive: Path, folder: Path, progress: Callable[[int, int], None] = lambda done, total: None
) -> None:
    """Unpack a .tar.gz into a folder that is new or empty; progress counts bytes of the archive.

    Only files and folders are taken, never links or devices. KwsError for an archive that is
    damaged or has a path that leads out of the folder, and when the disk is full; the folder is
    there only when all of it is.
    """
    unfinished = folder.with_name(f".{folder.name}.part")
    try:
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(parents=True)
        total = archive.stat().st_size
        with archive.open("rb") as file, gzip.open(file) as tar:
            with tarfile.open(fileobj=tar, mode="r:") as members:
                for member in members:
                    _take(archive, members, member, unfinished)
                    progress(file.tell(), total)
            while tar.read(BLOCK):  # to its end, where the sum over all of it is compared
                pass
        if folder.exists():
            folder.rmdir()
        unfinished.rename(folder)
    except (tarfile.TarError, EOFError, zlib.error) as error:
        raise KwsError(f"{archive}: damaged: {error}") from error
    except OSError as error:
        where = error.filename or archive  # gzip complains without a name
        raise KwsError(f"{where}: {error.strerror or error}") from error
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def _take(archive: Path, members: tarfile.TarFile, member: tarfile.TarInfo, folder: Path) -> None:
    name = PureWindowsPath(member.name)  # whose rules for leaving a folder hold those of POSIX
    if name.anchor or ".." in name.parts:
        raise KwsError(f"{archive}: has a path that leads elsewhere: {member.name!r}")
    path = folder / member.name
    if member.isdir():
        path.mkdir(parents=True, exist_ok=True)
    elif (source := members.extractfile(member) if member.isfile() else None) is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        with source, path.open("wb") as file:
            shutil.copyfileobj(source, file, BLOCK)
    else:
        raise KwsError(f"{archive}: has more than files and folders: {member.name!r}")
