"""Store an object in a folder so that several processes share the memory of its arrays."""

from __future__ import annotations

import pickle
from itertools import accumulate
from pathlib import Path
from typing import Any

import numpy as np

ARRAYS, REST = "arrays", "objects.pickle"
ALIGNMENT = 64  # bytes, of each array


def store_object(value: object, folder: Path) -> None:
    """Write an object into a folder, its arrays into a file of their own."""
    sizes = [ALIGNMENT]  # an empty file cannot be mapped
    with (folder / ARRAYS).open("wb") as arrays:
        arrays.write(bytes(ALIGNMENT))

        def write(buffer: pickle.PickleBuffer) -> None:
            content = buffer.raw()
            arrays.write(content)
            arrays.write(bytes(-content.nbytes % ALIGNMENT))
            sizes.append(content.nbytes)

        rest = pickle.dumps(value, protocol=5, buffer_callback=write)
    (folder / REST).write_bytes(pickle.dumps((sizes, rest)))


def map_object(folder: Path) -> Any:
    """Return the object that store_object() wrote; its arrays are mapped and cannot be changed."""
    sizes, rest = pickle.loads((folder / REST).read_bytes())
    mapped = memoryview(np.memmap(folder / ARRAYS, np.uint8, "r").data)
    starts = accumulate((size + -size % ALIGNMENT for size in sizes), initial=0)
    buffers = [mapped[start : start + size] for start, size in zip(starts, sizes, strict=False)]
    return pickle.loads(rest, buffers=buffers[1:])
