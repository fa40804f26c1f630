"""A TOML file whose mistakes are told with their line; tomllib does so for syntax alone."""

from __future__ import annotations

import re
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from kws.errors import KwsError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

KeyPath = tuple[str | int, ...]  # ("action", 0, "keyword"): names, and places in [[arrays]]


class TomlTable:
    """A table of a TOML file, the whole file first of all."""

    def __init__(
        self, path: Path, content: dict[str, Any], lines: dict[KeyPath, int], place: KeyPath = ()
    ) -> None:
        self.path, self.content = path, content
        self._lines, self._place = lines, place

    def where(self, key: str | None = None) -> str:
        """`file:line` of a key, or of the table itself where the key has no line of its own."""
        place = self._place if key is None else (*self._place, key)
        while place not in self._lines and len(place) > 1:
            place = place[:-1]
        return f"{self.path}:{self._lines[place]}"

    def error(self, key: str | None, problem: str) -> KwsError:
        """The one line that says what is wrong with a key, or with the table."""
        return KwsError(f"{self.where(key)}: {problem}")

    def tables(self, key: str) -> list[TomlTable]:
        """The [[key]] tables, none if there are none."""
        value = self.content.get(key, [])
        if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
            raise self.error(key, f"{key} must be written with two brackets, [[{key}]]")
        return [
            TomlTable(self.path, item, self._lines, (*self._place, key, index))
            for index, item in enumerate(value)
        ]

    def table(self, key: str) -> TomlTable:
        """The [key] table."""
        value = self.content[key]
        if not isinstance(value, dict):
            raise self.error(key, f"{key} must be a table, [{key}]")
        return TomlTable(self.path, value, self._lines, (*self._place, key))

    def text(self, key: str) -> str:
        """The value of a key that must be a string, and not an empty one."""
        value = self.content[key]
        if not isinstance(value, str) or not value:
            raise self.error(key, f"{key} must be a string, not {described(value)}")
        return value

    def texts(self, key: str, example: str) -> list[str]:
        """The value of a key that must be a list of strings, and not an empty one."""
        value = self.content[key]
        if not isinstance(value, list) or not value:
            raise self.error(key, f"{key} must be a list, {example}, not {described(value)}")
        for item in value:
            if not isinstance(item, str):
                raise self.error(key, f"{key} must be strings alone, not {described(item)}")
        return value

    def number(self, key: str, default: float, least: float, greatest: float) -> float:
        """The value of a key that must be a number from `least` to `greatest`."""
        value = self.content.get(key, default)
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise self.error(key, f"{key} must be a number, not {described(value)}")
        if not least <= value <= greatest:
            raise self.error(key, f"{key} must be from {least:g} to {greatest:g}, not {value}")
        return float(value)

    def flag(self, key: str) -> bool:
        """The value of a key that must be true or false, and is false where it is missing."""
        value = self.content.get(key, False)
        if not isinstance(value, bool):
            raise self.error(key, f"{key} must be true or false, not {described(value)}")
        return value

    def forbid_others(self, known: Iterable[str]) -> None:
        """Raise KwsError at the first key that is not known."""
        for key in self.content:
            if key not in known:
                raise self.error(key, unknown("key", key, known))


def read_toml(path: Path) -> TomlTable:
    """The whole file as a table; KwsError if it cannot be read or is not TOML."""
    try:
        source = path.read_bytes()
    except OSError as error:
        raise KwsError(f"{path}: {error.strerror}") from error
    try:
        text = source.decode("utf-8-sig").replace("\r\n", "\n")
        return TomlTable(path, tomllib.loads(text), key_lines(text))
    except UnicodeDecodeError as error:
        line = source[: error.start].count(b"\n") + 1
        raise KwsError(f"{path}:{line}: not UTF-8 text") from error
    except (ValueError, RecursionError) as error:  # the second for brackets nested without end
        problem, line = str(error), source.rstrip().count(b"\n") + 1
        if place := re.fullmatch(r"(.*) \(at line (\d+), (column \d+)\)", problem, re.DOTALL):
            problem, line = f"{place[1]}, {place[3]}", int(place[2])
        raise KwsError(f"{path}:{line}: not valid TOML: {problem}") from error


def key_lines(text: str) -> dict[KeyPath, int]:
    """Line, from 1, on which each table and key of a valid TOML text begins.

    What stands inside an inline table or array has no line of its own.
    """
    lines: dict[KeyPath, int] = {}
    lengths: Counter[KeyPath] = Counter()  # of the [[arrays]] so far
    table: KeyPath = ()
    for line, source, value in _statements(text):
        is_header = source.lstrip().startswith("[")
        path = () if is_header else table
        while isinstance(value, dict) and value:  # a dotted name is a dict in a dict
            name, value = next(iter(value.items()))
            path += (name,)
            lines.setdefault(path, line)
            if is_header and isinstance(value, list):  # [[name]] begins the array's next element
                lengths[path] += 1
            if lengths[path]:
                path += (lengths[path] - 1,)
                lines.setdefault(path, line)
        table = path if is_header else table
    return lines


def _statements(text: str) -> Iterator[tuple[int, str, Any]]:
    """First line, source and value of every header and key, each parsed by itself.

    A TOML statement ends with its line, and no part of one is valid: so the fewest lines that
    parse are one statement, a comment or nothing.
    """
    start = 1
    source = ""
    for number, line in enumerate(text.split("\n"), 1):
        source += line + "\n"
        try:
            value = tomllib.loads(source)
        except tomllib.TOMLDecodeError:
            continue  # the value goes on
        if value:
            yield start, source, value
        start, source = number + 1, ""


def unknown(what: str, word: str, known: Iterable[str]) -> str:
    """`unknown key 'timout', did you mean 'timeout'?`, or what is known if nothing is close."""
    by_lower = {name.lower(): name for name in known}
    if close := get_close_matches(word.lower(), by_lower, 1):
        return f"unknown {what} {word!r}, did you mean {by_lower[close[0]]!r}?"
    return f"unknown {what} {word!r}, known: {', '.join(by_lower.values())}"


def described(value: object) -> str:
    """A TOML value in words, for a message."""
    if isinstance(value, (str, list, dict)) and not value:
        return "empty"
    names = {bool: "a boolean", int: "a number", float: "a number", str: "a string"}
    return {**names, list: "a list", dict: "a table"}.get(type(value), "a date or time")
