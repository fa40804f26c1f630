"""Scores to detections, in integers alone: bit for bit what posterior.c decides on the board.

After Chen, Parada and Heigold, "Small-footprint keyword spotting using deep neural networks"
(2014): softmax, average over w_smooth steps, greatest average over w_max steps, threshold,
refractory time.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from kws.config import SAMPLE_RATE, ModelConfig

ONE = 1 << 15  # a posterior of 1.0
EXP_ONE = 1 << 16  # the greatest entry of the exponential table

Int = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Detection:
    """A keyword was heard."""

    sample: int  # end of the audio that the decision rests on, from the start of the stream
    keyword: str
    confidence: float  # 0..1

    @property
    def time(self) -> float:
        """Audio time of the trigger, s."""
        return self.sample / SAMPLE_RATE


def exp_table(score_scale: float) -> Int:
    """[256] round(65536 * exp(-d * score_scale)) for a score d below the greatest one."""
    rounded: npt.NDArray[np.float64] = np.rint(EXP_ONE * np.exp(-np.arange(256) * score_scale))
    return rounded.astype(np.int64)


def threshold_level(threshold: float) -> int:
    """A threshold in 0..1 as the least posterior that reaches it; at least 1."""
    return max(1, int(np.ceil(threshold * ONE)))


class Posterior:
    """Network scores in, detections out; how the stream is cut into pieces changes nothing."""

    def __init__(self, config: ModelConfig, score_scale: float, window_frames: int) -> None:
        """score_scale: step of the int8 scores; window_frames: feature rows of the first step."""
        self.config = config
        self.table = exp_table(score_scale)
        self.levels = np.array([threshold_level(t) for t in config.thresholds], np.int64)
        self.window_frames = window_frames
        self.reset()

    def reset(self) -> None:
        """Forget the stream."""
        smoothing = self.config.smoothing
        count = len(self.config.keywords)
        self._posteriors = np.zeros((smoothing.smooth_steps - 1, count), np.int64)
        self._averages = np.zeros((smoothing.max_steps - 1, count), np.int64)
        self._steps = 0  # steps taken since the start of the stream
        self._silent_until = 0  # first step that may fire again
        self._confidences = np.zeros(count, np.int64)  # at the latest step
        self.begin_block()

    def begin_block(self) -> None:
        """Begin the block of steps that `peaks` is taken over; until its first step, the latest."""
        self.peaks = self._confidences  # [keywords] greatest confidences of the block, Q15
        self._block_is_empty = True

    def skip(self, steps: int) -> None:
        """Let the time of steps go by that were cut out; the smoothing knows nothing of them."""
        self._steps += steps

    def push(self, scores: npt.NDArray[np.int8]) -> list[Detection]:
        """Take int8 scores [steps, classes]; return the detections among these steps."""
        confidences = self.confidences(scores)
        detections = []
        for step in np.flatnonzero((confidences >= self.levels).any(axis=1)):
            if self._steps + step >= self._silent_until:
                now = self._steps + int(step)
                detections.append(self._detection(now, confidences[step]))
                self._silent_until = now + 1 + self.config.smoothing.refractory_steps
        self._steps += len(scores)
        if len(scores):
            peaks = confidences.max(axis=0)
            self.peaks = peaks if self._block_is_empty else np.maximum(self.peaks, peaks)
            self._block_is_empty = False
            self._confidences = confidences[-1]
        return detections

    def confidences(self, scores: npt.NDArray[np.int8]) -> Int:
        """Advance the smoothing by scores [steps, classes]; confidences [steps, keywords], Q15."""
        if not len(scores):  # which NumPy's windows do not take
            return np.empty((0, len(self.config.keywords)), np.int64)
        smoothing = self.config.smoothing
        posteriors = np.concatenate([self._posteriors, softmax(scores, self.table)[:, 1:]])
        averages = _windows(posteriors, smoothing.smooth_steps).sum(axis=-1)
        averages = np.concatenate([self._averages, averages // smoothing.smooth_steps])
        self._posteriors = posteriors[len(scores) :]
        self._averages = averages[len(scores) :]
        confidences: Int = _windows(averages, smoothing.max_steps).max(axis=-1)
        return confidences

    def _detection(self, step: int, confidence: Int) -> Detection:
        """The keyword furthest above its threshold; of equals, the first."""
        keyword = int(np.argmax(np.where(confidence >= self.levels, confidence - self.levels, -1)))
        front_end = self.config.front_end
        rows = self.window_frames + step * self.config.stride
        sample = (rows - 1) * front_end.hop + front_end.window
        return Detection(sample, self.config.keywords[keyword], int(confidence[keyword]) / ONE)


def softmax(scores: npt.NDArray[np.int8], table: Int) -> Int:
    """int8 [steps, classes] to posteriors [steps, classes], Q15, rounded down."""
    wide = scores.astype(np.int64)
    exponentials = table[wide.max(axis=1, keepdims=True) - wide]
    posteriors: Int = exponentials * ONE // exponentials.sum(axis=1, keepdims=True)
    return posteriors


def _windows(values: Int, width: int) -> Int:
    """[steps + width - 1, keywords] to the last `width` values at each step."""
    return np.lib.stride_tricks.sliding_window_view(values, width, axis=0)
