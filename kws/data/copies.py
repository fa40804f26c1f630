"""Find recordings whose audio is equal: copies are one recording, whatever they are called."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Sequence
from pathlib import Path

from kws.audio.audio_file import AudioFile
from kws.config import SAMPLE_RATE
from kws.data.clips import Recording
from kws.errors import KwsError
from kws.ring_buffer import RingBuffer

HEAD_SAMPLES = 4096  # of a recording that are compared first, with its length


def originals(recordings: Iterable[Recording]) -> dict[Path, Path]:
    """Return for each recording the first one that has equal audio, in most cases itself.

    A recording is decoded further only where length and first samples are those of another.
    """
    everything = list(recordings)
    keys: dict[Path, Hashable] = {r.path: r.seconds for r in everything}
    _refine(everything, keys, lambda path: _digest(path, HEAD_SAMPLES))
    _refine(everything, keys, _digest)
    first: dict[Hashable, Path] = {}
    return {r.path: first.setdefault(keys[r.path], r.path) for r in everything}


def _refine(
    recordings: Sequence[Recording],
    keys: dict[Path, Hashable],
    digest: Callable[[Path], Hashable],
) -> None:
    """Add a digest to the keys that several recordings share."""
    shared = Counter(keys[recording.path] for recording in recordings)
    for recording in recordings:
        if shared[keys[recording.path]] > 1:
            keys[recording.path] = (keys[recording.path], digest(recording.path))


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
