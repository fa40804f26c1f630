"""Provide given blocks of samples as a live source."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from kws.ring_buffer import RingBuffer


class BlockSource:
    """Send blocks one by one; overflows: their count before each block, as if samples were lost."""

    name, live = "blocks", True

    def __init__(
        self, blocks: Iterable[npt.NDArray[np.int16]], overflows: Iterable[int] = ()
    ) -> None:
        self._blocks, self._losses, self.overflows = list(blocks), list(overflows), 0

    def __enter__(self) -> BlockSource:
        return self

    def __exit__(self, *error: object) -> None:
        pass

    def fill(self, ring: RingBuffer) -> bool:
        """Write the next block into the ring; return False after the last one."""
        if not self._blocks:
            return False
        self.overflows = self._losses.pop(0) if self._losses else self.overflows
        return ring.write(self._blocks.pop(0)) > 0
