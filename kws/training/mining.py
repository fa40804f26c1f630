"""Hard negatives: passages of speech that a network takes for a keyword.

Examples drawn at random seldom hold such a moment; a network on its way finds every one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from kws.training.augmentation.scene import PLAIN
from kws.training.batches import Sampler
from kws.training.example_layout import DETAIL, Layout
from kws.training.example_store import Pool
from kws.training.log_mel import slope_and_bow

LogMelRows = npt.NDArray[np.float16]
Mined = npt.NDArray[np.int64]  # [2, passages] indices into the pool, and first rows in the speech
Confidences = Callable[[LogMelRows], npt.NDArray[np.float32]]  # at each step of rows [n, filters]

STRETCH = 1000  # steps that are scored at once
APART = 25  # steps from one hard moment to the next
# Step of an example at which its hard moment lies: not so late that slowing takes it out of it.
PLACE = (3, 14)
GAIN = (-36.0, 8.0)  # dB, of a passage
SNR = (0.0, 30.0)  # dB, its loudest row against noise
COLOUR = 1.5  # nepers, of the noise
GRAIN = 12.0  # shape of the gamma distribution of a noise's mel sums


@dataclass(frozen=True)
class Miner:
    """Puts hard passages of speech into a pool, in the place of its easiest background."""

    speech: LogMelRows  # [m, filters]
    layout: Layout
    pool: Pool
    sampler: Sampler

    def mine(
        self, confidences: Confidences, most: int, searched: int, random: np.random.Generator
    ) -> Mined:
        """Find up to `most` in `searched` rows in a row, and put them into the pool."""
        start = random.integers(max(1, len(self.speech) - searched + 1))
        some = self.speech[start : start + searched]
        firsts = start + hardest(confidences, some, self.layout, most, random)
        places = self.sampler.easiest(len(firsts))
        mined: Mined = np.stack([places, firsts[: len(places)]]).astype(np.int64)
        self.put(mined)
        return mined

    def put(self, mined: Mined) -> None:
        """Write passages over examples."""
        offset = self.layout.front_end.log_offset
        for place, first in mined.T:
            passage = self.speech[first : first + self.layout.rows]
            random = np.random.default_rng((place, first))  # the same when training goes on
            self.pool.log_mels[place] = elsewhere(passage, offset, random)
        places = mined[0]
        self.pool.labels[places] = 0
        self.sampler.update(places, np.ones(len(places), np.float32))


def elsewhere(log_mels: LogMelRows, offset: float, random: np.random.Generator) -> LogMelRows:
    """A passage [rows, filters], most often at another level and in noise, as examples are.

    Were all passages as they were recorded, a clean recording would be a sign of background.
    offset: what the front end adds to a mel sum before its logarithm.
    """
    if random.random() < PLAIN:
        return log_mels
    rows, filters = log_mels.shape
    mels = np.maximum(np.exp(log_mels.astype(np.float32)) - offset, 0)
    snr = random.uniform(*SNR)
    colour = np.exp(random.uniform(-COLOUR, COLOUR, 2) @ slope_and_bow(filters))
    noise = colour / colour.mean() * random.gamma(GRAIN, 1 / GRAIN, (rows, filters))
    noise *= mels.mean(axis=1).max() * 10 ** (-snr / 20)
    gain = 10 ** (random.uniform(*GAIN) / 20)
    changed: LogMelRows = np.log(gain * (mels + noise) + offset).astype(np.float16)
    return changed


def hardest(
    confidences: Confidences,
    speech: LogMelRows,
    layout: Layout,
    most: int,
    random: np.random.Generator,
) -> npt.NDArray[np.intp]:
    """First rows of up to `most` passages around the moments likest a keyword, likest first.

    speech: rows [m, filters], DETAIL for each that a network hears.
    """
    stride, window = layout.stride, layout.window_frames
    heard = [np.zeros(0, np.float32)]
    rows = speech[::DETAIL]
    for first in range(0, len(rows) - window + 1, STRETCH * stride):
        heard.append(confidences(rows[first : first + window + (STRETCH - 1) * stride]))
    steps = _peaks(np.concatenate(heard), most)
    firsts = (steps - random.integers(*PLACE, len(steps))) * stride * DETAIL
    within: npt.NDArray[np.intp] = np.clip(firsts, 0, len(speech) - layout.rows)
    return within


def _peaks(confidence: npt.NDArray[np.float32], most: int) -> npt.NDArray[np.intp]:
    """The steps of the greatest confidences, each the greatest within APART steps of it."""
    count = len(confidence) // APART
    if not count:
        return np.zeros(0, np.intp)
    stretches = confidence[: count * APART].reshape(count, APART)
    steps = stretches.argmax(axis=1) + APART * np.arange(count)
    worst: npt.NDArray[np.intp] = steps[np.argsort(-confidence[steps], kind="stable")[:most]]
    return worst
