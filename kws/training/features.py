"""Define a training example: its log mel frames, and the labels of its network steps.

A step's label says what its window ends with: a keyword that has just been completed, or
background. Around the end of a keyword, where either answer would do, it is IGNORE.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt

from kws.backend import open_mfcc
from kws.config import MICRO_FRONTEND, SAMPLE_RATE, FrontEnd
from kws.mfcc_tables import FrontEndTables
from kws.micro_frontend import NEPER
from kws.training.architecture import Architecture

IGNORE = -1
ADAPTATION = 1  # s of a signal that the microfrontend adapts to
# Stored frames for each frame of the network. Tempo perturbation picks some of them; if it
# interpolated between two, training would only know smoothed noise, which never occurs live.
OVERSAMPLING = 2
# End of a step's window minus end of the keyword, s.
KEYWORD_RANGE = (-0.06, 0.40)  # the keyword must be detected at some of these steps
IGNORED_RANGE = (-0.20, 0.60)  # outside it is background; in between, either


def network_frames(stored_frames: int) -> int:
    """Return how many frames a network gets of an example's stored frames."""
    return (stored_frames - 1) // OVERSAMPLING + 1


@dataclass(frozen=True)
class ExampleLayout:
    """Describe the length of an example: `steps` steps of a network, and its receptive field."""

    front_end: FrontEnd
    window_frames: int  # receptive field of a step, network frames
    stride: int  # network frames per step
    steps: int = 24

    @staticmethod
    def of(front_end: FrontEnd, architecture: Architecture, least_window: int = 0) -> ExampleLayout:
        """Return the layout for a network of this shape, with windows of some frames at least."""
        window = max(architecture.window_frames, least_window)
        return ExampleLayout(front_end, window, architecture.stride)

    @staticmethod
    def of_examples(front_end: FrontEnd, stride: int, stored: int, steps: int) -> ExampleLayout:
        """Return the layout of examples of so many stored frames and steps."""
        window = network_frames(stored) - (steps - 1) * stride
        return ExampleLayout(front_end, window, stride, steps)

    @property
    def frames(self) -> int:
        """Return the stored frames of an example, OVERSAMPLING for each network frame."""
        return (self.window_frames + (self.steps - 1) * self.stride - 1) * OVERSAMPLING + 1

    @cached_property
    def oversampled(self) -> FrontEnd:
        """Return the front end with the hop of stored frames."""
        return replace(self.front_end, hop=self.front_end.hop // OVERSAMPLING)

    @property
    def samples(self) -> int:
        """Return the length of an example in samples."""
        return (self.frames - 1) * self.oversampled.hop + self.front_end.window

    @property
    def step_ends(self) -> npt.NDArray[np.float64]:
        """Return where each step's window ends, [steps], s."""
        last_frames = self.window_frames - 1 + self.stride * np.arange(self.steps)
        return (last_frames * self.front_end.hop + self.front_end.window) / SAMPLE_RATE

    def labels(self, keyword: int, word_end: float) -> npt.NDArray[np.int8]:
        """Return the labels [steps] of an example whose keyword ends at word_end, s."""
        return step_labels(keyword, self.step_ends - word_end)


def step_labels(keyword: int, after: npt.NDArray[np.float64]) -> npt.NDArray[np.int8]:
    """Return the labels of windows that end `after` seconds after a keyword's end."""
    labels = np.full(after.shape, IGNORE, np.int8)
    labels[(after < IGNORED_RANGE[0]) | (after > IGNORED_RANGE[1])] = 0
    labels[(after >= KEYWORD_RANGE[0]) & (after <= KEYWORD_RANGE[1])] = keyword
    return labels


class LogMelExtractor:
    """Compute log mel frames with the front end that runs live: MFCC, its DCT inverted.

    What the microfrontend gives is turned into nepers in place of a DCT. It adapts to the noise, in
    a stream before a word, in a recording that begins with it not yet: every second signal is
    extracted as if it had been mirrored before its start. MFCC run in C where kws was built with a
    compiler, which halves the time of making examples.
    """

    def __init__(self, spec: FrontEnd) -> None:
        """Prepare the front end `spec` with as many coefficients as mel filters."""
        all_filters = replace(spec, coefficients=spec.mel_filters, mean=(), scale=())
        square = replace(all_filters, arithmetic="float")
        self._mfcc = open_mfcc(square)
        self._inverse = np.linalg.inv(dct_matrix(FrontEndTables(square)))
        self._hop, self._adapts, self._count = spec.hop, spec.kind == MICRO_FRONTEND, 0

    def extract(self, samples: npt.NDArray[np.int16]) -> npt.NDArray[np.float32]:
        """Return log mels [frames, filters] of a whole signal, int16 [n]."""
        self._mfcc.reset()
        self._count += 1
        if not self._adapts or self._count % 2 == 0:
            return self._mfcc.push(samples) @ self._inverse
        before = ADAPTATION * SAMPLE_RATE
        start = np.pad(samples[:before], (before, 0), "symmetric")[:before]
        frames = self._mfcc.push(np.concatenate([start, samples])) @ self._inverse
        return frames[before // self._hop :]


def tilt_and_curvature(filters: int) -> npt.NDArray[np.float64]:
    """Return the two shapes [2, filters], -1 to 1, by which microphones differ most."""
    shapes: npt.NDArray[np.float64] = np.cos(np.outer((1, 2), np.linspace(0, np.pi, filters)))
    return shapes


def dct_matrix(tables: FrontEndTables) -> npt.NDArray[np.float32]:
    """Return the front end's DCT [filters, coefficients], unfolded from its stored half.

    The microfrontend has none, but features of another unit than nepers.
    """
    if tables.spec.kind == MICRO_FRONTEND:
        return NEPER * np.eye(tables.spec.mel_filters, dtype=np.float32)
    sign = np.where(np.arange(len(tables.dct)) % 2, -1, 1).astype(np.float32)[:, None]
    unfolded: npt.NDArray[np.float32] = np.concatenate([tables.dct, sign * tables.dct[:, ::-1]], 1)
    return unfolded.T
