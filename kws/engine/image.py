"""Lay out a model as bytes that the C engine runs in place on a 32-bit machine.

WebAssembly has the memory layout that c_headers states: little-endian, pointers of four bytes, each
number aligned to its own size. A pointer holds an offset from the start of the image; whoever loads
the image adds its address at the places of the pointers.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Any
from zlib import crc32

import numpy as np

from kws.atomic_write import encoded
from kws.engine.c_headers import POINTER_BYTES, Field, constants, structs
from kws.engine.network_values import Values

ALIGNMENT = 8  # of an image, and of each array in it: the engine's widest numbers
_FORMATS = {"bool": "?", "float": "f", "size_t": "I", "uint64_t": "Q", "int64_t": "q"}
_FORMATS |= {"int8_t": "b", "uint8_t": "B", "int16_t": "h", "uint16_t": "H"}
_FORMATS |= {"int32_t": "i", "uint32_t": "I"}


@dataclass(frozen=True)
class Image:
    """Hold a struct and all that it points to; the struct lies at the start."""

    content: bytes
    pointers: tuple[int, ...]  # where in the content pointers lie, ascending


def image(name: str, values: Values) -> Image:
    """Return the image of a struct of the engine, given its values by field name."""
    writer = _ImageWriter()
    writer.fill(writer.room(structs()[name].size), name, values)
    return Image(bytes(writer.content), tuple(sorted(writer.pointers)))


def layout() -> int:
    """Return a number of 32 bits that changes with the layout of the structs."""
    return crc32(repr((structs(), constants())).encode())


class _ImageWriter:
    """Write structs and arrays one after the other; equal arrays once."""

    def __init__(self) -> None:
        self.content = bytearray()
        self.pointers: list[int] = []
        self._known: dict[bytes, int] = {}  # offsets of arrays

    def room(self, size: int) -> int:
        """Append zeros; return their offset."""
        self.content += bytes(-len(self.content) % ALIGNMENT)
        at = len(self.content)
        self.content += bytes(size)
        return at

    def fill(self, at: int, name: str, values: Values) -> None:
        """Write a struct over the zeros at an offset."""
        for field in structs()[name].fields.values():
            value, place = values[field.name], at + field.offset
            if field.pointer:
                self._point(place, field, value)
            elif field.c_type in structs():
                self.fill(place, field.c_type, value)
            else:
                number = constants()[value] if isinstance(value, str) else value
                struct.pack_into(f"<{_FORMATS[field.c_type]}", self.content, place, number)

    def _point(self, place: int, field: Field, value: Any) -> None:
        """Write what a pointer points to, and the pointer; nothing where that is empty."""
        if len(value) == 0:
            return
        if isinstance(value, np.ndarray):
            target = self._array(value.astype(value.dtype.newbyteorder("<")).tobytes())
        elif isinstance(value, str):
            target = self._array(encoded(value) + b"\0")
        elif field.c_type in structs():
            size = structs()[field.c_type].size
            target = self.room(size * len(value))
            for index, each in enumerate(value):
                self.fill(target + index * size, field.c_type, each)
        else:  # texts
            target = self.room(POINTER_BYTES * len(value))
            for index, each in enumerate(value):
                self._point(target + index * POINTER_BYTES, field, each)
        struct.pack_into("<I", self.content, place, target)
        self.pointers.append(place)

    def _array(self, content: bytes) -> int:
        if content not in self._known:
            at = self.room(len(content))
            self.content[at : at + len(content)] = content
            self._known[content] = at
        return self._known[content]
