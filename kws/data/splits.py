"""Speakers dealt to the parts of the split, so that no part lacks what others have plenty of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from kws.data.clips import PARTITIONS, speaker_of
from kws.data.inspection import Recording

MIN_SPEAKERS = 4  # speakers; of fewer, each recording is dealt alone

Amounts = npt.NDArray[np.float64]
Group = str | Path  # what stays together: a speaker or session, or a recording alone


def assign_partitions(amounts: Amounts, taken: Amounts | None = None) -> npt.NDArray[np.intp]:
    """Part [groups] in 0..PARTITIONS-1 of each group: largest first, to the emptiest part.

    amounts [groups, kinds]: what a group holds of each kind; a part is as empty as it is of the
    kinds that the group holds. taken [PARTITIONS, kinds]: what the parts hold already.
    """
    sizes = np.zeros((PARTITIONS, amounts.shape[1])) if taken is None else taken.copy()
    parts = np.zeros(len(amounts), np.intp)
    for group in np.argsort(-amounts.sum(axis=1), kind="stable"):
        parts[group] = sizes[:, amounts[group] > 0].sum(axis=1).argmin()
        sizes[parts[group]] += amounts[group]
    return parts


def split_speech(
    positives: Sequence[Sequence[Recording]], negatives: Sequence[Recording]
) -> dict[Path, int]:
    """The part of each recording of the keywords, and of speech without them.

    Those who say keywords are dealt first, by how many recordings there are of them, and keep
    their part in the speech without keywords; who is heard there alone is dealt by length.
    Recordings of fewer than MIN_SPEAKERS speakers are dealt one by one.
    """
    groups: dict[Path, Group] = {}
    counts: dict[Path, Amounts] = {}
    for recordings, kind in zip(positives, np.eye(len(positives)), strict=True):
        groups |= _groups(recordings)
        counts |= {recorded.path: kind for recorded in recordings}
    parts = _dealt(groups, counts)
    of_speakers = {group: parts[path] for path, group in groups.items()}

    taken = np.zeros((PARTITIONS, 1))
    others = _groups(negatives)
    for recorded in negatives:
        part = of_speakers.get(_speaker(recorded.path))
        if part is not None:
            parts[recorded.path] = part
            taken[part] += recorded.seconds
            del others[recorded.path]
    return parts | _dealt(others, _lengths(negatives), taken)


def split_noise(recordings: Sequence[Recording]) -> dict[Path, int]:
    """The part of each recording, by length; those of one session stay together as speakers do."""
    return _dealt(_groups(recordings), _lengths(recordings))


def speakers(recordings: Sequence[Recording]) -> int:
    """How many speakers or sessions are heard; a file whose name tells none counts as one."""
    return len({_speaker(recorded.path) for recorded in recordings})


def _groups(recordings: Sequence[Recording]) -> dict[Path, Group]:
    together = speakers(recordings) >= MIN_SPEAKERS
    paths = [recorded.path for recorded in recordings]
    return {path: _speaker(path) if together else path for path in paths}


def _speaker(path: Path) -> Group:
    return speaker_of(path) or path


def _lengths(recordings: Sequence[Recording]) -> dict[Path, Amounts]:
    return {recorded.path: np.array([recorded.seconds]) for recorded in recordings}


def _dealt(
    groups: Mapping[Path, Group], amounts: Mapping[Path, Amounts], taken: Amounts | None = None
) -> dict[Path, int]:
    """The part of each recording by its group."""
    totals: dict[Group, Amounts] = {}
    for path, group in groups.items():
        totals[group] = totals.get(group, 0) + amounts[path]
    if not totals:
        return {}
    parts = dict(
        zip(totals, assign_partitions(np.array(list(totals.values())), taken).tolist(), strict=True)
    )
    return {path: parts[group] for path, group in groups.items()}
