"""Download the public datasets that kws knows (`kws data`)."""

from __future__ import annotations

import logging
import shutil
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

from kws.console.plain_line import print_line
from kws.data.download import digest, download, unfinished, unpack
from kws.errors import KwsError

MARGIN = 2  # files may take so many times the size that is known about

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class PublicDataset:
    """Describe an archive on the network."""

    name: str
    what: str
    licence: str
    url: str
    size: int  # bytes
    unpacked: int  # bytes, about
    sha256: str

    @property
    def folder(self) -> str:
        """Return the default name of its folder."""
        return self.url.rsplit("/", 1)[-1].removesuffix(".tar.gz")


# Checksums as TensorFlow Datasets (url_checksums/speech_commands.txt) and torchaudio
# (datasets/speechcommands.py, librispeech.py) have them.
PUBLIC_DATASETS = {
    dataset.name: dataset
    for dataset in (
        PublicDataset(
            "speech-commands",
            "Google Speech Commands v0.02: 35 words, 105,829 recordings of a second",
            "CC BY 4.0, Google",
            "https://storage.googleapis.com/download.tensorflow.org/data/speech_commands_v0.02.tar.gz",
            2_428_923_189,
            3_800_000_000,
            "af14739ee7dc311471de98f5f9d2c9191b18aedfe957f4a6ff791c709868ff58",
        ),
        PublicDataset(
            "speech-commands-v0.01",
            "Google Speech Commands v0.01: 30 words, 64,727 recordings of a second",
            "CC BY 4.0, Google",
            "https://storage.googleapis.com/download.tensorflow.org/data/speech_commands_v0.01.tar.gz",
            1_489_096_277,
            2_400_000_000,
            "743935421bb51cccdb6bdd152e04c5c70274e935c82119ad7faeec31780d811d",
        ),
        PublicDataset(
            "librispeech-dev-clean",
            "LibriSpeech dev-clean: 5.4 hours of read English by 40 people",
            "CC BY 4.0, V. Panayotov",
            "https://www.openslr.org/resources/12/dev-clean.tar.gz",
            337_926_286,
            360_000_000,
            "76f87d090650617fca0cac8f88b9416e0ebf80350acb97b343a85fa903728ab3",
        ),
    )
}


def get(dataset: PublicDataset, output: Path | None, url: str | None = None) -> Path:
    """Download and unpack a dataset into the folder `output`; return that folder.

    url: a mirror; the checksum is the same. The folder is there only when all of the dataset is in
    it. Raises KwsError where there is no network or no space, or where the folder is not empty.
    """
    folder = (output or Path(dataset.folder)).absolute()
    console = Console()
    try:
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise KwsError(f"{folder}: is there already, and not empty")
    except OSError as error:
        raise KwsError(f"{folder}: {error.strerror}") from error
    archive = folder.with_name(f".{folder.name}.tar.gz")
    _check_space(dataset, archive)
    with _Bar(console) as bar:
        if not _is_there(dataset, archive, bar):
            bar.begin(f"downloading {dataset.name}")
            source = url or dataset.url
            download(source, archive, dataset.sha256, bar.show, size=dataset.size)
        bar.begin("unpacking")
        unpack(archive, folder, bar.show, size=MARGIN * dataset.unpacked)
    archive.unlink()
    print_line(f"{dataset.what} ({dataset.licence}) is in {folder}", console)
    return folder


def _is_there(dataset: PublicDataset, archive: Path, bar: _Bar) -> bool:
    """Return whether the archive of an earlier call is there; remove another file of its name."""
    if not archive.exists():
        return False
    bar.begin("checking the archive")
    try:
        if digest(archive, bar.show) == dataset.sha256:
            return True
        log.warning("%s: wrong checksum; it is downloaded again", archive)
        archive.unlink()
    except OSError as error:
        raise KwsError(f"{archive}: {error.strerror or error}") from error
    return False


def _check_space(dataset: PublicDataset, archive: Path) -> None:
    """Raise KwsError where archive and recordings do not fit on the disk, less what is there."""
    there = [path for path in (archive, unfinished(archive)) if path.exists()]
    needed = dataset.size + dataset.unpacked - sum(path.stat().st_size for path in there)
    parent = next(path for path in archive.parents if path.exists())
    free = shutil.disk_usage(parent).free
    if free < needed:
        raise KwsError(f"{parent}: {needed / 1e9:.1f} GB are needed, {free / 1e9:.1f} GB are free")


class _Bar(Progress):
    """Show the bytes of a step, on a terminal as a bar, elsewhere as one line each."""

    def __init__(self, console: Console) -> None:
        columns = (TextColumn("{task.description}", markup=False), BarColumn(), DownloadColumn())
        super().__init__(
            *columns, TimeRemainingColumn(), console=console, disable=not console.is_terminal
        )
        self._task = self.add_task("", total=None)

    def begin(self, what: str) -> None:
        """Start to show another step."""
        self.update(self._task, description=what, completed=0, total=None)
        if not self.console.is_terminal:
            print_line(what, self.console)

    def show(self, done: int, total: int) -> None:
        """Show how many bytes of how many are done, of 0 where the total is unknown."""
        self.update(self._task, completed=done, total=total or None)
