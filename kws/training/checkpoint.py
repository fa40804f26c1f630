"""How far a training is, kept in a file after every epoch."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

Arrays = list[npt.NDArray[Any]]

LISTS = "best", "state", "mined"  # the fields that are arrays


@dataclass
class Checkpoint:
    """A training after some epochs, and the best that it has been."""

    epoch: int = 0
    best_epoch: int = 0
    best_loss: float = float("inf")
    best: Arrays = field(default_factory=list)  # weights of the network
    state: Arrays = field(default_factory=list)  # of network and optimiser
    mined: Arrays = field(default_factory=list)  # what came into the pool, by epoch

    def save(self, path: Path) -> None:
        """Put in place of the one before only when it is whole."""
        unfinished = path.with_suffix(".part")
        with unfinished.open("wb") as file:
            np.savez(
                file,
                numbers=np.array([self.epoch, self.best_epoch, self.best_loss]),
                **{
                    f"{name}{i}": array
                    for name in LISTS
                    for i, array in enumerate(getattr(self, name))
                },
            )
        unfinished.replace(path)

    @staticmethod
    def load(path: Path) -> Checkpoint:
        """The one that was saved, or a new one."""
        if not path.exists():
            return Checkpoint()
        with np.load(path) as kept:
            epoch, best_epoch, best_loss = kept["numbers"].tolist()
            lists = {
                name: [kept[f"{name}{i}"] for i in range(sum(k.startswith(name) for k in kept))]
                for name in LISTS
            }
            return Checkpoint(int(epoch), int(best_epoch), best_loss, **lists)
