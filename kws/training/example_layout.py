"""How long a training example is, and what its steps are labelled.

A step's label says what its window ends with: a keyword that has just been completed, or
background; around the word's end, where either answer would do, it is IGNORE.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt

from kws.config import SAMPLE_RATE, FrontEnd
from kws.training.recipe import Architecture

IGNORE = -1
# Rows that an example has for each that a network hears. Stretching takes some of them; were rows
# made up between two, training would know but smooth noise, and listening hears no such thing.
DETAIL = 2
# End of a step's window minus end of the word, s.
TRIGGER = (-0.06, 0.40)  # the keyword must be found at some steps of these
EARLY, LATE = -0.20, 0.60  # before and after it is background; in between, either


def heard_rows(rows: int) -> int:
    """How many a network hears of an example's rows."""
    return (rows - 1) // DETAIL + 1


@dataclass(frozen=True)
class Layout:
    """Length of an example: `steps` steps of a network that sees `window_frames` rows."""

    front_end: FrontEnd
    window_frames: int
    stride: int  # rows
    steps: int = 24

    @staticmethod
    def of(front_end: FrontEnd, architecture: Architecture) -> Layout:
        """For a network of this shape."""
        return Layout(front_end, architecture.window_frames, architecture.stride)

    @property
    def rows(self) -> int:
        """Of an example, DETAIL for each row that is heard."""
        return (self.window_frames + (self.steps - 1) * self.stride - 1) * DETAIL + 1

    @cached_property
    def detailed(self) -> FrontEnd:
        """The front end with the rows of examples."""
        return replace(self.front_end, hop=self.front_end.hop // DETAIL)

    @property
    def samples(self) -> int:
        return (self.rows - 1) * self.detailed.hop + self.front_end.window

    @property
    def step_ends(self) -> npt.NDArray[np.float64]:
        """[steps] where each step's window ends, s."""
        last_rows = self.window_frames - 1 + self.stride * np.arange(self.steps)
        return (last_rows * self.front_end.hop + self.front_end.window) / SAMPLE_RATE

    def labels(self, keyword: int, word_end: float) -> npt.NDArray[np.int8]:
        """[steps] labels of an example whose word ends at word_end, s."""
        return labels(keyword, self.step_ends - word_end)


def labels(keyword: int, after: npt.NDArray[np.float64]) -> npt.NDArray[np.int8]:
    """Of windows that end so many seconds after a keyword."""
    made = np.full(after.shape, IGNORE, np.int8)
    made[(after < EARLY) | (after > LATE)] = 0
    made[(after >= TRIGGER[0]) & (after <= TRIGGER[1])] = keyword
    return made
