"""Round audio as the mu-law companding of a telephone does (ITU-T G.711)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

MU = 255


def compand(audio: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return audio [n], full scale 1.0, rounded to 8 bits on a logarithmic scale."""
    code = np.rint(np.sign(audio) * np.log1p(MU * np.abs(audio)) / np.log1p(MU) * 127) / 127
    decoded: npt.NDArray[np.float64] = np.sign(code) * np.expm1(np.abs(code) * np.log1p(MU)) / MU
    return decoded
