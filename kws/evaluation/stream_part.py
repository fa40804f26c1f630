"""Score a part of a long stream of recordings by itself, with the bits of the whole stream.

Of what lies far back, a model keeps nothing but the place of its steps, and the gate the place of
its noise-floor windows. So a part begins its warm-up a whole number of both before its start. Once
a noise-floor window and a hangover are over, the gate opens and closes as in the whole stream; once
as many frames have passed it as pre-roll, network and smoothing keep, all state is that of the
whole stream. Where the warm-up is too silent for that, the part says so. A committee whose members
score every second step knows which by the steps that have passed the gate, and TFLM's microfrontend
adapts to all that it has heard: their streams stay whole.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from kws.config import SAMPLE_RATE, ModelConfig
from kws.evaluation.block_stream import MeasuredRecording
from kws.evaluation.scores import Scorer
from kws.evaluation.test_set import read_joined
from kws.gate import GateSettings
from kws.listener import FLUSH_SECONDS
from kws.model_file import ModelFile
from kws.types import Samples, Trace

PHASES = 8  # steps after which phases of every number are where they were


@dataclass(frozen=True)
class Mix:
    """Name the noise that is mixed into recordings, if any."""

    files: tuple[Path, ...]
    snr: float  # dB

    @property
    def noise(self) -> Samples | None:
        """Return the noise, which a process reads once."""
        return _noise(self.files) if self.files else None


@dataclass(frozen=True)
class StreamPart:
    """Describe a part of the stream of priming, recordings and flush, in samples of it."""

    model: ModelFile
    mix: Mix
    recordings: tuple[MeasuredRecording, ...]  # of the part, of its warm-up and of what follows
    offset: int  # where the first of them begins; 0: priming goes before it
    warm_up: int  # where it is pushed from; 0: it is exact
    start: int  # multiples of grid(), as the warm-up
    end: int | None  # None: that of the stream
    flush: bool  # whether the stream's last recording is among them

    def score(self) -> PartScores | None:
        """Return the confidences; None where the warm-up is too silent for equal bits."""
        scorer = Scorer(self.model)
        scorer.reset()
        reach, step_samples = Reach.of(scorer), samples_per_step(self.model.config)
        known_gate = self.warm_up + reach.gate
        first, step = self.start // step_samples, self.warm_up // step_samples
        last = None if self.end is None else self.end // step_samples
        parts = [np.zeros((0, len(scorer.config.keywords)), np.uint16)]
        exact, passed = self.warm_up == 0, None
        for position, samples in self._samples(scorer):
            if position >= self.start and not exact:
                return None
            if self.end is not None and position >= self.end + reach.after:
                break
            found, after = scorer.push(samples), position + len(samples)
            kept = found[max(0, first - step) : None if last is None else max(0, last - step)]
            parts.append(kept.astype(np.uint16))
            step += len(found)
            if after <= self.start and passed is not None:
                exact = exact or scorer.passed - passed >= reach.passed
            if after >= known_gate and passed is None:
                passed = scorer.passed
        return PartScores(first, np.concatenate(parts)) if exact else None

    def _samples(self, scorer: Scorer) -> Iterator[tuple[int, Samples]]:
        """Yield pieces of the stream from the warm-up on, each with where it begins."""
        position = self.offset
        for samples in self._pieces(scorer):
            skipped = max(0, self.warm_up - position)
            if skipped < len(samples):
                yield position + skipped, samples[skipped:]
            position += len(samples)

    def _pieces(self, scorer: Scorer) -> Iterator[Samples]:
        noise = self.mix.noise
        if not self.offset:
            yield np.zeros(priming(scorer), np.int16)
        for recording in self.recordings:
            yield from recording.mixed_blocks(noise, self.mix.snr)
        if self.flush:
            yield np.zeros(round(FLUSH_SECONDS * SAMPLE_RATE), np.int16)


@dataclass(frozen=True)
class PartScores:
    """Hold the confidences of a part; the steps that the gate cut out at its end are left out."""

    first: int  # step of the stream
    trace: Trace  # [steps, keywords]


@dataclass(frozen=True)
class Reach:
    """Hold how far back the state of a pipeline reaches, in samples."""

    gate: int  # after which it opens and closes as in any longer stream
    passed: int  # let pass after that, after which all state is that of any longer stream
    after: int  # after a step's place in the stream, at which it is surely scored or cut out

    @classmethod
    def of(cls, scorer: Scorer) -> Reach:
        """Derive the reach of a model's pipeline."""
        config, window = scorer.config, scorer.window_frames
        gate, hop = GateSettings.of(config, window), config.front_end.hop
        smoothing = config.smoothing
        frames = window + config.stride * (smoothing.smooth_steps + smoothing.max_steps)
        whole = frames + gate.pre_roll + 2 * (1 + config.front_end.window // hop)
        longest = max(gate.hangover, gate.initial_hangover)
        return cls((gate.noise_floor_window + longest) * hop, whole * hop, whole * hop)


def samples_per_step(config: ModelConfig) -> int:
    """Return the samples from one step of a model to the next."""
    return config.stride * config.front_end.hop


def grid(config: ModelConfig) -> int:
    """Return the samples of which the start of a part is a multiple."""
    window = GateSettings.of(config).noise_floor_window
    return math.lcm(window, PHASES * config.stride) * config.front_end.hop


def priming(scorer: Scorer) -> int:
    """Return the samples of silence that a stream begins with."""
    return scorer.config.priming_samples(scorer.window_frames)


def join_parts(parts: Sequence[PartScores]) -> Trace:
    """Return the confidences [steps, keywords] of the whole stream."""
    total = max((part.first + len(part.trace) for part in parts if len(part.trace)), default=0)
    trace = np.zeros((total, parts[0].trace.shape[1]), np.uint16)
    for part in parts:
        trace[part.first : part.first + len(part.trace)] = part.trace
    return trace


@lru_cache(maxsize=1)
def _noise(files: tuple[Path, ...]) -> Samples:
    return read_joined(list(files))
