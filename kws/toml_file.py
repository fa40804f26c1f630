"""Read text files and TOML files of a user, and report mistakes with their line.

tomllib reports the line of syntax errors only; TomlTable does for every key.
"""

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

KeyPath = tuple[str | int, ...]  # ("action", 0, "keyword"): names, and indices in [[arrays]]


class TomlTable:
    """Hold a table of a TOML file, or the whole file, with the lines of its keys."""

    def __init__(
        self, path: Path, content: dict[str, Any], lines: dict[KeyPath, int], key_path: KeyPath = ()
    ) -> None:
        self.path, self.content = path, content
        self._lines, self._key_path = lines, key_path

    def where(self, key: str | None = None) -> str:
        """Return `file:line` of a key, or of the table where the key has no line of its own."""
        path = self._key_path if key is None else (*self._key_path, key)
        while path not in self._lines and len(path) > 1:
            path = path[:-1]
        return f"{self.path}:{self._lines[path]}"

    def error(self, key: str | None, problem: str) -> KwsError:
        """Make the error of one line that says what is wrong with a key, or with the table."""
        return KwsError(f"{self.where(key)}: {problem}")

    def tables(self, key: str) -> list[TomlTable]:
        """Return the [[key]] tables; an empty list if there are none."""
        value = self.content.get(key, [])
        if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
            raise self.error(key, f"{key} must be written with two brackets, [[{key}]]")
        return [
            TomlTable(self.path, item, self._lines, (*self._key_path, key, index))
            for index, item in enumerate(value)
        ]

    def table(self, key: str) -> TomlTable:
        """Return the [key] table."""
        value = self.content[key]
        if not isinstance(value, dict):
            raise self.error(key, f"{key} must be a table, [{key}]")
        return TomlTable(self.path, value, self._lines, (*self._key_path, key))

    def text(self, key: str, may_be_empty: bool = False) -> str:
        """Return the value of a key that must be a string, and not an empty one unless it may."""
        value = self.content[key]
        if not isinstance(value, str) or not (value or may_be_empty):
            raise self.error(key, f"{key} must be a string, not {described(value)}")
        return value

    def file_path(self, key: str, name: str) -> Path:
        """Return the path of a name, which a key holds, as seen from the folder of this file."""
        if "\0" in name:
            raise self.error(key, f"{key} holds a NUL, as no name of a file does")
        try:
            return self.path.absolute().parent / Path(name).expanduser()
        except RuntimeError as error:  # ~somebody who does not exist
            raise self.error(key, f"{name}: {error}") from error

    def texts(self, key: str, example: str) -> list[str]:
        """Return the value of a key that must be a list of strings, and not an empty one."""
        value = self.content[key]
        if not isinstance(value, list) or not value:
            raise self.error(key, f"{key} must be a list, {example}, not {described(value)}")
        for item in value:
            if not isinstance(item, str):
                raise self.error(key, f"{key} must hold strings only, not {described(item)}")
        return value

    def number(self, key: str, default: float, minimum: float, maximum: float) -> float:
        """Return the value of a key that must be a number from minimum to maximum."""
        value = self.content.get(key, default)
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise self.error(key, f"{key} must be a number, not {described(value)}")
        if not minimum <= value <= maximum:
            raise self.error(key, f"{key} must be from {minimum:g} to {maximum:g}, not {value}")
        return float(value)

    def whole(self, key: str, minimum: int, maximum: int) -> int:
        """Return the value of a key that must be a whole number from minimum to maximum."""
        number = self.number(key, minimum, minimum, maximum)
        if not number.is_integer():
            raise self.error(key, f"{key} must be a whole number, not {number}")
        return int(number)

    def flag(self, key: str) -> bool:
        """Return the value of a key that must be true or false; false where it is missing."""
        value = self.content.get(key, False)
        if not isinstance(value, bool):
            raise self.error(key, f"{key} must be true or false, not {described(value)}")
        return value

    def forbid_others(self, known: Iterable[str]) -> None:
        """Raise KwsError at the first key that is not known."""
        for key in self.content:
            if key not in known:
                raise self.error(key, unknown("key", key, known))


def read_text(path: Path) -> str:
    """Read a text file; raise KwsError where it cannot be read or is not UTF-8."""
    try:
        return path.read_text("utf-8")
    except OSError as error:
        raise KwsError(f"{path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise KwsError(f"{path}: not text in UTF-8") from error


def read_toml(path: Path) -> TomlTable:
    """Read a TOML file as a table; raise KwsError if it cannot be read or is not TOML."""
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
    except (ValueError, RecursionError) as error:  # the latter for deeply nested brackets
        problem, line = str(error), source.rstrip().count(b"\n") + 1
        if match := re.fullmatch(r"(.*) \(at line (\d+), (column \d+)\)", problem, re.DOTALL):
            problem, line = f"{match[1]}, {match[3]}", int(match[2])
        raise KwsError(f"{path}:{line}: not valid TOML: {problem}") from error


def key_lines(text: str) -> dict[KeyPath, int]:
    """Return the line, from 1, on which each table and key of a valid TOML text begins.

    A key inside an inline table or array has no line of its own.
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
    """Yield first line, source and value of every header and key, each parsed by itself.

    A TOML statement ends with its line, and no part of one is valid: so the smallest number of
    lines that parse are one statement, a comment or nothing.
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
    """Say `unknown key 'timout', did you mean 'timeout'?`, or what is known if nothing is close."""
    by_lower = {name.lower(): name for name in known}
    if close := get_close_matches(word.lower(), by_lower, 1):
        return f"unknown {what} {word!r}, did you mean {by_lower[close[0]]!r}?"
    return f"unknown {what} {word!r}, known: {', '.join(by_lower.values())}"


def described(value: object) -> str:
    """Describe the type of a TOML value in words, for a message."""
    if isinstance(value, (str, list, dict)) and not value:
        return "empty"
    names = {bool: "a boolean", int: "a number", float: "a number", str: "a string"}
    return {**names, list: "a list", dict: "a table"}.get(type(value), "a date or time")
