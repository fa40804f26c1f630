"""Change the tempo of speech and keep its pitch, by waveform similarity (WSOLA).

After Verhelst and Roelands, "An overlap-add technique based on waveform similarity" (1993): frames
are taken faster or slower than they are put down, each from where it continues the one before best.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.signal import correlate

from kws.config import SAMPLE_RATE
from kws.types import Samples

FRAME = SAMPLE_RATE * 25 // 1000 // 2 * 2  # samples
HOP = FRAME // 2
SEARCH = SAMPLE_RATE // 100  # samples to both sides, a period of 100 Hz

Double = npt.NDArray[np.float64]


def change_tempo(samples: Samples, tempo: float) -> Samples:
    """Return speech that is `tempo` times as fast, with its pitch."""
    count = int(len(samples) / tempo)
    steps = count // HOP + 2
    last = int(steps * HOP * tempo)
    around = (SEARCH, max(0, last - len(samples)) + 2 * FRAME + SEARCH)
    audio = np.pad(samples.astype(np.float64), around)
    window = np.hanning(FRAME + 1)[:-1]
    out = np.zeros(steps * HOP + FRAME)
    place = SEARCH
    out[:FRAME] = audio[place : place + FRAME] * window
    out[:HOP] = audio[place : place + HOP]  # nothing before it to fade from
    for step in range(1, steps):
        natural = audio[place + HOP : place + HOP + FRAME]
        nominal = int(step * HOP * tempo)  # less SEARCH, where the search begins
        place = nominal + _most_similar(audio[nominal : nominal + FRAME + 2 * SEARCH], natural)
        out[step * HOP : step * HOP + FRAME] += audio[place : place + FRAME] * window
    stretched: Double = np.clip(np.rint(out[:count]), -32768, 32767)
    return stretched.astype(np.int16)


def _most_similar(passage: Double, frame: Double) -> int:
    """Return the offset in a passage at which it resembles a frame most; of equals, the middle."""
    if not frame.any():
        return SEARCH
    products = correlate(passage, frame, "valid", "direct")
    sums = np.concatenate([[0.0], np.cumsum(passage**2)])
    energies = sums[len(frame) :] - sums[: -len(frame)]
    return int(np.argmax(products / np.sqrt(np.maximum(energies, 1.0))))
