"""Group recordings of a word, whose names do not say who speaks, by recording session.

The distance of two recordings is that of their words under dynamic time warping (Sakoe and Chiba
1978), which separates voices and ways of speaking, plus that of their mean spectra, which separates
microphones and rooms; clusters are joined by average linkage.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt

from kws.audio.audio_file import read_each
from kws.audio.tar_members import without_archive
from kws.config import SAMPLE_RATE, FrontEnd
from kws.data.clips import speaker_of
from kws.data.word_span import MAX_SECONDS, word_span
from kws.mfcc import Mfcc
from kws.types import Frames, Samples

FRONT_END = FrontEnd(low_hz=60, high_hz=7600, coefficients=20, log_offset=1e-5)
MARGIN = FRONT_END.window  # samples around the word
# Distance, in units of the cepstrum, below which recordings are of one session. For those of the
# Picovoice wake word benchmark, 8.5 to 9.2 give much the same clusters, most of ten recordings.
MAX_DISTANCE = 9.0
MAX_STEP = 2  # between the numbers of file names that were recorded one after another
MAX_RECORDINGS = 600  # of a word that are compared with each other, in 15 s or so

Float = npt.NDArray[np.float64]
Labels = npt.NDArray[np.intp]

_log = logging.getLogger(__name__)


def sessions_by_sound(paths: Sequence[Path]) -> dict[Path, str]:
    """Return a session for each recording of one word whose name states no speaker.

    One that cannot be read is left out. So are all where there are more than MAX_RECORDINGS, and
    the log says so.
    """
    unnamed = [path for path in paths if speaker_of(path) is None]
    if len(unnamed) > MAX_RECORDINGS:
        _log.warning(
            "%s: %d recordings without a speaker in their names are too many to group by sound;"
            " each counts as a speaker of its own, and figures may be for voices that training"
            " knows",
            *(unnamed[0].parent, len(unnamed)),
        )
        return {}
    read = dict(read_each(unnamed, warn=False))
    if len(read) < 2:
        return {}
    labels = cluster_sessions(list(read.values()), [without_archive(path).stem for path in read])
    _log.info(
        "%s: %d recordings without a speaker in their names sound like %d sessions",
        *(unnamed[0].parent, len(read), labels.max() + 1),
    )
    folder = unnamed[0].parent
    return {path: f"{folder} {label}" for path, label in zip(read, labels, strict=True)}


def cluster_sessions(recordings: Sequence[Samples], names: Sequence[str]) -> Labels:
    """Return the session [n], from 0, of recordings of one word.

    names are the file names without suffixes. Where they are consecutive numbers, two successive
    recordings that sound similar are of one session, and so is a run of them.
    """
    from scipy.cluster.hierarchy import fcluster, linkage  # slow to load
    from scipy.spatial.distance import squareform

    if len(recordings) < 2:
        return np.zeros(len(recordings), np.intp)
    distances = _distances(recordings)
    runs = _runs(names, distances)
    distances[runs[:, None] == runs] = 0
    tree = linkage(squareform(distances), "average")
    labels: Labels = fcluster(tree, MAX_DISTANCE, "distance").astype(np.intp) - 1
    return labels


def _distances(recordings: Sequence[Samples]) -> Float:
    """Return the distances [n, n] of the words, under time warping plus of their mean frames."""
    from scipy.spatial.distance import pdist, squareform

    words = [_word_frames(samples) for samples in recordings]
    means = np.array([word.mean(axis=0) for word in words])
    distances: Float = warped_distances(words) + squareform(pdist(means))
    return distances


def _word_frames(samples: Samples) -> Frames:
    """Return the MFCC frames [frames, coefficients - 1] of the word, without its level."""
    start, end = word_span(samples)
    end = min(end, start + int(MAX_SECONDS * SAMPLE_RATE))
    word = samples[max(0, start - MARGIN) : end + MARGIN].astype(np.float64)
    word = np.pad(word, (0, max(0, FRONT_END.window - len(word))))
    word *= 32767 / max(1, np.abs(word).max())
    frames: Frames = Mfcc(FRONT_END).push(word.astype(np.int16))
    return frames[:, 1:]


def warped_distances(words: Sequence[Frames]) -> Float:
    """Return the distances [n, n] of words [frames, features] under dynamic time warping.

    The frames of two words are aligned in order, so that the sum of the Euclidean distances of the
    pairs is minimal; it is divided by the mean number of frames. Each word has a frame at least.
    """
    from scipy.spatial.distance import cdist

    lengths = np.array([len(word) for word in words])
    distances = np.zeros((len(words), len(words)))
    for i in range(1, len(words)):
        others = np.zeros((lengths[:i].max(), i, words[i].shape[1]))
        for j in range(i):
            others[: lengths[j], j] = words[j]
        pairs = cdist(words[i], others.reshape(-1, others.shape[2]))
        cost = _alignment_cost(pairs.reshape(len(words[i]), *others.shape[:2]), lengths[:i])
        distances[i, :i] = 2 * cost / (lengths[i] + lengths[:i])
    return distances + distances.T


def _alignment_cost(cost: Float, lengths: Labels) -> Float:
    """Return the cost [n] of the cheapest path through cost[:, :lengths[j], j], corner to corner.

    Entries a + b = k of cost [a, b, n] depend on those of k - 1 and k - 2 alone: all of a diagonal
    are computed at once.
    """
    size_a, size_b, count = cost.shape
    # The last two diagonals by a + 1: index 0 lies outside, where every path starts.
    before = np.full((size_a + 1, count), np.inf)
    last = before.copy()
    before[0] = 0
    ends = np.empty((size_a + size_b - 1, count))  # cost at the last a, by diagonal
    for k in range(len(ends)):
        a = np.arange(max(0, k - size_b + 1), min(k + 1, size_a))
        cheapest = np.minimum(np.minimum(last[a], last[a + 1]), before[a])
        before, last = last, np.full_like(last, np.inf)
        last[a + 1] = cost[a, k - a] + cheapest
        ends[k] = last[-1]
    reached: Float = ends[size_a - 2 + lengths, np.arange(count)]
    return reached


def _runs(names: Sequence[str], distances: Float) -> Labels:
    """Return a label [n] for each run of successive recordings that sound similar."""
    runs = np.arange(len(names))
    numbered = sorted((int(name), i) for i, name in enumerate(names) if name.isdecimal())
    for (number, i), (next_number, j) in pairwise(numbered):
        if next_number - number <= MAX_STEP and distances[i, j] < MAX_DISTANCE:
            runs[j] = runs[i]
    return runs
