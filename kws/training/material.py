"""What the trainings of a run share: examples and speech, made once from the recordings."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from kws.data.audio import read_audio
from kws.data.clips import PARTS, Clip, is_synthetic
from kws.data.dataset import Dataset
from kws.training.examples import Examples, Layout, Words
from kws.training.mining import make_speech
from kws.training.pool import make_pool
from kws.training.recipe import Recipe
from kws.training.status import DONE, Status
from kws.training.synthetic import synthetic_speech

Samples = npt.NDArray[np.int16]

# Recordings of a keyword that count as much as all its synthetic utterances; and their share among
# the examples of the keyword at most.
AS_MANY, RECORDED = 50, 0.6


def make_material(
    dataset: Dataset, recipe: Recipe, synthetic_folder: Path, folder: Path, status: Status
) -> None:
    """Keep a pool of examples and the speech in a new folder, which is there only when all is."""

    def said(made: int, missing: int) -> None:
        status.report("synthesising speech", made / missing)

    synthetic = synthetic_speech(dataset.synthesis, list(dataset.positives), synthetic_folder, said)
    status.report("reading recordings", 0.0)
    layout = Layout.of(recipe.front_end, recipe.architecture)
    words = {
        keyword: _words(clips, synthetic.keywords[keyword])
        for keyword, clips in dataset.positives.items()
    }
    parts = [dataset.parts([part]) for part in range(PARTS)]
    negatives, rooms = [_read(part.negatives) for part in parts], _read(dataset.rooms)
    examples = [
        Examples(
            layout,
            [words[keyword][index] for keyword in words],
            negatives[index],
            _read(part.noise),
            rooms,
            synthetic.near_words,
            synthetic.sentences,
        )
        for index, part in enumerate(parts)
    ]
    unfinished = folder.with_suffix(".part")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(parents=True)
    make_pool(
        examples,
        recipe.positives,
        recipe.backgrounds,
        recipe.seed,
        unfinished,
        lambda share: status.report("making examples", share),
    )
    spoken = [*synthetic.near_words, *synthetic.sentences]
    make_speech([[*n, *spoken[i::PARTS]] for i, n in enumerate(negatives)], layout, unfinished)
    unfinished.rename(folder)
    status.report(DONE, 1.0)


def _words(clips: Sequence[Clip], spoken: Sequence[Samples]) -> list[Words]:
    """The utterances of a keyword, by part; synthetic ones, which are of nobody, are dealt."""
    recorded = [clip for clip in clips if not is_synthetic(clip.path)]
    synthetic = [*_read([clip for clip in clips if is_synthetic(clip.path)]), *spoken]
    share = min(RECORDED, len(recorded) / (len(recorded) + AS_MANY)) if synthetic else 1.0
    words = []
    for part in range(PARTS):
        own = _read([clip for clip in recorded if clip.part == part])
        dealt = synthetic[part::PARTS]
        weights = [share / max(1, len(recorded))] * len(own)
        weights += [(1 - share) / max(1, len(synthetic))] * len(dealt)
        words.append(Words([*own, *dealt], weights))
    return words


def _read(clips: Sequence[Clip]) -> list[Samples]:
    return [read_audio(clip.path) for clip in clips]
