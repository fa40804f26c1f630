"""Convert a sample rate to 16 kHz with a polyphase filter in NumPy, where soxr is not installed."""

from __future__ import annotations

from math import ceil, gcd

import numpy as np
import numpy.typing as npt

from kws.config import SAMPLE_RATE
from kws.errors import KwsError

Floats = npt.NDArray[np.float32]

PASS_BAND = 0.913  # of the lower Nyquist frequency; above it the stop band begins. As soxr's "HQ"
STOP_BAND = 100.0  # dB of rejection, below the rounding of 16-bit samples
BETA = 0.1102 * (STOP_BAND - 8.7)  # of the Kaiser window (Kaiser 1974)
# Samples at the lower rate on each side of an output, by the same paper.
HALF = (STOP_BAND - 7.95) / (2.285 * 2 * np.pi * (1 - PASS_BAND))
MAX_COEFFICIENTS = 10_000_000  # 40 MB; a rate that shares no factor with 16 kHz needs many phases
CHUNK = 512  # outputs at once, whose windows fit into a processor's cache


class PolyphaseFilter:
    """Convert a stream of float32 samples; the division into chunks changes nothing.

    Output m lies at the input position m * rate / 16000. Its coefficients are those of one of the
    phases: a sinc at the lower of both Nyquist frequencies times a Kaiser window.
    """

    def __init__(self, rate: int) -> None:
        """Compute the phases of a filter.

        Raises:
            KwsError: the rate needs too many of them.
        """
        divisor = gcd(rate, SAMPLE_RATE)
        self._up, self._down = SAMPLE_RATE // divisor, rate // divisor
        lower = min(1.0, SAMPLE_RATE / rate)
        self._half = ceil(HALF / lower)
        if self._up * 2 * self._half > MAX_COEFFICIENTS:
            raise KwsError(f"a sample rate of {rate} Hz needs soxr: pip install 'kws[soxr]'")
        self._phases = _phases(self._up, self._half, lower * (1 + PASS_BAND) / 2)
        self._pending = np.zeros(self._half - 1, np.float32)
        self._first = 1 - self._half  # position of the first pending sample
        self._next = 0  # output
        self._taken = 0  # samples

    def resample_chunk(self, samples: Floats, last: bool = False) -> Floats:
        """Take samples [n]; return those at 16 kHz that are complete; all after the last."""
        self._taken += len(samples)
        tail = np.zeros(self._half if last else 0, np.float32)
        self._pending = np.concatenate([self._pending, samples, tail])
        complete = self._first + len(self._pending) - self._half
        end = -(-complete * self._up // self._down)
        if last:
            end = min(end, (2 * self._taken * self._up + self._down) // (2 * self._down))
        starts = range(self._next, end, CHUNK)
        outputs = [self._outputs(start, min(start + CHUNK, end)) for start in starts]
        self._next = max(self._next, end)
        unused = self._next * self._down // self._up + 1 - self._half - self._first
        self._pending, self._first = self._pending[unused:], self._first + unused
        return np.concatenate([np.zeros(0, np.float32), *outputs])

    def _outputs(self, start: int, end: int) -> Floats:
        """Return some outputs, each a sum of products of its window and its phase."""
        positions = np.arange(start, end) * self._down
        windows = np.lib.stride_tricks.sliding_window_view(self._pending, 2 * self._half)
        first = positions // self._up + 1 - self._half - self._first
        sums: Floats = np.einsum("ij,ij->i", windows[first], self._phases[positions % self._up])
        return sums


def _phases(count: int, half: int, cutoff: float) -> Floats:
    """Return the coefficients of each phase, [phases, 2 * half]; they sum to 1.

    cutoff: in units of the input's Nyquist frequency.
    """
    distances = np.arange(1 - half, half + 1) - np.arange(count)[:, None] / count
    window = np.i0(BETA * np.sqrt(np.clip(1 - (distances / half) ** 2, 0, None)))
    sincs = np.sinc(cutoff * distances) * window
    phases: Floats = (sincs / sincs.sum(axis=1, keepdims=True)).astype(np.float32)
    return phases
