"""Log mel rows of training examples, by the front end that listening uses."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from kws.backend import open_mfcc
from kws.config import FrontEnd
from kws.mfcc_tables import FrontEndTables


class LogMels:
    """Samples to log mel rows: MFCC with all coefficients, their cosine transform undone.

    In C where kws was built with a compiler, which halves the time that examples take.
    """

    def __init__(self, spec: FrontEnd) -> None:
        whole = replace(spec, coefficients=spec.mel_filters, mean=(), scale=())
        self._mfcc = open_mfcc(whole)
        self._inverse = np.linalg.inv(full_dct(FrontEndTables(whole)))

    def rows(self, samples: npt.NDArray[np.int16]) -> npt.NDArray[np.float32]:
        """int16 [n] by itself to log mels [rows, filters]."""
        self._mfcc.reset()
        return self._mfcc.push(samples) @ self._inverse


def slope_and_bow(filters: int) -> npt.NDArray[np.float64]:
    """[2, filters] in which one microphone or noise differs from another most, -1 to 1."""
    shapes: npt.NDArray[np.float64] = np.cos(np.outer((1, 2), np.linspace(0, np.pi, filters)))
    return shapes


def full_dct(tables: FrontEndTables) -> npt.NDArray[np.float32]:
    """[filters, coefficients] the front end's halved DCT, unfolded."""
    sign = np.where(np.arange(len(tables.dct)) % 2, -1, 1).astype(np.float32)[:, None]
    unfolded: npt.NDArray[np.float32] = np.concatenate([tables.dct, sign * tables.dct[:, ::-1]], 1)
    return unfolded.T
