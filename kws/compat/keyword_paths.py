"""Find single keywords of models, by name or by a path such as home.tflite/computer.

A model of kws has several keywords; other engines have a file for each. The last part of a path
names the keyword, so that programs that show the base name of a path show the keyword.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from kws.errors import KwsError
from kws.keyword_names import comparison_key
from kws.model_file import BASES, DEFAULT_MODEL, ModelFile, find, shipped


class NoSuchKeywordError(KwsError):
    """Report that there is no such file, model or keyword."""


@dataclass(frozen=True)
class ModelKeyword:
    """Name a keyword of a model."""

    model: ModelFile
    keyword: str

    @property
    def index(self) -> int:
        """Return the place of the keyword in its model."""
        return self.model.config.keywords.index(self.keyword)


def shipped_paths(model: str | Path | None = None) -> dict[str, str]:
    """Return the path of each keyword of a model, or of the shipped ones, the default model first.

    A keyword that several models have is that of the first of them.
    """
    models = [name for name in shipped() if name not in BASES]  # no detectors
    names = sorted(models, key=lambda name: name != DEFAULT_MODEL) if model is None else [model]
    paths: dict[str, str] = {}
    for name in names:
        for keyword in ModelFile.load(name).config.keywords:
            paths.setdefault(keyword, str(find(name) / keyword))
    return paths


def keywords_at(path: str | Path) -> list[ModelKeyword]:
    """Return the keywords that a path names: all of a model file, or one of them.

    Raises:
        NoSuchKeywordError: there is no such file, or no such keyword in it.
        KwsError: the file is not a model of kws.
    """
    whole = Path(path).expanduser()
    for file in (whole, *whole.parents):
        if file.is_file():
            break
    else:
        raise NoSuchKeywordError(f"{path}: no such file")
    model = ModelFile.load(file)
    name = "/".join(whole.parts[len(file.parts) :])
    if name:
        return [keyword_of(model, name)]
    return [ModelKeyword(model, keyword) for keyword in model.config.keywords]


def keyword_of(model: ModelFile, name: str) -> ModelKeyword:
    """Return a keyword of a model, whatever its case, underscores or normalisation form.

    Raises:
        NoSuchKeywordError: the model does not have it.
    """
    for keyword in model.config.keywords:
        if comparison_key(keyword) == comparison_key(name):
            return ModelKeyword(model, keyword)
    known = ", ".join(model.config.keywords)
    raise NoSuchKeywordError(f"{model.name} has no keyword {name!r}; it has: {known}")


def keywords_named(name: str) -> list[ModelKeyword]:
    """Return a keyword of the shipped models by its name, or all of a shipped model by its name.

    Raises:
        NoSuchKeywordError: there is none.
    """
    paths = shipped_paths()
    for keyword, path in paths.items():
        if comparison_key(keyword) == comparison_key(name):
            return keywords_at(path)
    if name in shipped():
        return keywords_at(find(name))
    raise NoSuchKeywordError(
        f"no shipped model has the keyword {name!r}; they have: {', '.join(paths)}."
        " kws train makes models of other keywords"
    )
