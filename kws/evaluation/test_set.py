"""The recordings that a model is judged on, clean or in noise, as often as they are asked for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from kws.audio.audio_file import read_each
from kws.errors import KwsError
from kws.evaluation.mixing import Samples, mix_with_noise


@dataclass(frozen=True)
class EvaluationClip:
    """A recording, and what of it the model hears."""

    path: Path
    clean: Samples
    mixed: Samples


@dataclass(frozen=True)
class EvaluationSet:
    """A test set: its noise lies at the same places in every pass."""

    positives: dict[str, list[Path]]  # by keyword
    negatives: list[Path]  # without the keywords
    noise: Samples | None
    snr: float  # dB

    @property
    def recording_count(self) -> int:
        """How many recordings there are."""
        return sum(map(len, self.positives.values())) + len(self.negatives)

    def read_positives(self, keyword: str, warn: bool = False) -> Iterator[EvaluationClip]:
        """A keyword's recordings; warn: each one that cannot be read is a line on stderr."""
        seed = list(self.positives).index(keyword)
        return self._takes(self.positives[keyword], seed, warn)

    def read_negatives(self, warn: bool = False) -> Iterator[EvaluationClip]:
        """The speech without the keywords."""
        return self._takes(self.negatives, len(self.positives), warn)

    def _takes(self, paths: list[Path], seed: int, warn: bool) -> Iterator[EvaluationClip]:
        read: list[tuple[Path, Samples]] = []  # what mix_with_noise has taken and not given back

        def clean() -> Iterator[Samples]:
            for path, samples in read_each(paths, warn):
                read.append((path, samples))
                yield samples

        recordings: Iterable[Samples] = clean()
        if self.noise is not None:
            recordings = mix_with_noise(recordings, self.noise, self.snr, seed)
        for heard in recordings:
            yield EvaluationClip(*read.pop(), heard)


def all_of(paths: list[Path]) -> Samples:
    """Recordings as one; KwsError where none can be read."""
    pieces = [samples for _, samples in read_each(paths)]
    if not pieces:
        raise KwsError(f"{paths[0].parent}: none of the recordings can be read")
    return np.concatenate(pieces)
