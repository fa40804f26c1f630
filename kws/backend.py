"""Define kws.Spotter: the pipeline in C where kws was built with a compiler, else in Python.

Both give the same bits.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

import numpy as np

from kws.config import MICRO, MICRO_FRONTEND, FrontEnd, ModelConfig
from kws.engine.native import (
    AVAILABLE,
    NativeDsCnn,
    NativeFixedMfcc,
    NativeMfcc,
    NativeMicroFrontend,
    NativeSpotter,
)
from kws.errors import KwsError
from kws.micro_frontend import InterleavedStreams, MicroFrontend
from kws.model_file import DEFAULT_MODEL, ModelFile
from kws.posterior import Detection
from kws.sensitivity import with_sensitivity
from kws.types import Classifier, FeatureExtractor, Samples

BACKENDS = ("c", "numpy")
DEFAULT_BACKEND = "c" if AVAILABLE else "numpy"


class SpotterBackend(Protocol):
    """Detect keywords in a stream of samples; kws.spotter.NumpySpotter defines it."""

    @property
    def config(self) -> ModelConfig:
        """Return the settings of the model."""

    @property
    def window_frames(self) -> int:
        """Return the receptive field of the network, in feature frames."""

    def reset(self) -> None:
        """Forget the stream and prime the stages with the silence of a receptive field."""

    def push(self, samples: Samples) -> list[Detection]:
        """Take int16 samples [n] at 16 kHz; return the detections they complete."""

    @property
    def scores(self) -> dict[str, float]:
        """Return the greatest smoothed posterior of each keyword, 0..1, in the latest push."""


class _Adjustable(SpotterBackend, Protocol):
    """Detect keywords with thresholds that may change in a stream."""

    def use_thresholds(self, config: ModelConfig) -> None:
        """Use the thresholds of these settings from the next step on; forget nothing."""


class Spotter:
    """Detect keywords in a stream of samples at 16 kHz.

    The stream may be cut into blocks of any length without changing a detection. A spotter
    starts as if silence had come before, so that a keyword at the very start is found. Threads that
    share a spotter take turns.
    """

    def __init__(
        self,
        model: ModelFile | str | Path = DEFAULT_MODEL,
        backend: str | None = None,
        *,
        sensitivity: str | None = None,
        thresholds: Mapping[str, float] | None = None,
    ) -> None:
        """Load a model and choose what runs it, and how sensitive it is.

        Args:
            model: a shipped model by name, any model by path, or one that is loaded.
            backend: "c", "numpy", or None for the fastest that is there. Both give the same bits.
            sensitivity: "low", "normal" or "high", where the model stores it; None for the model's
                thresholds.
            thresholds: of single keywords, above 0 up to 1, in place of those.

        Raises:
            KwsError: the model cannot be read, it has no such sensitivity or keyword, or the
                backend is not there.
        """
        loaded = model if isinstance(model, ModelFile) else ModelFile.load(model)
        loaded = loaded.with_sensitivity(sensitivity, thresholds)
        self._backend = _open_spotter(loaded, DEFAULT_BACKEND if backend is None else backend)
        self._lock = threading.Lock()  # the C engine works without Python's own

    @property
    def config(self) -> ModelConfig:
        """Return the settings of the model."""
        return self._backend.config

    @property
    def window_frames(self) -> int:
        """Return the receptive field of the network, in feature frames."""
        return self._backend.window_frames

    @property
    def scores(self) -> dict[str, float]:
        """Return the greatest smoothed posterior of each keyword, 0..1, in the latest push.

        A push that completed no step of the network leaves the posteriors of the latest step.
        While the gate is closed they are 0. Where a committee sleeps they are those of its first
        member, which no detection rests on.
        """
        with self._lock:
            return self._backend.scores

    def push(self, samples: Samples) -> list[Detection]:
        """Take int16 samples [n]; return the detections they complete.

        Times of detections count from the first sample pushed after the start or a reset. Raises
        ValueError for samples of another type or shape: floats or several channels, for instance.
        """
        if samples.dtype != np.int16 or samples.ndim != 1:
            found = f"{samples.dtype} {list(samples.shape)}"
            raise ValueError(f"samples must be int16 [n], 16 kHz, mono, not {found}")
        with self._lock:
            return self._backend.push(samples)

    def reset(self) -> None:
        """Forget the stream: what is pushed next is the start of another."""
        with self._lock:
            self._backend.reset()

    def set_thresholds(self, thresholds: Mapping[str, float]) -> None:
        """Change thresholds of single keywords, above 0 up to 1, in the middle of a stream.

        They hold from the next push on, also after a reset; `config` has them. Any thread may call
        this: it waits for a push that another one is in. Raises KwsError for a keyword that the
        model does not have and for a number out of range; then nothing is changed.
        """
        with self._lock:
            config = with_sensitivity(self._backend.config, thresholds=thresholds)
            self._backend.use_thresholds(config)


def open_front_end(model: ModelFile) -> FeatureExtractor:
    """Set up the front end of a model, in its arithmetic, by the fastest backend."""
    front_end = model.config.front_end
    if front_end.arithmetic == "float":
        return open_mfcc(front_end)
    if AVAILABLE:
        return NativeFixedMfcc(front_end, *model.input_quantisation)
    from kws.fixed_mfcc import FixedMfcc

    return FixedMfcc(front_end, *model.input_quantisation)


def open_mfcc(front_end: FrontEnd) -> FeatureExtractor:
    """Set up the feature extractor in binary32 by the fastest backend."""
    if front_end.kind == MICRO_FRONTEND:
        stream = NativeMicroFrontend if AVAILABLE else MicroFrontend
        count = MICRO.hop // front_end.hop
        return stream() if count == 1 else InterleavedStreams([stream() for _ in range(count)])
    if AVAILABLE:
        return NativeMfcc(front_end)
    from kws.mfcc import Mfcc

    return Mfcc(front_end)


def open_ds_cnn(model: ModelFile) -> Classifier:
    """Set up the network of a model by the fastest backend."""
    if AVAILABLE:
        return NativeDsCnn(model)
    from kws.spotter import network_of

    return network_of(model)


def _open_spotter(model: ModelFile, backend: str) -> _Adjustable:
    """Set up the whole pipeline by a named backend."""
    if backend not in BACKENDS:
        raise KwsError(f"no backend named {backend!r}; there are: {', '.join(BACKENDS)}")
    if backend == "numpy":
        from kws.spotter import NumpySpotter

        return NumpySpotter(model)
    if not AVAILABLE:
        raise KwsError("the backend 'c' is not available: kws was installed without a C compiler")
    front_end = model.config.front_end
    if front_end.kind == MICRO_FRONTEND and front_end != MICRO:  # with a hop that C has not
        from kws.spotter import NumpySpotter

        return NumpySpotter(model, NativeDsCnn)
    return NativeSpotter(model)
