"""The detector: mfcc -> ds_cnn -> posterior."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from kws.ds_cnn import DsCnn
from kws.mfcc import Mfcc
from kws.model_file import ModelFile
from kws.posterior import Detection, Posterior


class Spotter:
    """Samples in, detections out; how the stream is cut into pieces changes nothing."""

    def __init__(self, model: ModelFile) -> None:
        self.config = model.config
        self.mfcc = Mfcc(model.config.front_end)
        self.ds_cnn = DsCnn(model)
        self.window_rows = self.ds_cnn.window_rows
        self.posterior = Posterior(model.config, self.ds_cnn.score_scale, self.window_rows)

    def reset(self) -> None:
        """Forget the stream."""
        self.mfcc.reset()
        self.ds_cnn.reset()
        self.posterior.reset()

    def push(self, samples: npt.NDArray[np.int16]) -> list[Detection]:
        """Take int16 samples [n] at 16 kHz; return the detections they complete."""
        rows = self.mfcc.push(samples)
        scores = self.ds_cnn.push(rows)
        return self.posterior.push(scores)

    @property
    def confidences(self) -> dict[str, float]:
        """Confidence in 0..1 per keyword at the latest step."""
        return self.posterior.latest
