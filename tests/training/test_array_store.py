"""Test the store of arrays."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from full_disk import full_disk

from kws.training.array_store import ArrayStore


@dataclass(frozen=True)
class Pair:
    first: np.ndarray
    second: np.ndarray


def test_saved_arrays_load_as_they_were(tmp_path: Path) -> None:
    """Two stores share a folder, and their arrays have their types and shapes."""
    one, other = ArrayStore(Pair, "one"), ArrayStore(Pair, "other")
    pair = Pair(np.arange(6, dtype=np.float16).reshape(2, 3), np.zeros((0, 4)))
    one.save(tmp_path, pair)
    other.save(tmp_path, Pair(pair.second, pair.first))
    loaded = one.load(tmp_path)
    for name in ("first", "second"):
        saved, array = getattr(pair, name), getattr(loaded, name)
        assert (array.dtype, array.shape) == (saved.dtype, saved.shape)
        assert np.array_equal(array, saved)
    assert len(list(tmp_path.iterdir())) == 4


def test_changes_stay_in_memory_or_are_refused(tmp_path: Path) -> None:
    store = ArrayStore(Pair, "pair")
    store.save(tmp_path, Pair(np.zeros(3), np.zeros(2)))
    changed = store.load(tmp_path, "c")
    changed.first[1] = 5
    assert not store.load(tmp_path).first.any()
    with pytest.raises(ValueError, match="read-only"):
        store.load(tmp_path).first[1] = 5


def test_created_arrays_are_written_to_the_folder(tmp_path: Path) -> None:
    store = ArrayStore(Pair, "pair")
    created = store.create(tmp_path, {"second": (np.float64, (2,)), "first": (np.int8, (3, 1))})
    created.first[:] = 7
    created.second[:] = [0.5, 1]
    del created
    loaded = store.load(tmp_path)
    assert loaded.first.tolist() == [[7], [7], [7]]
    assert loaded.first.dtype == np.int8
    assert loaded.second.tolist() == [0.5, 1]


def test_a_disk_without_room_is_an_error_at_once(tmp_path: Path) -> None:
    """Without it, the process would die of SIGBUS when it fills the arrays."""
    with full_disk(tmp_path, 64) as disk:
        store, array = ArrayStore(Pair, "one"), (np.int16, (50_000,))
        with pytest.raises(OSError, match=r"No space left on device: '.*one\.second\.npy'"):
            store.create(disk, {"first": (np.int16, (10_000,)), "second": array})
        small = store.create(disk, {"first": (np.int16, (100,)), "second": (np.int16, (0,))})
        small.first[:] = 1
