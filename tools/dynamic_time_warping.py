"""How differently two utterances of a word sound: dynamic time warping (Sakoe and Chiba 1978)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy.spatial.distance import cdist

Float = npt.NDArray[np.float64]


def warped_distances(words: Sequence[npt.NDArray[np.float32]]) -> Float:
    """Distances [n, n] between words of feature rows [rows, features], at least one row each.

    The rows of two words are aligned in order, so that the sum of the Euclidean distances of the
    pairs is the least; it is divided by the mean number of rows. Symmetric, zero on the diagonal.
    """
    lengths = np.array([len(word) for word in words])
    distances = np.zeros((len(words), len(words)))
    for i in range(1, len(words)):
        others = np.zeros((lengths[:i].max(), i, words[i].shape[1]))
        for j in range(i):
            others[: lengths[j], j] = words[j]
        rows = cdist(words[i], others.reshape(-1, others.shape[2]))
        cost = _cheapest(rows.reshape(len(words[i]), *others.shape[:2]), lengths[:i])
        distances[i, :i] = 2 * cost / (lengths[i] + lengths[:i])
    return distances + distances.T


def _cheapest(cost: Float, lengths: npt.NDArray[np.intp]) -> Float:
    """[n] cost of the cheapest way through cost[:, :lengths[j], j], corner to corner.

    The cells a + b = k of cost [a, b, n] depend on those of k - 1 and k - 2 alone: all of a
    diagonal are computed at once.
    """
    size_a, size_b, count = cost.shape
    # The last two diagonals by a + 1: row 0 lies outside, and is where every way starts.
    before = np.full((size_a + 1, count), np.inf)
    last = before.copy()
    before[0] = 0
    ends = np.empty((size_a + size_b - 1, count))  # where the last a was reached, by diagonal
    for k in range(len(ends)):
        a = np.arange(max(0, k - size_b + 1), min(k + 1, size_a))
        cheapest = np.minimum(np.minimum(last[a], last[a + 1]), before[a])
        before, last = last, np.full_like(last, np.inf)
        last[a + 1] = cost[a, k - a] + cheapest
        ends[k] = last[-1]
    reached: Float = ends[size_a - 2 + lengths, np.arange(count)]
    return reached
