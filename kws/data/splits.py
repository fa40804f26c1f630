"""Assign speakers to partitions by a stratified group split.

Recordings of one speaker or session are a group and stay in one partition; the groups are assigned
so that each partition gets about the same amount of every keyword, of speech and of noise.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from kws.data.clips import PARTITIONS, Recording, speaker_of

MIN_SPEAKERS = 4  # of fewer speakers, each recording is a group of its own

Amounts = npt.NDArray[np.float64]
Group = str | Path  # a speaker or session, or a single recording
NOBODY: Mapping[Path, str] = {}  # no sessions besides those in file names


def assign_partitions(amounts: Amounts, taken: Amounts | None = None) -> npt.NDArray[np.intp]:
    """Return the partition [groups] of each group: largest first, to the emptiest partition.

    amounts [groups, strata]: how much a group holds of each stratum; a partition's size is counted
    in the strata that the group holds. taken [PARTITIONS, strata]: what the partitions hold before.
    """
    sizes = np.zeros((PARTITIONS, amounts.shape[1])) if taken is None else taken.copy()
    partitions = np.zeros(len(amounts), np.intp)
    for group in np.argsort(-amounts.sum(axis=1), kind="stable"):
        partitions[group] = sizes[:, amounts[group] > 0].sum(axis=1).argmin()
        sizes[partitions[group]] += amounts[group]
    return partitions


def split_speech(
    positives: Sequence[Sequence[Recording]],
    negatives: Sequence[Recording],
    sessions: Mapping[Path, str] = NOBODY,
) -> dict[Path, int]:
    """Return the partition of each recording of the keywords, and of speech without them.

    Speakers of keywords are assigned first, by their number of recordings, and keep their partition
    in the speech without keywords; speakers of that alone are assigned by length. Recordings of
    fewer than MIN_SPEAKERS speakers are assigned one by one. sessions: those of recordings whose
    names state no speaker.
    """
    groups: dict[Path, Group] = {}
    counts: dict[Path, Amounts] = {}
    for recordings, stratum in zip(positives, np.eye(len(positives)), strict=True):
        groups |= _groups(recordings, sessions)
        counts |= {recording.path: stratum for recording in recordings}
    partitions = _assign(groups, counts)
    by_speaker = {group: partitions[path] for path, group in groups.items()}

    taken = np.zeros((PARTITIONS, 1))
    others = _groups(negatives)
    for recording in negatives:
        partition = by_speaker.get(_speaker(recording.path))
        if partition is not None:
            partitions[recording.path] = partition
            taken[partition] += recording.seconds
            del others[recording.path]
    return partitions | _assign(others, _lengths(negatives), taken)


def split_noise(recordings: Sequence[Recording]) -> dict[Path, int]:
    """Return the partition of each recording of noise, by length; sessions stay together."""
    return _assign(_groups(recordings), _lengths(recordings))


def count_speakers(recordings: Sequence[Recording], sessions: Mapping[Path, str] = NOBODY) -> int:
    """Return the number of speakers or sessions; a file of which neither is known counts as one."""
    return len({_speaker(recording.path, sessions) for recording in recordings})


def _groups(
    recordings: Sequence[Recording], sessions: Mapping[Path, str] = NOBODY
) -> dict[Path, Group]:
    """Return the group of each recording."""
    together = count_speakers(recordings, sessions) >= MIN_SPEAKERS
    paths = [recording.path for recording in recordings]
    return {path: _speaker(path, sessions) if together else path for path in paths}


def _speaker(path: Path, sessions: Mapping[Path, str] = NOBODY) -> Group:
    return speaker_of(path) or sessions.get(path) or path


def _lengths(recordings: Sequence[Recording]) -> dict[Path, Amounts]:
    return {recording.path: np.array([recording.seconds]) for recording in recordings}


def _assign(
    groups: Mapping[Path, Group], amounts: Mapping[Path, Amounts], taken: Amounts | None = None
) -> dict[Path, int]:
    """Return the partition of each recording by its group."""
    totals: dict[Group, Amounts] = {}
    for path, group in groups.items():
        totals[group] = totals.get(group, 0) + amounts[path]
    if not totals:
        return {}
    assigned = assign_partitions(np.array(list(totals.values())), taken).tolist()
    partitions = dict(zip(totals, assigned, strict=True))
    return {path: partitions[group] for path, group in groups.items()}
