"""Refuse or clean text and settings from outside that deceive a terminal or exhaust a machine."""

from __future__ import annotations

import json
import math
import unicodedata
from typing import Any

from kws.errors import KwsError

MAX_NAME = 100  # characters of a name: a keyword, a key, a device
MAX_TEXT = 500  # characters of another text
MAX_JSON_BYTES = 1 << 18
MAX_DEPTH = 16  # of nested tables and lists
MAX_NUMBER = 1e15  # exact as a float and as an integer
JOINERS = "\u200c\u200d"  # which Hindi and Persian write between letters
_CONTROL = ("Cc", "Cf", "Cs", "Co", "Zl", "Zp")  # categories that are not printed as they are


def is_printable(text: str, most: int = MAX_NAME) -> bool:
    """Return whether a text has at most so many characters, none of which controls a terminal."""
    return len(text) <= most and all(
        unicodedata.category(letter) not in _CONTROL or letter in JOINERS for letter in text
    )


def printable(text: str) -> str:
    """Return text from outside without what controls a terminal, which becomes a question mark."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)


def shortened(value: object) -> str:
    """Return a foreign value for a message: escaped, on one line, and not long."""
    text = ascii(value[:MAX_NAME] if isinstance(value, str) else value)
    return text if len(text) <= MAX_NAME else text[:MAX_NAME] + "..."


def parse_json(content: bytes, what: str) -> Any:
    """Return the value of a JSON text whose size, depth, numbers and texts are bounded.

    Raises:
        KwsError: it is not JSON, or exceeds a bound; `what` names it.
    """
    if len(content) > MAX_JSON_BYTES:
        raise KwsError(f"{what}: {len(content)} bytes are more than {MAX_JSON_BYTES}")
    try:
        value = json.loads(content, parse_constant=float)
    except RecursionError as error:
        raise KwsError(f"{what}: nested more than {MAX_DEPTH} deep") from error
    except ValueError as error:
        raise KwsError(f"{what}: not JSON: {shortened(str(error))[1:-1]}") from error
    if problem := _problem(value, MAX_DEPTH):
        raise KwsError(f"{what}: {problem}")
    return value


def _problem(value: Any, depth: int) -> str | None:
    """Return what is wrong with a value or with one inside it."""
    if depth < 0:
        return f"nested more than {MAX_DEPTH} deep"
    if isinstance(value, str) and not is_printable(value, MAX_TEXT):
        return f"the text {shortened(value)} is too long or not printable"
    if isinstance(value, int | float) and not abs(value) <= MAX_NUMBER:
        return f"the number {shortened(value)} is not within +-{MAX_NUMBER:g}"
    if isinstance(value, dict):
        for key in value:
            if not is_printable(key):
                return f"the key {shortened(key)} is too long or not printable"
    items = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return next(filter(None, (_problem(item, depth - 1) for item in items)), None)


def bounded(value: Any) -> Any:
    """Return a value for a model's card such that parse_json() reads it back.

    Texts are cut and lose line breaks, numbers that are none become None, other types texts.
    """
    if isinstance(value, dict):
        return {bounded(str(key))[:MAX_NAME]: bounded(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [bounded(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if value is None or (isinstance(value, int | float) and abs(value) <= MAX_NUMBER):
        return value
    spaced = "".join(letter if is_printable(letter) else " " for letter in str(value))
    return " ".join(spaced.split())[:MAX_TEXT]
