"""Find the models that callers of openWakeWord name: each keyword counts as a model of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from kws.compat.keyword_paths import ModelKeyword, keywords_at, keywords_named, shipped_paths
from kws.compat.spotter_group import SpotterGroup
from kws.errors import KwsError
from kws.model_file import DEFAULT_MODEL


class ModelError(KwsError, ValueError):
    """Report a model, a name or an argument that cannot be used."""


def shipped_models() -> dict[str, str]:
    """Return the paths of shipped keywords, with "_" in names as openWakeWord's files have it."""
    paths = {keyword: Path(path) for keyword, path in shipped_paths().items()}
    return {word: str(path.with_name(path.name.replace(" ", "_"))) for word, path in paths.items()}


def keywords_of(models: Sequence[str]) -> dict[str, ModelKeyword]:
    """Return the keywords of models, by the names of their scores."""
    named: dict[str, ModelKeyword] = {}
    try:
        for model in models or [DEFAULT_MODEL]:
            for name, keyword in _named(str(model)):
                if name in named:
                    raise ModelError(f"{model}: there is a model named {name!r} already")
                named[name] = keyword
    except KwsError as error:
        raise ModelError(str(error)) from error
    return named


def _named(model: str) -> list[tuple[str, ModelKeyword]]:
    """Return the keywords of a model, or one keyword, with the names of their scores."""
    path = Path(model).expanduser()
    if not path.suffix and len(path.parts) == 1:
        keywords, single = keywords_named(model), model
    else:
        keywords = keywords_at(path)
        single = path.stem if path.is_file() else path.name
    if len(keywords) == 1:
        return [(single, keywords[0])]
    return [(keyword.keyword, keyword) for keyword in keywords]


def group_of(keywords: Mapping[str, ModelKeyword]) -> SpotterGroup:
    """Return what listens for keywords at the thresholds of their models."""
    try:
        return SpotterGroup(list(keywords.values()), [None] * len(keywords))
    except KwsError as error:
        raise ModelError(str(error)) from error
