"""Name the types that the stages of the pipeline pass on and share."""

from __future__ import annotations

from typing import Any, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

Samples: TypeAlias = npt.NDArray[np.int16]  # [n] mono at 16 kHz
Frames: TypeAlias = npt.NDArray[np.float32]  # [frames, coefficients] features
StepScores: TypeAlias = npt.NDArray[np.int8]  # [steps, classes] of the network
Confidences: TypeAlias = npt.NDArray[np.int64]  # [steps, keywords] smoothed posteriors, Q15
Trace: TypeAlias = npt.NDArray[np.integer[Any]]  # [steps] or [steps, keywords], Q15 of any width
Float: TypeAlias = npt.NDArray[np.float32]
Int: TypeAlias = npt.NDArray[np.int64]


class FeatureExtractor(Protocol):
    """Turn a stream of samples into feature frames; kws.mfcc.Mfcc defines it."""

    def reset(self) -> None:
        """Forget the stream."""

    def push(self, samples: Samples) -> Frames:
        """Take int16 samples [n]; return the frames they complete, [frames, coefficients]."""


class Classifier(Protocol):
    """Turn a stream of feature frames into scores; kws.ds_cnn.DsCnn defines it."""

    window_frames: int  # receptive field
    coefficients: int  # of a frame
    classes: int
    stride: int  # frames from one step to the next
    score_scale: float  # of an int8 score

    def reset(self) -> None:
        """Forget the stream."""

    def push(self, frames: Frames, /) -> StepScores:
        """Take frames [n, coefficients]; return the scores they complete, [steps, classes]."""
