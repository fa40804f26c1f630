"""Name the array types that the stages of the pipeline pass on."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

Samples: TypeAlias = npt.NDArray[np.int16]  # [n] mono at 16 kHz
Frames: TypeAlias = npt.NDArray[np.float32]  # [frames, coefficients] features
StepScores: TypeAlias = npt.NDArray[np.int8]  # [steps, classes] of the network
Confidences: TypeAlias = npt.NDArray[np.int64]  # [steps, keywords] smoothed posteriors, Q15
Trace: TypeAlias = npt.NDArray[np.integer[Any]]  # [steps] or [steps, keywords], Q15 of any width
Float: TypeAlias = npt.NDArray[np.float32]
Int: TypeAlias = npt.NDArray[np.int64]
