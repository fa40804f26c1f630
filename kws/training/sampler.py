"""Which examples of the pool make up a batch."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from kws.training.example_store import Pool
from kws.training.recipe import Schedule


def in_proportion(
    weights: npt.NDArray[np.float64], count: int, random: np.random.Generator
) -> npt.NDArray[np.int64]:
    """[count] indices, each as often as its weight says; given are the weights' running sums."""
    places = random.uniform(0, weights[-1], count)
    return np.minimum(np.searchsorted(weights, places), len(weights) - 1)


def by_keyword(keywords: npt.NDArray[np.integer[Any]]) -> list[npt.NDArray[np.int64]]:
    """Indices of what has each keyword that there is, of keywords' numbers [n]; 0 is none."""
    groups = (np.flatnonzero(keywords == k) for k in range(1, keywords.max(initial=0) + 1))
    return [group for group in groups if len(group)]


class Sampler:
    """Draws batches: keywords evenly, of the background half at random and half by difficulty.

    Most background is easy from the first minute on; what still raises alarms is seen more often.
    """

    def __init__(
        self, pool: Pool, schedule: Schedule, chosen: npt.NDArray[np.int64], seed: int
    ) -> None:
        """chosen: indices of the examples that are drawn from."""
        self._random = np.random.default_rng(seed)
        self._schedule = schedule
        keyword = pool.keywords[chosen]
        self._background = chosen[keyword == 0]
        self._keywords = [chosen[group] for group in by_keyword(keyword)]
        self._difficulty = np.ones(len(pool.labels), np.float32)

    def draw(self) -> npt.NDArray[np.int64]:
        """[batch] indices into the pool."""
        schedule, random = self._schedule, self._random
        each = round(schedule.batch_size * schedule.keyword_share / max(1, len(self._keywords)))
        backgrounds = schedule.batch_size - each * len(self._keywords)
        weights = np.cumsum(self._difficulty[self._background], dtype=np.float64)
        hard = self._background[in_proportion(weights, backgrounds // 2, random)]
        drawn = [random.choice(group, each) for group in self._keywords]
        drawn += [hard, random.choice(self._background, backgrounds - len(hard))]
        return np.concatenate(drawn)

    def learn(self, chosen: npt.NDArray[np.int64], difficulty: npt.NDArray[np.float32]) -> None:
        """Note how hard [batch] examples were."""
        self._difficulty[chosen] = difficulty + 0.01

    def easiest(self, count: int) -> npt.NDArray[np.int64]:
        """Indices of the easiest background examples, half of all at most."""
        order = np.argsort(self._difficulty[self._background], kind="stable")
        easiest: npt.NDArray[np.int64] = self._background[order[: min(count, len(order) // 2)]]
        return easiest
