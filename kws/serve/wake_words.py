"""Offer the keywords of models as wake words; look for new models whenever a client asks.

A folder may change at any time: a file is read again when its time, size or inode changed, and one
that is damaged, for instance because it is still being copied, is left out with a line in the log.
"""

from __future__ import annotations

import logging
import os
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from kws.backend import Spotter
from kws.errors import KwsError
from kws.foreign_text import is_printable, shortened
from kws.keyword_names import comparison_key
from kws.model_file import ModelFile
from kws.serve.tuning import Tuning

MAX_FILES = 64  # models of a folder; reading one takes 50 ms

log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class ServedModel:
    """Hold a model that is ready: the spotters of all streams share the weights of this one."""

    model: ModelFile
    spotter: Spotter  # keeps the weights

    @classmethod
    def load(cls, path: str | Path, tuning: Tuning) -> ServedModel:
        """Read a model; raise KwsError on a fault, also where it cannot run."""
        model = tuning.applied(ModelFile.load(path))
        if not is_printable(model.name):
            raise KwsError(f"{shortened(str(path))}: the name is too long or not printable")
        return cls(model, Spotter(model))


@dataclass(frozen=True)
class WakeWord:
    """Name a keyword of a model, as clients ask for it and as detections say it."""

    name: str  # of its own among all
    keyword: str
    served: ServedModel
    first: bool  # of the models with this keyword: the one that an unspecific request means


class WakeWords:
    """List the keywords of models and of the models in folders.

    The name of a wake word is its keyword. Where several models know one, those of folders come
    before the others, each group in order; the later ones are called "keyword (model)".

    Raises:
        KwsError: a model cannot be read, a folder is not there, or there is nothing to serve.
    """

    def __init__(self, models: Iterable[str], folders: Iterable[Path], tuning: Tuning) -> None:
        self.tuning = tuning
        self.words: tuple[WakeWord, ...] = ()
        self._models = [ServedModel.load(name, tuning) for name in models]
        self._folders = [_ModelFolder(folder, tuning) for folder in folders]
        self._offered: tuple[ServedModel, ...] = ()
        self._by_key: dict[str, WakeWord] = {}
        self._update()
        for name in tuning.unknown(word.keyword for word in self._by_key.values()):
            log.warning("no model knows %r, which an option names", name)

    def refresh(self) -> bool:
        """Look for changes in the folders; return whether the wake words changed."""
        changed = self._update()
        if changed:
            log.info("wake words are now: %s", self)
        return changed

    def __str__(self) -> str:
        """Return the names of all wake words."""
        return ", ".join(word.name for word in self.words) or "none"

    def _update(self) -> bool:
        found = [served for folder in self._folders for served in folder.models()]
        offered = (*found, *self._models)
        if offered == self._offered:
            return False
        self._offered, self.words = offered, tuple(_named(offered))
        self._by_key = {comparison_key(word.name): word for word in self.words}
        return True

    def find(self, name: str) -> WakeWord | None:
        """Return the wake word of a name, whatever its case, underscores or normalisation form."""
        return self._by_key.get(comparison_key(name))


class _ModelFolder:
    """Hold the models of a folder."""

    def __init__(self, folder: Path, tuning: Tuning) -> None:
        if not folder.is_dir():
            raise KwsError(f"{folder}: no such folder")
        self._folder, self._tuning = folder, tuning
        self._read: dict[str, tuple[tuple[int, ...], ServedModel | None]] = {}  # None: damaged
        self._problem = ""  # that was logged last

    def models(self) -> list[ServedModel]:
        """Return the models that are there now, by the names of their files."""
        files = self._files()
        self._read = {path: self._current(path, version) for path, version in files}
        return [served for _, served in self._read.values() if served]

    def _files(self) -> list[tuple[str, tuple[int, ...]]]:
        """Return the path and version of each .tflite; log what is wrong when that changes."""
        problem, files = "", []
        try:
            with os.scandir(self._folder) as entries:
                names = sorted(e.path for e in entries if e.name.lower().endswith(".tflite"))
            files = [(path, _version(path)) for path in names[:MAX_FILES]]
            if len(names) > MAX_FILES:
                problem = f"{len(names) - MAX_FILES} models left out, {MAX_FILES} at most"
        except OSError as error:
            problem = error.strerror or str(error)
        if problem and problem != self._problem:
            log.warning("%s: %s", self._folder, problem)
        self._problem = problem
        return files

    def _current(
        self, path: str, version: tuple[int, ...]
    ) -> tuple[tuple[int, ...], ServedModel | None]:
        """Return the version and the model of a file, read before if it is the same."""
        if path in self._read and self._read[path][0] == version:
            return self._read[path]
        try:
            return version, ServedModel.load(path, self._tuning)
        except KwsError as error:
            log.warning("left out: %s", error)
            return version, None


def _version(path: str) -> tuple[int, ...]:
    """Return what changes with a file; nothing for one that is not there any more."""
    try:
        status = os.stat(path)
    except OSError:
        return ()
    return stat.S_IFMT(status.st_mode), status.st_mtime_ns, status.st_size, status.st_ino


def _named(offered: Iterable[ServedModel]) -> Iterator[WakeWord]:
    """Yield the wake words of models; none of a model that brings no name of its own."""
    keys: set[str] = set()
    for served in offered:
        for keyword in served.model.config.keywords:
            first = comparison_key(keyword) not in keys
            name = keyword if first else f"{keyword} ({served.model.name})"
            if comparison_key(name) in keys:
                log.warning("%s: left out, another model with this name has it", name)
                continue
            keys.add(comparison_key(name))
            yield WakeWord(name, keyword, served, first)
