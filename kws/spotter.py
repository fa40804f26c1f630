"""Spot keywords in a stream of samples: gate -> mfcc -> ds_cnn -> posterior, in NumPy.

Where the model has a committee, it takes the place of the one network.

kws/engine/native.py runs the same pipeline in C, firmware_export/src/spotter.c, bit for bit.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from kws.committee import Committee
from kws.config import MICRO_FRONTEND, ModelConfig
from kws.ds_cnn import DsCnn
from kws.fixed_mfcc import FixedMfcc
from kws.gate import Gate
from kws.mfcc import Mfcc
from kws.micro_frontend import MicroFrontend
from kws.model_file import ModelFile
from kws.posterior import ONE, Detection, Posterior
from kws.stateful_ds_cnn import StatefulDsCnn
from kws.types import Classifier, Samples


class NumpySpotter:
    """Detect keywords in a stream; the division into pushes changes nothing."""

    def __init__(
        self, model: ModelFile, open_network: Callable[[ModelFile], Classifier] | None = None
    ) -> None:
        """Set up the stages of a model and prime them; open_network: sets up another network."""
        self.config = model.config
        self.mfcc = front_end_of(model)
        opened = open_network or network_of
        self.ds_cnn = opened(model)
        self.committee = Committee(model, opened) if model.config.committee else None
        self.window_frames = (self.committee or self.ds_cnn).window_frames
        self.gate = Gate(model.config, self.window_frames)
        self.posterior = Posterior(model.config, self.ds_cnn.score_scale, self.window_frames)
        self.reset()

    def reset(self) -> None:
        """Forget the stream and prime the stages with the silence of a receptive field."""
        self.gate.reset()
        self.mfcc.reset()
        self.ds_cnn.reset()
        if self.committee:
            self.committee.reset()
        self.posterior.reset()
        self._priming = 0
        silence = np.zeros(self.config.priming_samples(self.window_frames), np.int16)
        self.push(silence)
        self._priming = len(silence)

    def push(self, samples: Samples) -> list[Detection]:
        """Take int16 samples [n] at 16 kHz; return the detections they complete."""
        detections = []
        self.posterior.begin_block()
        for skipped, passage in self.gate.push(samples):
            self.posterior.skip(skipped)
            frames = self.mfcc.push(passage)
            if self.committee:
                averages, shown = self.committee.push(frames)
                detections += self.posterior.decide(averages, shown)
            else:
                scores = self.ds_cnn.push(frames)
                detections += self.posterior.push(scores)
        return [replace(found, sample=found.sample - self._priming) for found in detections]

    def use_thresholds(self, config: ModelConfig) -> None:
        """Use the thresholds of these settings from the next step on; forget nothing."""
        self.config = config
        self.posterior.use_thresholds(config.thresholds)
        if self.committee:
            self.committee.use_thresholds(config)

    @property
    def scores(self) -> dict[str, float]:
        """Return the greatest smoothed posterior of each keyword, 0..1, in the latest push.

        A push that completed no step of the network leaves the posteriors of the latest step.
        While the gate is closed they are 0. Where a committee sleeps they are those of its first
        member, which no detection rests on.
        """
        peaks = (
            self.posterior.peaks / ONE if self.gate.open else np.zeros(len(self.config.keywords))
        )
        return dict(zip(self.config.keywords, peaks.tolist(), strict=True))


def network_of(model: ModelFile) -> DsCnn | StatefulDsCnn:
    """Set up the network of a model in TensorFlow Lite's interpreter."""
    return StatefulDsCnn(model) if model.config.micro_wake_word else DsCnn(model)


def front_end_of(model: ModelFile) -> Mfcc | FixedMfcc | MicroFrontend:
    """Set up the front end of a model in its arithmetic."""
    front_end = model.config.front_end
    if front_end.kind == MICRO_FRONTEND:
        return MicroFrontend()
    if front_end.arithmetic == "fixed":
        return FixedMfcc(front_end, *model.input_quantisation)
    return Mfcc(front_end)
