"""Read the recordings that a model is tested on, clean or mixed with noise, as often as needed."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from kws.audio.audio_file import read_each
from kws.data.audio_files import HIDDEN, audio_files
from kws.data.copies import distinct_files
from kws.errors import KwsError
from kws.evaluation.block_stream import Block, stream_blocks
from kws.evaluation.noise_mixing import mix_with_noise
from kws.keyword_names import comparison_key
from kws.types import Samples

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class EvaluationClip:
    """Hold a recording, clean and as the model gets it."""

    path: Path
    clean: Samples
    mixed: Samples


@dataclass(frozen=True)
class EvaluationSet:
    """Describe a test set; every pass over it mixes the same noise into the same recordings."""

    positives: dict[str, list[Path]]  # by keyword
    negatives: list[Path]  # without the keywords
    noise: Samples | None
    snr: float  # dB

    @property
    def recording_count(self) -> int:
        """Return the number of recordings."""
        return sum(map(len, self.positives.values())) + len(self.negatives)

    def read_positives(self, keyword: str) -> Iterator[EvaluationClip]:
        """Read the recordings of a keyword, each as a whole."""
        return self._read(self.positives[keyword], self._seed(keyword))

    def positive_blocks(self, keyword: str, warn: bool = False) -> Iterator[Block]:
        """Read what read_positives() does in blocks; warn: log each one that cannot be read."""
        paths = self.positives[keyword]
        return stream_blocks(paths, self.noise, self.snr, self._seed(keyword), warn)

    def negative_blocks(self, warn: bool = False) -> Iterator[Block]:
        """Read the speech without the keywords, in blocks; warn: log what cannot be read."""
        return stream_blocks(self.negatives, self.noise, self.snr, len(self.positives), warn)

    def _seed(self, keyword: str) -> int:
        return list(self.positives).index(keyword)

    def _read(self, paths: list[Path], seed: int) -> Iterator[EvaluationClip]:
        """Read recordings and mix noise into them, drawn by the seed."""
        pending: list[tuple[Path, Samples]] = []  # clean recordings that mix_with_noise has taken

        def clean() -> Iterator[Samples]:
            for path, samples in read_each(paths, warn=False):
                pending.append((path, samples))
                yield samples

        recordings: Iterable[Samples] = clean()
        if self.noise is not None:
            recordings = mix_with_noise(recordings, self.noise, self.snr, seed)
        for mixed in recordings:
            yield EvaluationClip(*pending.pop(), mixed)


def find_positives(folder: Path, keywords: tuple[str, ...]) -> dict[str, list[Path]]:
    """Return the recordings of each keyword from the folders of its name, in any spelling.

    Logs each folder that is skipped; raises KwsError where no keyword has a folder.
    """
    known = {comparison_key(keyword): keyword for keyword in keywords}
    found: dict[str, list[Path]] = {}
    try:
        folders = sorted(path for path in folder.iterdir() if path.is_dir())
    except OSError as error:
        raise KwsError(f"{folder}: {error.strerror}") from error
    for path in folders:
        if keyword := known.get(comparison_key(path.name)):
            found.setdefault(keyword, []).extend(audio_files(path))
        elif not path.name.startswith(HIDDEN):
            _log.warning("%s: passed over, the model does not know %r", path, path.name)
    found = {keyword: distinct_files(paths) for keyword, paths in found.items()}
    if not found:
        names = ", ".join(keyword.replace(" ", "_") for keyword in keywords)
        raise KwsError(f"{folder}: no folder of a keyword of the model: {names}")
    return found


def read_joined(paths: list[Path]) -> Samples:
    """Read recordings into one array of samples; KwsError where none can be read."""
    pieces = [samples for _, samples in read_each(paths)]
    if not pieces:
        raise KwsError(f"{paths[0].parent}: none of the recordings can be read")
    return np.concatenate(pieces)
