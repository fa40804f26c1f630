"""Find recordings whose audio is equal: copies are one recording, whatever they are called."""

from __future__ import annotations

import hashlib
import logging
from collections import Counter
from collections.abc import Callable, Hashable, Mapping, Sequence
from pathlib import Path

from kws.audio.audio_file import AudioFile
from kws.config import SAMPLE_RATE
from kws.errors import KwsError
from kws.ring_buffer import RingBuffer

HEAD_SAMPLES = 4096  # of a recording that are compared first, with its length

_log = logging.getLogger(__name__)


def originals(lengths: Mapping[Path, float]) -> dict[Path, Path]:
    """Return for each recording the first one that has equal audio, in most cases itself.

    lengths: the recordings in order, each with its length or with any number that is the same for
    copies. A recording is decoded further only where length and first samples are those of another.
    """
    keys: dict[Path, Hashable] = dict(lengths)
    _refine(keys, lambda path: _digest(path, HEAD_SAMPLES))
    _refine(keys, _digest)
    first: dict[Hashable, Path] = {}
    return {path: first.setdefault(key, path) for path, key in keys.items()}


def distinct_files(paths: Sequence[Path]) -> list[Path]:
    """Return audio files without copies of each other; log their number."""
    first = originals(dict.fromkeys(paths, 0.0))
    kept = [path for path in paths if first[path] == path]
    log_copies(paths[0].parent if paths else Path(), paths, first)
    return kept


def log_copies(folder: Path, paths: Sequence[Path], first: Mapping[Path, Path]) -> None:
    """Log how many recordings of a folder are copies, if any, with an example."""
    if copies := [path for path in paths if first[path] != path]:
        _log.warning(
            "%s: %d of %d recordings are copies and left out, as %s of %s",
            *(folder, len(copies), len(paths), copies[0].name, first[copies[0]]),
        )


def _refine(keys: dict[Path, Hashable], digest: Callable[[Path], Hashable]) -> None:
    """Add a digest to the keys that several recordings share."""
    shared = Counter(keys.values())
    for path, key in list(keys.items()):
        if shared[key] > 1:
            keys[path] = (key, digest(path))


def _digest(path: Path, limit: int | None = None) -> str:
    """Return a digest of a recording's samples, of the first `limit` where it is given.

    One that cannot be read to its end is like no other.
    """
    ring, digest, count = RingBuffer(SAMPLE_RATE), hashlib.sha256(), 0
    try:
        with AudioFile(path) as recording:
            while (limit is None or count < limit) and recording.fill(ring):
                wanted = ring.available if limit is None else limit - count
                samples = ring.read(wanted)
                digest.update(samples.tobytes())
                count += len(samples)
    except KwsError:
        return str(path)
    return digest.hexdigest()
