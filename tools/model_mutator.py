"""Mutate the fields of models at random and keep their checksum right."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import numpy as np
from hostile_models import networks_in, packed, sealed, settings_of, unpacked

from kws.model_file import CHECKSUM_ENTRY, PLACEHOLDER, checksum, metadata

NUMBERS = (0, 1, 2, 3, 7, 64, 127, 128, 255, 256, 4096, 65535, 65536, 2**31 - 1, 2**40)
FLOATS = (0.0, -1.0, 1e-45, 1e-30, 1e30, 3e38, float("inf"), float("-inf"), float("nan"))
TEXTS = ("", " ", "\x1b[2J", "a\nb", "nul\0", "\ud800", "\u202e", "x" * 10_000, "_background_")
VALUES = (*NUMBERS, *FLOATS, *TEXTS, -1, 10**30, True, None, [], {}, [[[[]]]], [0.5] * 5000)
RAW = ("[" * 100_000, "9" * 5000, "1e999", "-Infinity", '"\\ud800"', '"\\u0000"', "{}", "")


class Mutator:
    """Change fields of a model at random: numbers, floats, lists, texts, and raw JSON."""

    def __init__(self, random: np.random.Generator) -> None:
        self.random = random

    def mutated(self, content: bytes) -> bytes:
        """Return a file with a right checksum and one to three fields or bytes changed."""
        if self.random.random() < 0.2:
            return self._bytes(content)
        while True:
            try:
                return self._changed_fields(unpacked(content))
            except Exception:  # the schema cannot hold the value, or not read it again
                continue

    def mutated_network(self, content: bytes) -> bytes:
        """Return a file without settings with one to three fields or bytes changed."""
        if self.random.random() < 0.2:
            return self._other_bytes(content)
        while True:
            try:
                model = unpacked(content)
                for _ in range(self.random.integers(1, 4)):
                    self._field(model)
                return packed(model)
            except Exception:  # the schema cannot hold the value, or not read it again
                continue

    def _changed_fields(self, model: Any) -> bytes:
        """Return a file with one to three fields changed, of the network, settings or members."""
        settings, networks = settings_of(model), networks_in(model)
        for _ in range(self.random.integers(1, 4)):
            if self.random.random() < 0.3:
                settings = self._settings(settings)
            elif networks and self.random.random() < 0.5:
                networks = self._network(networks)
            else:
                self._field(model)
        return sealed(model, settings, networks)

    def _network(self, networks: list[bytes]) -> list[bytes]:
        """Change a field or a byte of one network of a committee, repeat it or leave it out."""
        at = int(self.random.integers(len(networks)))
        kind = self.random.integers(8)
        if kind == 0:
            return [*networks[:at], *networks[at + 1 :]]
        if kind == 1:
            return [*networks, networks[at]]
        if kind == 2:
            changed = bytearray(networks[at])
            changed[self.random.integers(len(changed))] = self._of((0, 1, 127, 128, 255))
            return [*networks[:at], bytes(changed), *networks[at + 1 :]]
        member = unpacked(networks[at])
        self._field(member)
        return [*networks[:at], packed(member), *networks[at + 1 :]]

    def _bytes(self, content: bytes) -> bytes:
        """Change bytes after the file's identifier, of offsets and sizes, too."""
        digest = metadata(content, "the original")[CHECKSUM_ENTRY]
        changed = self._other_bytes(content.replace(digest, PLACEHOLDER))
        return changed.replace(PLACEHOLDER, checksum(changed, PLACEHOLDER))

    def _other_bytes(self, content: bytes) -> bytes:
        """Return a file with one to three bytes changed after its identifier."""
        changed = bytearray(content)
        for at in self.random.integers(8, len(changed), self.random.integers(1, 4)):
            changed[at] = self._of((0, 1, 127, 128, 255, changed[at] ^ 4))
        return bytes(changed)

    def _field(self, model: Any) -> None:
        """Change a field of the flatbuffer; each field of each table is equally likely."""
        fields: dict[tuple[str, str], list[Any]] = {}
        for table in _tables(model):
            for name in vars(table):
                fields.setdefault((type(table).__name__, name), []).append(table)
        keys = sorted(fields)
        key = keys[self.random.integers(len(keys))]
        table = fields[key][self.random.integers(len(fields[key]))]
        setattr(table, key[1], self._changed(getattr(table, key[1])))

    def _changed(self, value: Any) -> Any:
        if isinstance(value, np.ndarray | list) and len(value):
            value, at = value.copy(), int(self.random.integers(len(value)))
            kind = self.random.integers(4)
            if kind == 0:
                return value[:at]
            if kind == 1:
                doubled = [*value, value[at]]
                return np.array(doubled, value.dtype) if isinstance(value, np.ndarray) else doubled
            if isinstance(value, np.ndarray):
                with np.errstate(all="ignore"):
                    value[at] = np.asarray(self._number(value[at].item())).astype(value.dtype)
            else:
                value[at] = value[int(self.random.integers(len(value)))]
            return value
        if isinstance(value, bool):
            return not value
        if isinstance(value, int | float):
            return self._number(value)
        return None if self.random.random() < 0.5 else value

    def _number(self, value: float) -> Any:
        if isinstance(value, float):
            return self._of((*FLOATS, -value, value * 2))
        return self._of((*NUMBERS, *(-n for n in NUMBERS), value + 1, value - 1, value * 2))

    def _of(self, choices: tuple[Any, ...]) -> Any:
        return choices[self.random.integers(len(choices))]

    def _settings(self, settings: bytes) -> bytes:
        """Change a value or a key of the settings, or put raw text in a value's place."""
        try:
            values = json.loads(settings)
        except (ValueError, RecursionError):
            return settings
        places = list(_places(values))
        container, key = places[self.random.integers(len(places))]
        if self.random.random() < 0.1 and isinstance(container, dict):
            container[self._of(TEXTS)] = container.pop(key)
        elif self.random.random() < 0.2:
            container[key] = "@raw@"
            return json.dumps(values).replace('"@raw@"', self._of(RAW)).encode()
        else:
            number = isinstance(container[key], int | float) and self.random.random() < 0.5
            container[key] = self._number(container[key]) if number else self._of(VALUES)
        return json.dumps(values).encode()


def _tables(value: Any) -> Iterator[Any]:
    """Yield the tables of a flatbuffer."""
    if isinstance(value, list):
        for item in value:
            yield from _tables(item)
    elif hasattr(value, "__dict__"):
        yield value
        for item in vars(value).values():
            yield from _tables(item)


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Yield the containers and keys of all values in a JSON value."""
    if not isinstance(value, dict | list):
        return
    for key, item in list(value.items() if isinstance(value, dict) else enumerate(value)):
        yield value, key
        yield from _places(item)
