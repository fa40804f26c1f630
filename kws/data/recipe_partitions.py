"""Read which recordings of a dataset recipe are in which partition."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import PurePath

from kws.data.clips import PARTITIONS
from kws.toml_file import TomlTable


def partition_in(name: PurePath, partitions: Mapping[str, int], other: int) -> int:
    """Return the partition of a recording by its path, its speaker or its folder.

    A speaker is named by the path up to the last hyphen: "speech/anna" for "speech/anna-0001.wav".
    """
    speaker = name.as_posix().rpartition("-")[0]
    folders = (folder.as_posix() for folder in name.parents)
    for key in (name.as_posix(), speaker, *folders):
        if key in partitions:
            return partitions[key]
    return other


def read_partitions(recipe: TomlTable, key: str) -> dict[str, int]:
    """Return the partition by recording, speaker or folder, from JSON files that a recipe names."""
    several = isinstance(recipe.content[key], list)
    names = recipe.texts(key, '["a file"]') if several else [recipe.text(key)]
    found: dict[str, int] = {}
    for name in names:
        path = recipe.path.parent / name
        try:
            partitions = json.loads(path.read_text("utf-8"))
        except OSError as error:
            raise recipe.error(key, f"{path}: {error.strerror}") from error
        except (ValueError, RecursionError) as error:  # the latter for deeply nested brackets
            raise recipe.error(key, f"{path}: not JSON: {error}") from error
        if not isinstance(partitions, dict) or not all(map(_is_partition, partitions.values())):
            problem = f"no partition from 0 to {PARTITIONS - 1} by recording"
            raise recipe.error(key, f"{path}: {problem}")
        found |= partitions
    return found


def _is_partition(value: object) -> bool:
    """Return whether a value of JSON is a partition; true and 1.0, which equal one, are none."""
    return type(value) is int and value in range(PARTITIONS)
