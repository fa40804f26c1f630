"""Test checkpoints."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from kws.training.checkpoint import Checkpoint, read_losses


def test_a_saved_checkpoint_loads_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "a.checkpoint"
    assert Checkpoint.load(path) == Checkpoint()
    random = np.random.default_rng(1)
    best = [random.normal(size=(3, n)).astype(np.float32) for n in range(1, 13)]
    state = [np.array(7, np.int64), *best]
    mined = [random.integers(0, 2**40, (2, n)) for n in (5, 0, 3)]
    losses = [(8.0, 0.5, 0.25), (9.0, 0.4, 0.125)]
    Checkpoint(9, 4, 0.125, best, state, mined, losses, best[:1]).save(path)
    loaded = Checkpoint.load(path)
    assert loaded.losses == read_losses(path) == losses
    assert (loaded.epoch, loaded.best_epoch, loaded.best_loss) == (9, 4, 0.125)
    kept_arrays = loaded.best, loaded.state, loaded.mined, loaded.sampler
    for kept, arrays in zip(kept_arrays, (best, state, mined, best[:1]), strict=True):
        for a, b in zip(kept, arrays, strict=True):
            assert a.dtype == b.dtype
            assert np.array_equal(a, b)
    assert list(tmp_path.iterdir()) == [path]


class Unsaveable:
    """Fails when it is saved."""

    def __reduce__(self) -> str:
        raise OSError("no space left")


def test_an_incomplete_checkpoint_never_replaces_a_complete_one(tmp_path: Path) -> None:
    path = tmp_path / "a.checkpoint"
    Checkpoint(1, 1, 0.5, [np.ones(5)], [np.ones(3)]).save(path)
    with pytest.raises(OSError, match="no space"):
        Checkpoint(2, 2, 0.25, [np.ones(5), np.array([Unsaveable()])]).save(path)
    assert list(tmp_path.iterdir()) == [path]
    assert Checkpoint.load(path).epoch == 1
    Checkpoint(3, 3, 0.2, [np.ones(5)], [np.ones(3)]).save(path)
    assert Checkpoint.load(path).epoch == 3
    assert list(tmp_path.iterdir()) == [path]


def test_a_checkpoint_of_before_losses_were_kept_has_none(tmp_path: Path) -> None:
    path = tmp_path / "a.checkpoint"
    with path.open("wb") as file:
        np.savez(file, numbers=np.array([2, 1, 0.5]), state0=np.ones(3))
    assert (Checkpoint.load(path).epoch, read_losses(path)) == (2, [])
    path.write_bytes(path.read_bytes()[:50])
    assert read_losses(path) == read_losses(tmp_path / "missing") == []


def damaged(content: bytes, random: np.random.Generator) -> bytes:
    """Return content that is cut short, has other bytes somewhere, or is something else."""
    position = int(random.integers(len(content)))
    kind = random.integers(4)
    if kind == 0:
        return content[:position]
    if kind == 1:
        return content[:position] + random.bytes(40) + content[position + 40 :]
    if kind == 2:
        return content[:position] + bytes(len(content) - position)  # blocks that were not written
    return random.bytes(position)


@pytest.mark.parametrize("seed", range(60))
def test_a_damaged_checkpoint_is_one_line_and_an_empty_one(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, seed: int
) -> None:
    path = tmp_path / "a.checkpoint"
    random = np.random.default_rng(seed)
    Checkpoint(9, 4, 0.125, [random.normal(size=(3, 4))], [np.ones(50)]).save(path)
    kept = path.read_bytes()
    path.write_bytes(damaged(kept, random))
    if Checkpoint.load(path).epoch:  # the damage was in bytes that say nothing
        return
    assert Checkpoint.load(path) == Checkpoint()
    [line] = [record.getMessage() for record in caplog.records]
    assert "a.checkpoint: damaged" in line
    assert "starts over" in line
    assert len(line.splitlines()) == 1


def test_an_array_in_place_of_a_checkpoint_is_damage(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.ones(3))
    assert Checkpoint.load(tmp_path / "a.npy") == Checkpoint()


@pytest.mark.skipif(sys.platform == "win32", reason="there is no such limit")
@pytest.mark.parametrize("seed", range(3))
def test_a_disk_that_is_full_at_any_byte_leaves_the_former_checkpoint(
    tmp_path: Path, seed: int
) -> None:
    import resource

    path, arrays = tmp_path / "a.checkpoint", [np.ones((7, n)) for n in range(1, 40)]
    former, later = (Checkpoint(n, n, 0.5 / n, arrays, arrays) for n in (1, 2))
    later.save(path)
    complete = path.stat().st_size
    former.save(path)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    for limit in [0, complete - 1, *np.random.default_rng(seed).integers(1, complete, 20)]:
        resource.setrlimit(resource.RLIMIT_FSIZE, (int(limit), before[1]))
        try:
            with pytest.raises(OSError, match="File too large"):
                later.save(path)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
        assert list(tmp_path.iterdir()) == [path]
        assert Checkpoint.load(path).epoch == 1
    later.save(path)
    assert Checkpoint.load(path).epoch == 2
