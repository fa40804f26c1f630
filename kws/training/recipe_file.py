"""Read the hyperparameters of a recipe file (TOML), the other half of which names the data.

Each section is a dataclass of recipe.py and each key a field of it; what a file leaves out keeps
its default. Every mistake is one line: file, line, and what is wrong.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import Field, fields, is_dataclass, replace
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

from kws.config import ModelConfig
from kws.data.dataset_recipe import ALIASES, HYPERPARAMETERS, recipe_tables
from kws.errors import KwsError
from kws.toml_file import TomlTable, described
from kws.training.recipe import Recipe

_log = logging.getLogger(__name__)

# Settings of the front end that no recipe states: training measures them, an export chooses one.
MEASURED = "mean", "scale", "arithmetic"
TYPES = get_type_hints(Recipe)
SECTIONS = {f.name: TYPES[f.name] for f in fields(Recipe) if is_dataclass(TYPES[f.name])}
EXTENDS, BASE_MODEL = ((name, ALIASES[name]) for name in ("extends", "base_model"))


def has_data(path: Path) -> bool:
    """Return whether a recipe names data; one that does not holds for any dataset folder."""
    keys = {key for table in recipe_tables(path) for key in table.content} - set(EXTENDS)
    return not keys or not keys <= {*HYPERPARAMETERS, "synthesis"}


def read_hyperparameters(path: Path, default: Recipe) -> Recipe:
    """Return a recipe with the hyperparameters of a file in place of the default ones.

    A recipe has the hyperparameters of the one that it extends as well, unless one of the two is
    for a base model and the other is not. Raises KwsError for an unknown, mistyped or out-of-range
    key, and for values that do not fit each other.
    """
    *extended, own = recipe_tables(path)
    former = BASE_MODEL[1]
    if former in own.content:
        _log.warning("%s: the key %s is now called %s", own.where(former), former, BASE_MODEL[0])
    kind = _is_base_model(own)
    recipe = default
    for table in (*(t for t in extended if _is_base_model(t) == kind), own):
        recipe = _merged(recipe, table)
    return recipe


def _is_base_model(toml: TomlTable) -> bool:
    return any(toml.flag(key) for key in BASE_MODEL)


def _merged(recipe: Recipe, toml: TomlTable) -> Recipe:
    """Return a recipe with what one file says."""
    given: dict[str, Any] = {}
    for key in HYPERPARAMETERS:
        if key not in toml.content:
            continue
        if key in SECTIONS:
            given[key] = _section(toml.table(key), getattr(recipe, key))
        else:
            (setting,) = (f for f in fields(Recipe) if f.name == key)
            given[key] = _value(toml, setting, TYPES[key])
    teacher = given.get("teacher")
    if teacher and toml.table("teacher").content.get("model"):
        given["teacher"] = replace(teacher, model=str(toml.path.parent / teacher.model))
    merged = replace(recipe, **given)
    _check(merged, toml)
    return merged


def _section(table: TomlTable, default: Any) -> Any:
    """Return a section's dataclass with the values of a table."""
    known = {f.name: f for f in fields(default) if f.name not in MEASURED}
    table.forbid_others(known)
    kinds = get_type_hints(type(default))
    given = {key: _value(table, known[key], kinds[key]) for key in table.content}
    try:
        return replace(default, **given)
    except KwsError as error:  # of FrontEnd
        raise table.error(None, _without_prefix(error)) from error


def _value(table: TomlTable, setting: Field[Any], kind: Any) -> Any:
    """Return the value of a key, which must be of a kind and within the field's range."""
    key, value = setting.name, table.content[setting.name]
    if kind is bool:
        return table.flag(key)
    if kind is str:
        return table.text(key, may_be_empty=setting.default == "")
    if get_origin(kind) is not tuple:
        return _number(table, key, value, kind, setting.metadata)
    if not isinstance(value, list) or not value:
        raise table.error(key, f"{key} must be a list of numbers, not {described(value)}")
    of_each, *more = get_args(kind)
    numbers = tuple(_number(table, key, each, of_each, setting.metadata) for each in value)
    if Ellipsis not in more and (len(numbers) != 2 or numbers[0] > numbers[1]):
        raise table.error(key, f"{key} must be two numbers, the least and the greatest")
    return numbers


def _number(
    table: TomlTable, key: str, value: object, kind: type, metadata: Mapping[str, Any]
) -> float:
    """Return a number; one that is whole stays so, as a model's settings have it."""
    name, kinds = ("a whole number", int) if kind is int else ("a number", (int, float))
    if isinstance(value, bool) or not isinstance(value, kinds):
        found = value if isinstance(value, float) else described(value)
        raise table.error(key, f"{key} must be {name}, not {found}")
    least, greatest = metadata.get("range", (-float("inf"), float("inf")))
    if not least <= value <= greatest:
        raise table.error(key, f"{key} must be from {least:g} to {greatest:g}, not {value}")
    return value


def _check(recipe: Recipe, toml: TomlTable) -> None:
    """Raise KwsError where values of several keys do not fit each other."""
    front_end, architecture = recipe.front_end, recipe.architecture

    def refuse(problem: str, *involved: str) -> None:
        """Raise KwsError at the first of some keys, "section.key", that the file states."""
        for section, key in (name.split(".") for name in involved):
            if key in toml.content.get(section, {}):
                raise toml.table(section).error(key, problem)
        raise KwsError(f"{toml.path}: {problem}")

    if front_end.hop % 2 or front_end.hop < 32:  # examples have a frame for every half hop
        refuse(f"hop must be even and at least 32, not {front_end.hop}", "front_end.hop")
    if architecture.frequency_kernel > front_end.coefficients:
        problem = f"frequency_kernel must not exceed the {front_end.coefficients} coefficients"
        refuse(problem, "architecture.frequency_kernel", "front_end.coefficients")
    if architecture.stride % recipe.posterior.phases:
        problem = (
            f"phases, {recipe.posterior.phases}, must divide the stride, {architecture.stride}"
        )
        refuse(problem, "posterior.phases", "architecture.stride")
    try:
        recipe.inference_config(
            ModelConfig(("keyword",), (1.0,), architecture.stride, recipe.front_end)
        )
    except KwsError as error:
        steps = "posterior.refractory_seconds", "loss.max_pooling_steps", "posterior.phases"
        refuse(_without_prefix(error), *steps, "front_end.hop", "architecture.stride")


def _without_prefix(error: KwsError) -> str:
    return str(error).removeprefix("model settings: ")
