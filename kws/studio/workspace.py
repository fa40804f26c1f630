"""Name the files of a workspace, and let no name lead out of it."""

from __future__ import annotations

from pathlib import Path

from kws.errors import KwsError
from kws.foreign_text import is_printable, shortened
from kws.model_file import ModelFile, find, shipped

SUFFIX, WORK, RECIPE = ".tflite", ".work", ".toml"
MAX_BYTES = 255  # of a name, on most file systems


class Workspace:
    """Hold the folder of a studio: models, recordings, clips to review, jobs and exports."""

    def __init__(self, root: Path) -> None:
        """Make the folder; raise KwsError where that is impossible."""
        self.root = root
        self.models, self.recordings, self.kept = (
            root / name for name in ("models", "recordings", "kept")
        )
        self.jobs, self.exports = root / "jobs", root / "exports"
        self.evaluations, self.recipes = root / "evaluations", root / "recipes"
        own = (self.models, self.recordings, self.kept, self.recipes)
        try:
            for folder in (*own, self.jobs, self.exports, self.evaluations):
                folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise KwsError(f"{error.filename or root}: {error.strerror or error}") from error

    def path(self, folder: Path, name: str) -> Path:
        """Return the path of a name within one of the folders.

        Raises KwsError for a name that is hidden, a path, or a link to somewhere else.
        """
        if not is_name(name):
            raise KwsError(f"{shortened(name)}: not a name of a file or folder")
        path = folder / name
        if not self._holds(path):
            raise KwsError(f"{shortened(name)}: leads out of the workspace")
        return path

    def _holds(self, path: Path) -> bool:
        return path.resolve().is_relative_to(self.root.resolve())

    def dataset(self, name: str) -> Path:
        """Return the folder of a dataset, which need not be there."""
        return self.path(self.recordings, name)

    def dataset_names(self) -> list[str]:
        """Return the names of the datasets; links to somewhere else are none."""
        return sorted(
            path.name
            for path in self.recordings.iterdir()
            if path.is_dir() and is_name(path.name) and self._holds(path)
        )

    def recipe_names(self) -> list[str]:
        """Return the names of the recipes that trainings may follow."""
        return sorted(path.stem for path in self.recipes.glob(f"*{RECIPE}") if is_name(path.name))

    def recipe(self, name: str) -> Path:
        """Return the path of a recipe; raise KwsError for a name that none has."""
        path = self.path(self.recipes, f"{name}{RECIPE}")
        if not path.is_file():
            raise KwsError(f"there is no recipe {shortened(name)}")
        return path

    def model_names(self) -> list[str]:
        """Return the names of the models of the workspace and of those that come with kws."""
        own = {path.stem for path in self.models.glob(f"*{SUFFIX}") if is_name(path.name)}
        return sorted(own | set(shipped()))

    def model(self, name: str) -> ModelFile:
        """Return a model by its name: of the workspace, or one that comes with kws."""
        return ModelFile.load(self.model_path(name))

    def model_path(self, name: str) -> Path:
        """Return the path of a model; raise KwsError for a name that no model has."""
        path = self.path(self.models, f"{name}{SUFFIX}")
        if path.is_file():
            return path
        if name in shipped():
            return find(name)
        raise KwsError(f"there is no model {shortened(name)}")


def is_name(name: str) -> bool:
    """Return whether a text may name a file or folder: printable, short, no path, not hidden."""
    return (
        bool(name)
        and is_printable(name)
        and len(name.encode()) <= MAX_BYTES
        and not name.startswith(".")
        and not {*name} & {*"/\\:"}
    )
