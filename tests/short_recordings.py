"""Write short recordings of noise for tests that look at files, folders and names."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import soundfile

from kws.config import SAMPLE_RATE


def record(*paths: Path) -> None:
    """Write a quarter of a second of noise to each path, and the folders that it is in."""
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        name = "/".join(path.parts[-2:])  # equal recordings would be one
        noise = np.random.default_rng([*name.encode()]).integers(-999, 999, SAMPLE_RATE // 4)
        soundfile.write(path, noise.astype(np.int16), SAMPLE_RATE)
