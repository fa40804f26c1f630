"""Turn network scores into detections, in integers alone, bit for bit as posterior.c does.

After Chen, Parada and Heigold, "Small-footprint keyword spotting using deep neural networks"
(2014): softmax, average over w_smooth steps, greatest average over w_max steps, threshold,
refractory time. Posteriors, averages and thresholds are Q15: 32768 is 1.0.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from kws.config import SAMPLE_RATE, ModelConfig
from kws.types import Confidences, Int, StepScores

ONE = 1 << 15  # a posterior of 1.0
EXP_ONE = 1 << 16  # the greatest entry of the exponential table


@dataclass(frozen=True)
class Detection:
    """Describe a detection: which keyword, when, how confident."""

    sample: int  # end of the audio that the decision rests on, from the start of the stream
    keyword: str
    confidence: float  # 0..1

    @property
    def time(self) -> float:
        """Return the time of the detection in the audio, s."""
        return self.sample / SAMPLE_RATE


def exp_table(score_scale: float) -> Int:
    """Return round(65536 * exp(-d * score_scale)) for each distance d of a score from the greatest.

    Shape [256].
    """
    table: Int = np.rint(EXP_ONE * np.exp(-np.arange(256) * score_scale)).astype(np.int64)
    return table


def quantise_threshold(threshold: float) -> int:
    """Return the smallest posterior (Q15, at least 1) that reaches a threshold in 0..1."""
    return max(1, int(np.ceil(threshold * ONE)))


class Posterior:
    """Turn scores into detections; the division of the stream into pushes changes nothing."""

    def __init__(self, config: ModelConfig, score_scale: float, window_frames: int) -> None:
        """Take the scale of the int8 scores and the count of frames that the first step sees."""
        self.config = config
        self.table = exp_table(score_scale)
        self.use_thresholds(config.thresholds)
        self.window_frames = window_frames
        self.reset()

    def reset(self) -> None:
        """Forget the stream."""
        smoothing = self.config.smoothing
        count = len(self.config.keywords)
        # A stream begins with posteriors of 0; one of microWakeWord has no average before as many.
        earlier = 0 if self.config.micro_wake_word else smoothing.smooth_steps - 1
        self._posteriors = np.zeros((earlier, count), np.int64)
        self._averages = np.zeros((smoothing.max_steps - 1, count), np.int64)
        self._steps = 0  # steps taken since the start of the stream
        self._refractory_end = 0  # first step that may fire again
        self._confidences = np.zeros(count, np.int64)  # at the latest step
        self.begin_block()

    def use_thresholds(self, thresholds: Sequence[float]) -> None:
        """Fire at these confidences in 0..1, one per keyword, from the next step on."""
        self.thresholds = np.array([quantise_threshold(t) for t in thresholds], np.int64)

    def begin_block(self) -> None:
        """Begin the block of steps that `peaks` is taken over; until its first step, the latest."""
        self.peaks = self._confidences  # [keywords] greatest confidences of the block, Q15
        self._block_is_empty = True

    def skip(self, steps: int) -> None:
        """Advance the time by steps that the gate cut out; the smoothing ignores the gap."""
        self._steps += steps

    def push(self, scores: StepScores) -> list[Detection]:
        """Take int8 scores [steps, classes]; return the detections among these steps."""
        averages = self._average(scores)
        return self.decide(averages, averages)

    def decide(self, averages: Int, shown: Int) -> list[Detection]:
        """Advance by averages [steps, keywords], Q15; return the detections among these steps.

        shown [steps, keywords]: what `peaks` has at the steps whose confidence is 0, Q15.
        """
        confidences = self.maximum(averages)
        detections = []
        for step in np.flatnonzero((confidences >= self.thresholds).any(axis=1)):
            if self._steps + step >= self._refractory_end:
                now = self._steps + int(step)
                detections.append(self._detection(now, confidences[step]))
                self._refractory_end = now + 1 + self.config.smoothing.refractory_steps
        self._steps += len(averages)
        if len(averages):
            shown = np.where(confidences > 0, confidences, shown)
            peaks = shown.max(axis=0)
            self.peaks = peaks if self._block_is_empty else np.maximum(self.peaks, peaks)
            self._block_is_empty = False
            self._confidences = shown[-1]
        return detections

    def smooth(self, scores: StepScores) -> Confidences:
        """Advance by scores [steps, classes]; return the confidences [steps, keywords], Q15."""
        return self.maximum(self._average(scores))

    def maximum(self, averages: Int) -> Confidences:
        """Advance by averages [steps, keywords]; return the confidences [steps, keywords], Q15."""
        if not len(averages):  # which NumPy's windows do not take
            return np.empty((0, len(self.config.keywords)), np.int64)
        joined = np.concatenate([self._averages, averages])
        self._averages = joined[len(averages) :]
        confidences: Confidences = windows(joined, self.config.smoothing.max_steps).max(axis=-1)
        return confidences

    def _average(self, scores: StepScores) -> Int:
        """Advance by scores [steps, classes]; return the averages [steps, keywords], Q15."""
        if not len(scores):
            return np.empty((0, len(self.config.keywords)), np.int64)
        width = self.config.smoothing.smooth_steps
        if self.config.micro_wake_word:
            found = sigmoid(scores)
        else:
            found = softmax(scores, self.table)[:, 1:]
        posteriors = np.concatenate([self._posteriors, found])
        self._posteriors = posteriors[max(0, len(posteriors) - width + 1) :]
        averages = np.zeros((len(scores), len(self.config.keywords)), np.int64)
        if len(posteriors) >= width:
            whole = windows(posteriors, width).sum(axis=-1) // width
            averages[len(scores) - len(whole) :] = whole
        return averages

    def _detection(self, step: int, confidence: Int) -> Detection:
        """Choose the keyword furthest above its threshold; of equals, the first."""
        margins = np.where(confidence >= self.thresholds, confidence - self.thresholds, -1)
        keyword = int(np.argmax(margins))
        front_end = self.config.front_end
        frames = self.window_frames + step * self.config.stride
        sample = (frames - 1) * front_end.hop + front_end.window
        return Detection(sample, self.config.keywords[keyword], int(confidence[keyword]) / ONE)


def softmax(scores: StepScores, table: Int) -> Int:
    """Return the posteriors [steps, classes], Q15, rounded down, of scores [steps, classes]."""
    wide = scores.astype(np.int64)
    exponentials = table[wide.max(axis=1, keepdims=True) - wide]
    posteriors: Int = exponentials * ONE // exponentials.sum(axis=1, keepdims=True)
    return posteriors


def sigmoid(scores: StepScores) -> Int:
    """Return the posteriors [steps, keywords], Q15, of sigmoids in 1/256 from -128 on."""
    return (scores.astype(np.int64) + 128) * (ONE // 256)


def windows(values: Int, width: int) -> Int:
    """Return the last `width` values at each step of [steps + width - 1, keywords]."""
    return np.lib.stride_tricks.sliding_window_view(values, width, axis=0)
