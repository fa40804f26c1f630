"""Store the state of a training in a file after every epoch, so that it can be resumed."""

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
    """Hold a training after some epochs, and the best weights that it has had."""

    epoch: int = 0
    best_epoch: int = 0
    best_loss: float = float("inf")
    best: Arrays = field(default_factory=list)  # weights of the network
    state: Arrays = field(default_factory=list)  # of network and optimiser
    mined: Arrays = field(default_factory=list)  # hard negatives that joined the pool, by epoch

    def save(self, path: Path) -> None:
        """Write the checkpoint; it replaces the previous one only when it is complete."""
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
        """Return the checkpoint of a file, or an empty one where there is no file."""
        if not path.exists():
            return Checkpoint()
        with np.load(path) as saved:
            epoch, best_epoch, best_loss = saved["numbers"].tolist()
            lists = {
                name: [saved[f"{name}{i}"] for i in range(sum(k.startswith(name) for k in saved))]
                for name in LISTS
            }
            return Checkpoint(int(epoch), int(best_epoch), best_loss, **lists)
