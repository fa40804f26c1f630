"""Make sounds for tests: bursts of noise over a noise floor, in place of words."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from kws.config import SAMPLE_RATE


def noise(seconds: float, rms: float, seed: int = 1) -> npt.NDArray[np.float64]:
    """Return white noise."""
    random = np.random.default_rng(seed)
    return random.normal(0, rms, round(seconds * SAMPLE_RATE))


def noise_bursts(*pieces: tuple[float, float], floor: float = 10.0) -> npt.NDArray[np.int16]:
    """Return noise of (seconds, RMS) pieces over a floor, int16."""
    whole = np.concatenate([noise(*piece) for piece in pieces])
    whole += noise(len(whole) / SAMPLE_RATE, floor, 2)
    return np.clip(whole.round(), -32768, 32767).astype(np.int16)
