"""Store dataclasses of arrays in a folder, one .npy file per field, and memory-map them."""

from __future__ import annotations

import errno
import os
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any, ClassVar, Generic, Literal, Protocol, TypeVar

import numpy as np
import numpy.typing as npt
from numpy.lib.format import open_memmap

Shape = tuple[int, ...]


class DataclassOfArrays(Protocol):
    """Describe a dataclass whose fields are all NumPy arrays."""

    __dataclass_fields__: ClassVar[dict[str, Any]]


T = TypeVar("T", bound=DataclassOfArrays)


class ArrayStore(Generic[T]):
    """Save and load values of one dataclass; `<name>.<field>.npy` holds a field."""

    def __init__(self, kind: type[T], name: str) -> None:
        """Store values of `kind` under a name, so that a folder can hold several stores."""
        self._kind = kind
        self._files = {field.name: f"{name}.{field.name}.npy" for field in fields(kind)}

    def save(self, folder: Path, value: T) -> None:
        """Write all arrays of a value into a folder."""
        for name, file in self._files.items():
            np.save(folder / file, getattr(value, name))

    def load(self, folder: Path, mode: Literal["r", "c"] = "r") -> T:
        """Memory-map the arrays of a folder.

        Args:
            folder: Where save() or create() wrote.
            mode: "r" for arrays that cannot be changed, "c" for arrays whose changes stay in the
                memory of this process (copy on write).
        """
        return self._kind(
            **{name: np.load(folder / file, mmap_mode=mode) for name, file in self._files.items()}
        )

    def create(self, folder: Path, arrays: Mapping[str, tuple[npt.DTypeLike, Shape]]) -> T:
        """Create arrays of given types and shapes in a folder, memory-mapped for writing.

        Raises:
            OSError: the disk has no room for them. Later, writing to the memory would end the
                process (SIGBUS).
        """
        created = self._kind(
            **{
                name: open_memmap(folder / file, "w+", *arrays[name])  # type: ignore[no-untyped-call]
                for name, file in self._files.items()
            }
        )
        for file in self._files.values():
            _reserve(folder / file)
        return created


def _reserve(path: Path) -> None:
    """Let the disk give room for all of a file, where the system can."""
    if not hasattr(os, "posix_fallocate"):
        return
    with path.open("r+b") as file:
        try:
            os.posix_fallocate(file.fileno(), 0, path.stat().st_size)
        except OSError as error:
            if error.errno not in (errno.EOPNOTSUPP, errno.EINVAL):  # what some file systems say
                raise OSError(error.errno, error.strerror, str(path)) from error
