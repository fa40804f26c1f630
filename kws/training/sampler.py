"""Which examples of the pool make up a batch."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from kws.training.pool import Pool
from kws.training.schedule import Schedule


class Sampler:
    """Draws batches: keywords evenly, of the background half at random and half by difficulty.

    Most background is easy from the first minute on; what still raises alarms is seen more often.
    """

    def __init__(self, pool: Pool, schedule: Schedule, seed: int) -> None:
        self._random = np.random.default_rng(seed)
        self._schedule = schedule
        keyword = pool.labels.max(axis=1)
        self._background, *self._keywords = (
            np.flatnonzero(keyword == k) for k in range(keyword.max() + 1)
        )
        self._difficulty = np.ones(len(keyword))

    def draw(self) -> npt.NDArray[np.int64]:
        """[batch] indices into the pool."""
        schedule, random = self._schedule, self._random
        each = round(schedule.batch * schedule.positives / len(self._keywords))
        backgrounds = schedule.batch - each * len(self._keywords)
        weights = np.cumsum(self._difficulty[self._background])
        places = random.uniform(0, weights[-1], backgrounds // 2)
        hard = self._background[np.searchsorted(weights, places)]
        drawn = [random.choice(group, each) for group in self._keywords]
        drawn += [hard, random.choice(self._background, backgrounds - len(hard))]
        return np.concatenate(drawn)

    def learn(self, chosen: npt.NDArray[np.int64], difficulty: npt.NDArray[np.float32]) -> None:
        """Note how hard [batch] examples were."""
        self._difficulty[chosen] = difficulty + 0.01
