"""Build a section of a model's settings from the plain values of its file."""

from __future__ import annotations

import re
from dataclasses import MISSING, fields
from types import UnionType
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from kws.errors import KwsError
from kws.foreign_text import shortened

T = TypeVar("T")


def require(condition: bool, message: str) -> None:
    """Raise KwsError with a message about the settings unless a condition holds."""
    if not condition:
        raise KwsError(f"model settings: {message}")


def build_section(cls: type[T], section: str, values: Any, file_keys: dict[str, str]) -> T:
    """Build cls from a mapping: turn lists into tuples, refuse unknown and mistyped values."""
    require(isinstance(values, dict), f"{section} is not a table")
    where = section and f"{section}: "
    kinds = get_type_hints(cls)
    names = {file_keys.get(f.name, f.name): f.name for f in fields(cls)}  # type: ignore[arg-type]
    arguments = {}
    for key, value in values.items():
        require(key in names, f"{where}unknown key {shortened(key)}")
        kind = kinds[names[key]]
        arguments[names[key]] = value = tuple(value) if isinstance(value, list) else value
        require(_is_a(value, kind), f"{where}{key} is not {_KIND_NAMES.get(kind, 'a table')}")
    for f in fields(cls):  # type: ignore[arg-type]
        required = f.default is MISSING and f.default_factory is MISSING
        require(f.name in arguments or not required, f"{where}{f.name} is missing")
    try:
        return cls(**arguments)
    except KwsError as error:
        raise KwsError(re.sub(r"\w+", lambda m: file_keys.get(m[0], m[0]), str(error))) from error


_KIND_NAMES = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "a text",
    tuple[float, ...]: "a list of numbers",
    tuple[int, ...]: "a list of whole numbers",
    tuple[str, ...]: "a list of texts",
}


def _is_a(value: Any, kind: Any) -> bool:
    if get_origin(kind) is tuple:
        return isinstance(value, tuple) and all(_is_a(v, get_args(kind)[0]) for v in value)
    if get_origin(kind) is UnionType:
        return any(_is_a(value, each) for each in get_args(kind))
    if kind is float:
        return isinstance(value, (int, float)) and not isinstance(value, bool)
    return isinstance(value, get_origin(kind) or kind) and isinstance(value, bool) == (kind is bool)
