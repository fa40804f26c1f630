"""Take out of a dataset what says phrases that a model must never hear."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from kws.data.clips import Clip
from kws.data.dataset import Dataset
from kws.data.transcripts import transcripts_of
from kws.keyword_names import contains


def without(phrases: Sequence[str], dataset: Dataset, root: Path) -> Dataset:
    """Return a dataset of a data folder in which nobody says some phrases.

    Who says them is known by the names of keywords and by transcripts. A keyword whose name holds
    one is no keyword, and its recordings are in no other role.
    """

    def says(text: str) -> bool:
        return any(contains(text, phrase) for phrase in phrases)

    spoken = [*dataset.negatives, *dataset.noise]
    spoken += [clip for clips in dataset.positives.values() for clip in clips]
    saying = {path for path, text in transcripts_of(spoken, root).items() if says(text)}

    def silent(clips: Sequence[Clip]) -> list[Clip]:
        return [clip for clip in clips if clip.path not in saying]

    positives = {word: silent(of) for word, of in dataset.positives.items() if not says(word)}
    synthesis = dataset.synthesis
    confusable = tuple(text for text in synthesis.confusable_phrases if not says(text))
    return replace(
        dataset,
        positives=positives,
        negatives=silent(dataset.negatives),
        noise=silent(dataset.noise),
        synthesis=replace(synthesis, confusable_phrases=confusable),
    )
