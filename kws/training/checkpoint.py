"""Store the state of a training in a file after every epoch, so that it can be resumed."""

from __future__ import annotations

import logging
import struct
import zlib
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
import numpy.typing as npt

from kws.actions.time_limit import one_line
from kws.atomic_write import write_atomically

Arrays = list[npt.NDArray[Any]]

# What NumPy and zipfile raise for a file that is cut short or holds other bytes.
WRONG_VALUES = (ValueError, TypeError, AttributeError, LookupError)
DAMAGE = (*WRONG_VALUES, EOFError, OSError, RuntimeError, BadZipFile, zlib.error, struct.error)
LISTS = "best", "state", "mined", "sampler"  # the fields that are arrays

Losses = list[tuple[float, float, float]]  # epoch from 1, training loss, validation loss or NaN

log = logging.getLogger(__name__)


@dataclass
class Checkpoint:
    """Hold a training after some epochs, and the best weights that it has had."""

    epoch: int = 0
    best_epoch: int = 0
    best_loss: float = float("inf")
    best: Arrays = field(default_factory=list)  # weights of the network
    state: Arrays = field(default_factory=list)  # of network and optimiser
    mined: Arrays = field(default_factory=list)  # hard negatives that joined the pool, by epoch
    losses: Losses = field(default_factory=list)  # by epoch
    sampler: Arrays = field(default_factory=list)  # what batches depend on, besides the seed

    def save(self, path: Path) -> None:
        """Write the checkpoint; it replaces the previous one only when it is complete."""
        content = BytesIO()  # an archive that breaks off in a file complains when it is collected
        np.savez(
            content,
            numbers=np.array([self.epoch, self.best_epoch, self.best_loss]),
            losses=np.array(self.losses, np.float64).reshape(-1, 3),
            **{
                f"{name}{i}": array for name in LISTS for i, array in enumerate(getattr(self, name))
            },
        )
        write_atomically(path, content.getvalue())

    @staticmethod
    def load(path: Path) -> Checkpoint:
        """Return the checkpoint of a file, or an empty one where there is none.

        A damaged file is logged and removed: that training starts over.
        """
        try:
            content = path.read_bytes()
        except FileNotFoundError:
            return Checkpoint()
        try:
            return Checkpoint._parse(content)
        except DAMAGE as error:
            log.warning("%s: damaged (%s); this training starts over", path, one_line(error))
            path.unlink()
            return Checkpoint()

    @staticmethod
    def _parse(content: bytes) -> Checkpoint:
        with np.load(BytesIO(content)) as saved:
            epoch, best_epoch, best_loss = saved["numbers"].tolist()
            lists = {
                name: [saved[f"{name}{i}"] for i in range(sum(k.startswith(name) for k in saved))]
                for name in LISTS
            }
            losses = _losses(saved)
            return Checkpoint(int(epoch), int(best_epoch), best_loss, **lists, losses=losses)


def read_losses(path: Path) -> Losses:
    """Return the losses of a checkpoint file alone; none where it is missing or damaged."""
    try:
        with np.load(path) as saved:
            return _losses(saved)
    except DAMAGE:
        return []


def _losses(saved: Any) -> Losses:
    """Return the losses of an open checkpoint; those of earlier versions have none."""
    if "losses" not in saved:
        return []
    return [
        (epoch, training, validation) for epoch, training, validation in saved["losses"].tolist()
    ]
