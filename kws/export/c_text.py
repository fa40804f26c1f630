"""Values as C source."""

from __future__ import annotations

from collections.abc import Mapping
from textwrap import fill
from typing import Any

import numpy as np
import numpy.typing as npt

WIDTH = 100


def number(value: Any) -> str:
    """A float as the shortest C literal that is certain to read back the same."""
    if isinstance(value, np.floating):
        text = f"{value:.9g}"
        return text + ("f" if set(text) & set(".en") else ".0f")
    return str(int(value))


def array(c_type: str, name: str, values: npt.NDArray[Any], attribute: str = "") -> str:
    """A constant array, flattened."""
    flat = ", ".join(map(number, values.reshape(-1)))
    body = fill(flat, WIDTH, initial_indent="  ", subsequent_indent="  ")
    shape = "".join(f"[{size}]" for size in values.shape)
    declaration = " ".join(filter(None, (f"static const {c_type} {name}[]", attribute)))
    return f"{declaration} = {{ /* {shape} */\n{body}\n}};\n\n"


def struct(fields: Mapping[str, object], depth: int) -> str:
    """A designated initialiser; depth is its indentation in steps."""
    indent = "  " * depth
    lines = {
        name: number(value) if isinstance(value, np.generic) else value
        for name, value in fields.items()
    }
    return (
        "{\n"
        + "".join(f"{indent}.{name} = {value},\n" for name, value in lines.items())
        + indent[2:]
        + "}"
    )


def words(text: str) -> str:
    """A C string literal of UTF-8 bytes."""
    plain = "".join(
        chr(byte) if 32 <= byte < 127 and chr(byte) not in '"\\?' else f"\\{byte:03o}"
        for byte in text.encode()
    )
    return f'"{plain}"'


def comment(text: str) -> str:
    """Text that cannot end a C comment."""
    return text.replace("*/", "* /").replace("\n", " ")
