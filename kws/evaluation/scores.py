"""Compute a model's confidences over recordings, each from a fresh start."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, groupby

import numpy as np

from kws.backend import open_ds_cnn, open_front_end
from kws.committee import Committee
from kws.config import MICRO_FRONTEND, SAMPLE_RATE
from kws.evaluation.block_stream import Block
from kws.gate import Gate
from kws.listener import FLUSH_SECONDS
from kws.model_file import ModelFile
from kws.posterior import Posterior
from kws.types import Confidences, Int, Samples, Trace


class Scorer:
    """Run the pipeline without its thresholds: samples to confidences.

    Confidences are 0 at the steps that the gate cuts out, and those of a keyword where a committee
    sleeps: there is no detection, whatever the threshold. `passed` counts the samples that the gate
    let pass since the last reset.
    """

    def __init__(self, model: ModelFile) -> None:
        self.config = model.config
        self._mfcc = open_front_end(model)
        self._ds_cnn = open_ds_cnn(model)
        self._committee = Committee(model, open_ds_cnn) if model.config.committee else None
        self.window_frames = (self._committee or self._ds_cnn).window_frames
        self._gate = Gate(model.config, self.window_frames)
        self._posterior = Posterior(model.config, self._ds_cnn.score_scale, self.window_frames)
        self.passed = 0

    def score_stream(self, pieces: Iterable[Samples]) -> Confidences:
        """Return the confidences [steps, keywords] of a stream, primed and flushed as a spotter."""
        return np.concatenate(list(self._stream(pieces)))

    def trace_stream(self, pieces: Iterable[Samples]) -> Trace:
        """Return what score_stream() does in 2 bytes each, for streams of hours."""
        return np.concatenate([part.astype(np.uint16) for part in self._stream(pieces)])

    def peaks(self, pieces: Iterable[Samples]) -> Int:
        """Return the greatest confidence of each keyword in a stream, shape [keywords]."""
        greatest: Int = np.max([p.max(axis=0, initial=0) for p in self._stream(pieces)], axis=0)
        return greatest

    def _stream(self, pieces: Iterable[Samples]) -> Iterator[Confidences]:
        """Yield the confidences of a stream piece by piece, primed and flushed as a spotter."""
        self.reset()
        priming = np.zeros(self.config.priming_samples(self.window_frames), np.int16)
        flush = np.zeros(round(FLUSH_SECONDS * SAMPLE_RATE), np.int16)
        yield from map(self.push, chain((priming,), pieces, (flush,)))

    def end_sample(self, step: int) -> int:
        """Return the end of the audio that a step of score_stream() sees, in samples."""
        frames = self.window_frames + step * self.config.stride
        front_end = self.config.front_end
        end = (frames - 1) * front_end.hop + front_end.window
        return end - self.config.priming_samples(self.window_frames)

    @property
    def every(self) -> int:
        """Return the greatest number of steps from one score of a network to its next."""
        return self._committee.every if self._committee else 1

    @property
    def is_divisible(self) -> bool:
        """Return whether all state is soon that of any longer stream; see stream_part.py."""
        return self.every == 1 and self.config.front_end.kind != MICRO_FRONTEND

    def reset(self) -> None:
        """Forget the stream."""
        self.passed = 0
        for stage in (self._gate, self._mfcc, self._ds_cnn, self._posterior):
            stage.reset()
        if self._committee:
            self._committee.reset()

    def push(self, samples: Samples) -> Confidences:
        """Take samples [n]; return the confidences [steps, keywords] of the steps they complete."""
        count = len(self.config.keywords)
        confidences = [np.zeros((0, count), np.int64)]
        for cut, passage in self._gate.push(samples):
            self.passed += len(passage)
            confidences += [np.zeros((cut, count), np.int64), self.score_passage(passage)]
        return np.concatenate(confidences)

    def score_passage(self, samples: Samples) -> Confidences:
        """Take samples that have passed the gate; return confidences as push() does."""
        frames = self._mfcc.push(samples)
        if self._committee:
            averages, _ = self._committee.push(frames)
            return self._posterior.maximum(averages)
        return self._posterior.smooth(self._ds_cnn.push(frames))


@dataclass(frozen=True)
class Scores:
    """Hold the confidences (Q15) of a model over a test set."""

    positives: dict[str, Int]  # by keyword: greatest one of each recording
    negatives: dict[str, Trace]  # by keyword: one at each step of the speech
    hours: float  # of negative speech


def score_recordings(
    scorer: Scorer,
    positives: Mapping[str, Iterable[Samples]],
    negatives: Iterable[Samples],
) -> Scores:
    """Score every positive recording by itself, and all negatives as one stream."""
    whole = {keyword: ([samples] for samples in found) for keyword, found in positives.items()}
    return _score(scorer, whole, negatives)


def score_blocks(
    scorer: Scorer, positives: Mapping[str, Iterable[Block]], negatives: Iterable[Block]
) -> Scores:
    """Return what score_recordings() does of recordings in blocks."""

    def recordings(blocks: Iterable[Block]) -> Iterator[Iterator[Samples]]:
        for _, group in groupby(blocks, key=lambda block: block.path):
            yield (block.mixed for block in group)

    grouped = {keyword: recordings(blocks) for keyword, blocks in positives.items()}
    return _score(scorer, grouped, (block.mixed for block in negatives))


def _score(
    scorer: Scorer,
    positives: Mapping[str, Iterable[Iterable[Samples]]],
    negatives: Iterable[Samples],
) -> Scores:
    """Score positive recordings, each in pieces, and the negatives as one stream."""
    keywords = scorer.config.keywords
    peaks = {
        keyword: np.array(
            [scorer.peaks(pieces)[index] for pieces in positives.get(keyword, ())], np.int64
        )
        for index, keyword in enumerate(keywords)
    }
    length = 0

    def stream() -> Iterator[Samples]:
        nonlocal length
        for samples in negatives:
            length += len(samples)
            yield samples

    confidences = scorer.trace_stream(stream())
    negative = {keyword: confidences[:, index] for index, keyword in enumerate(keywords)}
    return Scores(peaks, negative, length / SAMPLE_RATE / 3600)


def merge_scores(parts: Sequence[Scores]) -> Scores:
    """Join the scores of several test sets, for instance of the folds of a cross-validation."""
    keywords = parts[0].positives
    return Scores(
        {k: np.concatenate([part.positives[k] for part in parts]) for k in keywords},
        {k: np.concatenate([part.negatives[k] for part in parts]) for k in keywords},
        sum(part.hours for part in parts),
    )
