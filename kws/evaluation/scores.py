"""A model's confidences over recordings, each heard from a fresh start."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain

import numpy as np
import numpy.typing as npt

from kws.backend import open_ds_cnn, open_mfcc
from kws.config import SAMPLE_RATE
from kws.gate import Gate
from kws.listener import FLUSH_SECONDS
from kws.model_file import ModelFile
from kws.posterior import Posterior

Samples = npt.NDArray[np.int16]
StreamScores = npt.NDArray[np.int64]  # [steps, keywords] confidences, Q15


class Scorer:
    """The road up to the threshold: samples to confidences, 0 at steps that the gate cuts out."""

    def __init__(self, model: ModelFile) -> None:
        self.config = model.config
        self._mfcc = open_mfcc(model.config.front_end)
        self._ds_cnn = open_ds_cnn(model)
        self.window_frames = self._ds_cnn.window_frames
        self._gate = Gate(model.config, self.window_frames)
        self._posterior = Posterior(model.config, self._ds_cnn.score_scale, self.window_frames)

    def score_stream(self, pieces: Iterable[Samples]) -> StreamScores:
        """Confidences at every step of a stream, silence around it, as `kws listen` has them."""
        self.reset()
        priming = np.zeros(self.config.priming_samples(self.window_frames), np.int16)
        tail = np.zeros(round(FLUSH_SECONDS * SAMPLE_RATE), np.int16)
        return np.concatenate([self.push(piece) for piece in chain((priming,), pieces, (tail,))])

    def end_sample(self, step: int) -> int:
        """End of the sound that a step of trace() rests on, in samples of the pieces."""
        rows = self._ds_cnn.window_frames + step * self.config.stride
        front_end = self.config.front_end
        end = (rows - 1) * front_end.hop + front_end.window
        return end - self.config.priming_samples(self.window_frames)

    def reset(self) -> None:
        """Forget the stream."""
        for stage in (self._gate, self._mfcc, self._ds_cnn, self._posterior):
            stage.reset()

    def push(self, samples: Samples) -> StreamScores:
        """EvaluationClip int16 samples [n]; return the confidences of the steps they complete."""
        count = len(self.config.keywords)
        traces = [np.zeros((0, count), np.int64)]
        for cut, passage in self._gate.push(samples):
            traces += [np.zeros((cut, count), np.int64), self.hear(passage)]
        return np.concatenate(traces)

    def hear(self, samples: Samples) -> StreamScores:
        """The same for samples that have passed the gate."""
        return self._posterior.smooth(self._ds_cnn.push(self._mfcc.push(samples)))


@dataclass(frozen=True)
class Scores:
    """What a model made of a test set."""

    positives: dict[str, npt.NDArray[np.int64]]  # by keyword: each recording's greatest confidence
    negatives: dict[str, npt.NDArray[np.int64]]  # by keyword: confidence at each step of the speech
    hours: float  # of negative speech


def score_recordings(
    scorer: Scorer,
    positives: Mapping[str, Iterable[Samples]],
    negatives: Iterable[Samples],
) -> Scores:
    """Hear every positive recording by itself, and all negatives as one stream."""
    keywords = scorer.config.keywords
    peaks = {}
    for index, keyword in enumerate(keywords):
        heard = [scorer.score_stream([samples])[:, index] for samples in positives.get(keyword, ())]
        peaks[keyword] = np.array([trace.max(initial=0) for trace in heard], np.int64)
    length = 0

    def stream() -> Iterator[Samples]:
        nonlocal length
        for samples in negatives:
            length += len(samples)
            yield samples

    trace = scorer.score_stream(stream())
    negative = {keyword: trace[:, index] for index, keyword in enumerate(keywords)}
    return Scores(peaks, negative, length / SAMPLE_RATE / 3600)
