"""The detector: gate -> mfcc -> ds_cnn -> posterior."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from kws.ds_cnn import DsCnn
from kws.gate import Gate
from kws.mfcc import Mfcc
from kws.model_file import ModelFile
from kws.posterior import Detection, Posterior


class Spotter:
    """Samples in, detections out; how the stream is cut into pieces changes nothing."""

    def __init__(self, model: ModelFile) -> None:
        self.config = model.config
        self.mfcc = Mfcc(model.config.front_end)
        self.ds_cnn = DsCnn(model)
        self.window_frames = self.ds_cnn.window_frames
        self.gate = Gate(model.config, self.window_frames)
        self.posterior = Posterior(model.config, self.ds_cnn.score_scale, self.window_frames)

    def reset(self) -> None:
        """Forget the stream."""
        self.gate.reset()
        self.mfcc.reset()
        self.ds_cnn.reset()
        self.posterior.reset()

    def push(self, samples: npt.NDArray[np.int16]) -> list[Detection]:
        """Take int16 samples [n] at 16 kHz; return the detections they complete."""
        detections = []
        for cut, passage in self.gate.push(samples):
            self.posterior.skip(cut)
            rows = self.mfcc.push(passage)
            scores = self.ds_cnn.push(rows)
            detections += self.posterior.push(scores)
        return detections

    @property
    def confidences(self) -> dict[str, float]:
        """Confidence in 0..1 per keyword at the latest step; 0 while the gate is closed."""
        return self.posterior.latest if self.gate.open else dict.fromkeys(self.config.keywords, 0.0)
