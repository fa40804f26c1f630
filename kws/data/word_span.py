"""Locate the word in a recording: energy above the noise floor, with short gaps closed."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from kws.config import SAMPLE_RATE

FRAME = SAMPLE_RATE // 100  # 10 ms
ABOVE_FLOOR = 9.0  # dB over the noise floor that count as speech
BELOW_PEAK = (32.0, 26.0, 20.0, 14.0)  # dB under the loudest frame that still count as speech
MAX_GAP = 0.26  # s: the longest pause within a phrase ("smart | mirror"), stops included
MIN_SECONDS = 0.12  # anything shorter is a click
MAX_SECONDS = 1.5  # anything longer has other sounds in it, and a higher threshold is tried


def word_span(samples: npt.NDArray[np.int16]) -> tuple[int, int]:
    """Return the first and last+1 sample of the speech with the most energy in int16 [n]."""
    level = frame_levels(samples)
    for below in BELOW_PEAK:
        span = _span(level, max(np.percentile(level, 10) + ABOVE_FLOOR, level.max() - below))
        if (span[1] - span[0]) * FRAME <= MAX_SECONDS * SAMPLE_RATE:
            break
    return span[0] * FRAME, min(len(samples), span[1] * FRAME)


def _span(level: npt.NDArray[np.float64], threshold: float) -> tuple[int, int]:
    """Return the first and last+1 frame of the segment with the most energy above a level in dB."""
    speech = np.pad((level > threshold).astype(np.int8), 1)
    starts, ends = np.flatnonzero(np.diff(speech)).reshape(-1, 2).T
    if not starts.size:
        return 0, len(level)
    apart = starts[1:] - ends[:-1] >= int(MAX_GAP * SAMPLE_RATE / FRAME)
    starts, ends = starts[np.append(True, apart)], ends[np.append(apart, True)]
    energy = [_energy(level[start:end]) for start, end in zip(starts, ends, strict=True)]
    loudest = int(np.argmax(energy))
    return int(starts[loudest]), int(ends[loudest])


def frame_levels(samples: npt.NDArray[np.int16]) -> npt.NDArray[np.float64]:
    """Return the level of each 10 ms in dB re 1 LSB, smoothed over 30 ms; 0 dB for zeros."""
    complete = samples[: max(1, len(samples) // FRAME) * FRAME].astype(np.float64)
    frames = np.resize(complete, (max(1, len(complete) // FRAME), FRAME))
    power = np.pad((frames**2).mean(axis=1), 1, mode="edge")
    sums = np.cumsum(np.append(power[0] + power[1] + power[2], power[3:] - power[:-3]))
    level: npt.NDArray[np.float64] = 10 * np.log10(sums / 3 + 1)
    return level


def _energy(level: npt.NDArray[np.float64]) -> float:
    """Return the energy of a segment, 0 where it is too short for a word."""
    if len(level) * FRAME < MIN_SECONDS * SAMPLE_RATE:
        return 0.0
    return float((10 ** (level / 10)).sum())
