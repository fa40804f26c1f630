"""Find the recordings of keywords among other speech, by their transcripts."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from kws.data.clips import Clip
from kws.data.dataset import Dataset
from kws.data.transcripts import transcripts_of
from kws.keyword_names import comparison_key, words_of

NAMES = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
DIGITS = {str(digit): name for digit, name in enumerate(NAMES)}


def with_spoken_keywords(dataset: Dataset, root: Path) -> Dataset:
    """Return a dataset whose negatives that say a keyword alone are its recordings.

    They lie in a data folder, which has their transcripts. "ThinkEngine" says "think engine", and a
    digit its English word.
    """
    said = transcripts_of(dataset.negatives, root)
    found: dict[str, list[Clip]] = {_joined(keyword): [] for keyword in dataset.positives}
    negatives: list[Clip] = []
    for clip in dataset.negatives:
        text = _joined(said.get(clip.path, ""))
        found.get(text, negatives).append(clip)
    positives = {
        keyword: [*clips, *(replace(clip, kind="") for clip in found[_joined(keyword)])]
        for keyword, clips in dataset.positives.items()
    }
    return replace(dataset, positives=positives, negatives=negatives)


def _joined(text: str) -> str:
    words = words_of(comparison_key(text), "")
    return "".join(DIGITS.get(word, word) for word in words)
