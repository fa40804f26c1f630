"""Read Google Speech Commands in its own layout, with its own split by speaker.

The layout is <word>/<speaker>_nohash_<number>.wav, _background_noise_/, and, in the complete
archives, validation_list.txt and testing_list.txt. A subset without the lists is split by the rule
that they were made with (P. Warden, 2018, and the README of the archive): speakers by their hash,
10 % for validation, 10 % for testing. kws train keeps to that split, so that its figures are
comparable with those that others report.
"""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Sequence
from enum import Enum
from pathlib import Path

from kws.audio.tar_members import without_archive
from kws.data.clips import PARTITIONS, Clip, Recording, partition_of, usable_recordings
from kws.data.dataset import NEGATIVE, Dataset, folders_in
from kws.data.keywords import choose_keywords, keyword_folders, usable_keywords
from kws.data.splits import split_noise
from kws.errors import KwsError
from kws.toml_file import read_text

BACKGROUND = "_background_noise_"
SPEAKER_END = "_nohash_"  # after the speaker in a file's name
# MAX_NUM_WAVS_PER_CLASS of the rule: more than there would ever be files.
HASHES = 2**27 - 1

_log = logging.getLogger(__name__)


class Subset(Enum):
    """Name a subset of the dataset's own split."""

    TRAINING = "training"
    VALIDATION = "validation"
    TESTING = "testing"


LISTS = {Subset.VALIDATION: "validation_list.txt", Subset.TESTING: "testing_list.txt"}


def is_speech_commands(root: Path) -> bool:
    """Return whether a folder has this layout rather than that of a kws dataset."""
    return (root / BACKGROUND).is_dir() and not (root / NEGATIVE).exists()


def for_training(root: Path, keywords: Sequence[str]) -> Dataset:
    """Read the recordings for training and validation; validation is partition 0.

    Training recordings are partitions 1 to PARTITIONS - 1; background noise is split over all.
    Recordings that cannot be used are left out and logged. Raises KwsError where a keyword has
    none for training.
    """
    words = keyword_folders(folders_in(root))
    if not keywords:
        raise KwsError(f"{root}: --keywords must say which of its words: {', '.join(words)}")
    chosen = choose_keywords(root, words, keywords)
    split = _Split(root)
    found = usable_keywords(root, {word: words[word] for word in chosen}, every=True)
    positives = {word: split.clips(recordings) for word, recordings in found.items()}
    for word, clips in positives.items():
        _check_subsets(words[word][0], clips)
    others = [path for word, paths in words.items() if word not in chosen for path in paths]
    negatives = [clip for path in others for clip in split.clips(usable_recordings(path))]
    if not negatives:
        _log.warning("%s: no recordings of words that are no keywords", root)
    noise = split_noise(usable_recordings(root / BACKGROUND))
    return Dataset(positives, negatives, [Clip(path, p) for path, p in noise.items()])


def _check_subsets(folder: Path, clips: list[Clip]) -> None:
    """Raise KwsError where no clip of a keyword is for training; log it for validation."""
    partitions = {clip.partition for clip in clips}
    if not partitions - {0}:
        raise KwsError(f"{folder}: no recording for training")
    if 0 not in partitions:
        _log.warning("%s: none for validation; figures cannot be measured", folder)


def subset_by_hash(name: str) -> Subset:
    """Return the subset of a file name's speaker by the rule: a percentage from its SHA-1."""
    speaker = os.path.splitext(name)[0].partition(SPEAKER_END)[0]
    digest = hashlib.sha1(speaker.encode("utf-8", "surrogateescape")).hexdigest()
    share = int(digest, 16) % (HASHES + 1) * 100 / HASHES
    if share < 10:
        return Subset.VALIDATION
    return Subset.TESTING if share < 20 else Subset.TRAINING


class _Split:
    """Split recordings by the lists of a folder where both are there, else by the rule."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._listed: dict[str, Subset] | None = None
        if all((root / name).is_file() for name in LISTS.values()):
            self._listed = {}
            for subset, name in LISTS.items():
                self._listed |= dict.fromkeys(_read_list(root / name), subset)

    def clips(self, recordings: list[Recording]) -> list[Clip]:
        """Return the recordings for training and validation with their partitions."""
        return [
            Clip(path, 0 if subset is Subset.VALIDATION else 1 + partition_of(path, PARTITIONS - 1))
            for path in (recording.path for recording in recordings)
            if (subset := self.subset_of(path)) is not Subset.TESTING
        ]

    def subset_of(self, path: Path) -> Subset:
        """Return the subset of a recording."""
        path = without_archive(path)
        if self._listed is None:
            return subset_by_hash(path.name)
        name = path.relative_to(self._root).with_suffix("").as_posix()
        return self._listed.get(name, Subset.TRAINING)


def _read_list(path: Path) -> list[str]:
    """Return names as <word>/<file>, without a suffix: a copy may be in another format."""
    return [os.path.splitext(line)[0] for line in read_text(path).split()]
