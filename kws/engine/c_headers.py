"""Read the headers of the C engine, which alone state the layout of its structs.

The exporter and the native backend fill structs by field name; sizes are those of the board, a
32-bit machine that aligns each number to its own size.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

_PACKAGE = Path(__file__).parents[1]
ENGINE_FOLDERS = (_PACKAGE / "firmware" / "src", _PACKAGE.parent / "firmware_export" / "src")
HEADERS = (
    "gate.h",
    "mfcc.h",
    "fixed_mfcc.h",
    "micro_frontend.h",
    "ds_cnn.h",
    "committee.h",
    "posterior.h",
    "spotter.h",
)  # in order of inclusion
ALL_KINDS = "0xffffu"  # of layers: KWS_KINDS, which an export sets to those of its models
POINTER_BYTES = 4  # on the board
_SIZES = {"bool": 1, "char": 1, "float": 4, "size_t": 4, "uint64_t": 8, "int64_t": 8}
_SIZES |= {f"{sign}int{bits}_t": bits // 8 for sign in ("", "u") for bits in (8, 16, 32)}

_ENUM = re.compile(r"enum\s*\w*\s*\{([^}]*)\}\s*;")
_STRUCT = re.compile(r"typedef struct \{([^{}]*)\} (\w+);")
_MEMBERS = re.compile(r"(?:const |volatile )?(\w+)\s*(.*)", re.DOTALL)
_MEMBER = re.compile(r"((?:\*|const|\s)*)(\w+)((?:\[\w+\])*)")


@dataclass(frozen=True)
class Field:
    """Describe a field of a struct."""

    name: str
    c_type: str  # without const; of a pointer, what it points to
    pointer: bool
    count: int  # elements of an array; else 1
    offset: int  # bytes from the start of the struct, on the board


@dataclass(frozen=True)
class Struct:
    """Describe a struct: its fields by name, in order, and what it takes on the board."""

    fields: dict[str, Field]
    size: int  # bytes
    alignment: int


def engine_folder() -> Path:
    """Return the folder of the engine's C sources, in an installation or a checkout."""
    return next(folder for folder in ENGINE_FOLDERS if folder.is_dir())


def declarations(text: str) -> str:
    """Return the declarations of a header: no comment, no line of the preprocessor or for C++."""
    text = re.sub(r"/\*.*?\*/", "", text.replace("\\\n", " "), flags=re.DOTALL)
    text = re.sub(r"#ifdef __cplusplus\n.*?#endif\n", "", text, flags=re.DOTALL)
    return re.sub(r"^#.*\n", "", text, flags=re.MULTILINE)


@cache
def structs() -> dict[str, Struct]:
    """Return the structs of the engine by name."""
    text = _text()
    found: dict[str, Struct] = {}
    for body, name in _STRUCT.findall(text):
        found[name] = _struct(body, found)
    return found


@cache
def constants() -> dict[str, int]:
    """Return the enumeration constants of the engine by name."""
    found: dict[str, int] = {}
    for body in _ENUM.findall(_text()):
        following = 0
        for entry in body.split(","):
            name, _, value = (part.strip() for part in entry.partition("="))
            found[name] = int(value) if value else following
            following = found[name] + 1
    return found


def _text() -> str:
    folder = engine_folder()
    return "".join(declarations((folder / name).read_text("utf-8")) for name in HEADERS)


def _struct(body: str, known: dict[str, Struct]) -> Struct:
    """Lay out the fields of a struct."""
    fields, end, widest = {}, 0, 1
    for name, c_type, pointer, count, inner in _members(body, known):
        size = POINTER_BYTES if pointer else inner.size if inner else _SIZES[c_type]
        alignment = inner.alignment if inner and not pointer else size
        offset = _aligned(end, alignment)
        fields[name] = Field(name, c_type, pointer, count, offset)
        end, widest = offset + count * size, max(widest, alignment)
    return Struct(fields, _aligned(end, widest), widest)


def _members(
    body: str, known: dict[str, Struct]
) -> Iterator[tuple[str, str, bool, int, Struct | None]]:
    """Yield name, C type, whether it is a pointer, count and struct, if any, of each field."""
    for declaration in re.findall(r"[^;]+(?=;)", body):
        members = _MEMBERS.fullmatch(declaration.strip())
        assert members, declaration
        c_type, names = members.groups()
        for text in names.split(","):
            member = _MEMBER.fullmatch(text.strip())
            assert member, declaration
            count = 1
            for size in re.findall(r"\w+", member[3]):
                count *= int(size) if size.isdigit() else constants()[size]
            yield member[2], c_type, "*" in member[1], count, known.get(c_type)


def _aligned(offset: int, alignment: int) -> int:
    return -(-offset // alignment) * alignment
