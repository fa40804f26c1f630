"""Convert the sample rate of a sound card or file to 16 kHz."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from kws.config import SAMPLE_RATE
from kws.types import Samples


class Resampler:
    """Convert a stream of mono samples at `rate` Hz to int16 samples at 16 kHz.

    The division of the stream into pushes changes nothing: soxr computes in float32, because its
    int16 output adds a dither that depends on the division. At 16 kHz int16 samples pass unchanged.
    Where soxr is not installed (the extra of that name), PolyphaseFilter does its work.
    """

    def __init__(self, rate: int) -> None:
        self._stream: Any = None
        if rate != SAMPLE_RATE:
            self._stream = _open(rate)

    def push(self, samples: npt.NDArray[Any], last: bool = False) -> Samples:
        """Take samples [n], int16 or float32 in units of int16; return those that are ready [m].

        Args:
            samples: the next ones of the stream.
            last: whether nothing follows; if so, the samples that soxr held back come as well.
        """
        if self._stream is not None:
            samples = self._stream.resample_chunk(samples.astype(np.float32, copy=False), last)
        if samples.dtype != np.int16:
            samples = np.clip(np.rint(samples), -32768, 32767)
        return samples.astype(np.int16, copy=False)


def _open(rate: int) -> Any:
    """Open a stream that converts float32 samples."""
    try:
        import soxr
    except ImportError:
        from kws.audio.polyphase import PolyphaseFilter

        return PolyphaseFilter(rate)
    return soxr.ResampleStream(rate, SAMPLE_RATE, 1, dtype="float32", quality="HQ")
