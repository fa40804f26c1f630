"""Mine hard negatives: segments of speech that a network takes for a keyword.

Examples drawn at random seldom hold such a moment; the network in training finds them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from kws.training.augmentation.scene import CLEAN
from kws.training.batches import Sampler
from kws.training.example_store import ExamplePool
from kws.training.features import OVERSAMPLING, ExampleLayout, tilt_and_curvature

LogMels = npt.NDArray[np.float16]  # [frames, filters]
Mined = npt.NDArray[np.int64]  # [2, segments]: indices into the pool, first frames in the speech
Confidences = Callable[[LogMels], npt.NDArray[np.float32]]  # of log mels, at each step

CHUNK_STEPS = 1000  # scored at once
MIN_DISTANCE = 25  # steps from one hard negative to the next
# Step of an example at which its hard moment lies: not so late that a slower tempo moves it out.
TARGET_STEP = (3, 14)
GAIN = (-36.0, 8.0)  # dB, of a segment
SNR = (0.0, 30.0)  # dB, its loudest frame against noise
TILT = 1.5  # nepers, of the noise
NOISE_SHAPE = 12.0  # of the gamma distribution of a noise's mel sums


@dataclass(frozen=True)
class HardNegativeMiner:
    """Replace the easiest background of a pool by hard segments of speech."""

    speech: LogMels  # [m, filters], stored frames
    layout: ExampleLayout
    pool: ExamplePool
    sampler: Sampler

    def mine(
        self, confidences: Confidences, count: int, searched: int, random: np.random.Generator
    ) -> Mined:
        """Find hard segments and insert them into the pool.

        Args:
            confidences: Scores log mels with the network.
            count: How many segments at most.
            searched: Stored frames of the speech that are searched, consecutive ones.
            random: Chooses the frames, and where segments begin.

        Returns:
            What was inserted where; insert() repeats it.
        """
        start = random.integers(max(1, len(self.speech) - searched + 1))
        excerpt = self.speech[start : start + searched]
        firsts = start + hardest_segments(confidences, excerpt, self.layout, count, random)
        indices = self.sampler.easiest(len(firsts))
        mined: Mined = np.stack([indices, firsts[: len(indices)]]).astype(np.int64)
        self.insert(mined)
        return mined

    def insert(self, mined: Mined) -> None:
        """Overwrite examples by mined segments; the same ones give the same examples."""
        offset = self.layout.front_end.log_offset
        for index, first in mined.T:
            segment = self.speech[first : first + self.layout.frames]
            random = np.random.default_rng((index, first))  # so that training can be resumed
            self.pool.log_mels[index] = augment_segment(segment, offset, random)
        indices = mined[0]
        self.pool.labels[indices] = 0
        self.sampler.update(indices, np.ones(len(indices), np.float32))


def augment_segment(log_mels: LogMels, offset: float, random: np.random.Generator) -> LogMels:
    """Change the level of a segment [frames, filters] and add noise, with probability 1 - CLEAN.

    If all segments stayed as they were recorded, a clean recording would tell background.

    Args:
        log_mels: The segment.
        offset: What the front end adds to a mel sum before its logarithm.
        random: The generator that is drawn from.
    """
    if random.random() < CLEAN:
        return log_mels
    frames, filters = log_mels.shape
    mels = np.maximum(np.exp(log_mels.astype(np.float32)) - offset, 0)
    snr = random.uniform(*SNR)
    tilt = np.exp(random.uniform(-TILT, TILT, 2) @ tilt_and_curvature(filters))
    noise = tilt / tilt.mean() * random.gamma(NOISE_SHAPE, 1 / NOISE_SHAPE, (frames, filters))
    noise *= mels.mean(axis=1).max() * 10 ** (-snr / 20)
    gain = 10 ** (random.uniform(*GAIN) / 20)
    augmented: LogMels = np.log(gain * (mels + noise) + offset).astype(np.float16)
    return augmented


def hardest_segments(
    confidences: Confidences,
    speech: LogMels,
    layout: ExampleLayout,
    count: int,
    random: np.random.Generator,
) -> npt.NDArray[np.intp]:
    """Return the first frames of up to `count` segments, the greatest confidence first.

    speech: stored frames [m, filters].
    """
    stride, window = layout.stride, layout.window_frames
    scored = [np.zeros(0, np.float32)]
    frames = speech[::OVERSAMPLING]
    for first in range(0, len(frames) - window + 1, CHUNK_STEPS * stride):
        scored.append(confidences(frames[first : first + window + (CHUNK_STEPS - 1) * stride]))
    steps = _top_k(np.concatenate(scored), count)
    firsts = (steps - random.integers(*TARGET_STEP, len(steps))) * stride * OVERSAMPLING
    within: npt.NDArray[np.intp] = np.clip(firsts, 0, len(speech) - layout.frames)
    return within


def _top_k(confidence: npt.NDArray[np.float32], k: int) -> npt.NDArray[np.intp]:
    """Return the steps of the k greatest confidences, one at most of MIN_DISTANCE steps."""
    count = len(confidence) // MIN_DISTANCE
    if not count:
        return np.zeros(0, np.intp)
    groups = confidence[: count * MIN_DISTANCE].reshape(count, MIN_DISTANCE)
    steps = groups.argmax(axis=1) + MIN_DISTANCE * np.arange(count)
    top: npt.NDArray[np.intp] = steps[np.argsort(-confidence[steps], kind="stable")[:k]]
    return top
