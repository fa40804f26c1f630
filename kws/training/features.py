"""The network's input as examples have it: its mean and scale, and windows that are typical."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from kws.config import FrontEnd
from kws.mfcc_tables import FrontEndTables
from kws.training.log_mel import full_dct
from kws.training.recipe import Architecture

RANGE = 6.0  # standard deviations that the network's int8 input spans; what is beyond saturates


def standardised(front_end: FrontEnd, log_mels: npt.NDArray[np.float16]) -> FrontEnd:
    """The front end with the mean and scale that give its coefficients mean 0 and deviation 1.

    log_mels: [n, rows, filters] of examples.
    """
    rows = log_mels.astype(np.float32).reshape(-1, front_end.mel_filters)
    raw = rows @ full_dct(FrontEndTables(front_end))
    mean, deviation = raw.mean(axis=0), raw.std(axis=0)
    return replace(
        front_end,
        mean=tuple(np.round(mean, 4).tolist()),
        scale=tuple(np.round(1 / deviation, 4).tolist()),
    )


def typical_windows(
    log_mels: npt.NDArray[np.float16],
    labels: npt.NDArray[np.int8],
    tables: FrontEndTables,
    architecture: Architecture,
) -> npt.NDArray[np.float32]:
    """A window of each example, [n, rows, coefficients]; of a keyword one that ends with it.

    Without these the ranges of the last layers would be too narrow for the scores that count.
    """
    dct = full_dct(tables)
    random = np.random.default_rng(0)
    windows = []
    for example, steps in zip(log_mels, labels, strict=True):
        found = np.flatnonzero(steps > 0) if steps.max() > 0 else np.arange(len(steps))
        start = int(random.choice(found)) * architecture.stride
        rows = example[start : start + architecture.window_frames].astype(np.float32)
        windows.append(rows @ dct + tables.bias)
    typical: npt.NDArray[np.float32] = np.clip(np.stack(windows), -RANGE, RANGE)
    return typical
