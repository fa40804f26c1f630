"""Google Speech Commands in its own layout, with its own split by speaker.

<word>/<speaker>_nohash_<number>.wav, _background_noise_/, and, in the whole archives,
validation_list.txt and testing_list.txt. A part of it without the lists is split by the rule that
they were made with (P. Warden, 2018, and the README of the archive): speakers by their hash, 10 %
for validation, 10 % for testing. kws train keeps to that split, so that its figures are the ones
that others report.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from enum import Enum
from pathlib import Path

from kws.data.clips import HIDDEN, PARTITIONS, Clip, partition_of
from kws.data.dataset import NEGATIVE, Dataset, folders_in
from kws.data.inspection import Recording, usable
from kws.data.keywords import chosen_keywords, usable_keywords
from kws.data.splits import split_noise
from kws.errors import KwsError
from kws.text_file import read_text

BACKGROUND = "_background_noise_"
MARK = "_nohash_"  # behind the speaker in a file's name
HASHES = 2**27 - 1  # as in the rule; it was meant to be more than there would ever be files


class Subset(Enum):
    """A side of the split."""

    TRAINING = "training"
    VALIDATION = "validation"
    TESTING = "testing"


LISTS = {Subset.VALIDATION: "validation_list.txt", Subset.TESTING: "testing_list.txt"}


def is_speech_commands(root: Path) -> bool:
    """Whether a folder has this layout rather than that of kws's own datasets."""
    return (root / BACKGROUND).is_dir() and not (root / NEGATIVE).exists()


def for_training(root: Path, keywords: Sequence[str]) -> Dataset:
    """The recordings for training, as parts 1 to PARTITIONS-1, and those for validation, as part 0.

    The background noise is dealt to all parts. What cannot be used is left out, with a line in the
    dataset's problems; KwsError where no keyword is left.
    """
    problems: list[str] = []
    words = _words(root)
    if not keywords:
        raise KwsError(f"{root}: --keywords must say which of its words: {', '.join(words)}")
    chosen = chosen_keywords(root, words, keywords, problems)
    split = _Split(root)

    def clips(recordings: list[Recording]) -> list[Clip]:
        return [
            Clip(path, 0 if subset is Subset.VALIDATION else 1 + partition_of(path, PARTITIONS - 1))
            for path in (recorded.path for recorded in recordings)
            if (subset := split.subset_of(path)) is not Subset.TESTING
        ]

    found = usable_keywords(root, {word: root / word for word in chosen}, problems)
    positives = {word: clips(recordings) for word, recordings in found.items()}
    for word in found:
        parts = {clip.partition for clip in positives[word]}
        if not parts - {0}:
            problems.append(f"{root / word}: no recording for training; left out")
            del positives[word]
        elif 0 not in parts:
            problems.append(f"{root / word}: none for validation; figures cannot be measured")
    if not positives:
        raise KwsError(f"{root}: no recording of a keyword can be used ({problems[0]})")
    others = [word for word in words if word not in chosen]
    negatives = [clip for word in others for clip in clips(usable(root / word, problems))]
    if not negatives:
        problems.append(f"{root}: no recordings of words that are no keywords")
    noise = split_noise(usable(root / BACKGROUND, problems))
    return Dataset(
        positives, negatives, [Clip(path, part) for path, part in noise.items()], problems=problems
    )


def subset_by_hash(name: str) -> Subset:
    """The side of a file name's speaker, by the rule: a percentage from the SHA-1 of the name."""
    speaker = os.path.splitext(name)[0].partition(MARK)[0]
    share = int(hashlib.sha1(speaker.encode()).hexdigest(), 16) % (HASHES + 1) * 100 / HASHES
    if share < 10:
        return Subset.VALIDATION
    return Subset.TESTING if share < 20 else Subset.TRAINING


class _Split:
    """The lists of a folder where both are there, else the rule."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._listed: dict[str, Subset] | None = None
        if all((root / name).is_file() for name in LISTS.values()):
            self._listed = {}
            for subset, name in LISTS.items():
                self._listed |= dict.fromkeys(_read_list(root / name), subset)

    def subset_of(self, path: Path) -> Subset:
        if self._listed is None:
            return subset_by_hash(path.name)
        name = path.relative_to(self._root).with_suffix("").as_posix()
        return self._listed.get(name, Subset.TRAINING)


def _read_list(path: Path) -> list[str]:
    """Names as <word>/<file>, without an ending: a copy may be in another format."""
    return [os.path.splitext(line)[0] for line in read_text(path).split()]


def _words(root: Path) -> list[str]:
    return [path.name for path in folders_in(root) if not path.name.startswith(HIDDEN)]
