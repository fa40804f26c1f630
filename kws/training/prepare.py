"""What the trainings of a run share: examples and speech, made once from the recordings."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from kws.audio.audio_file import read_audio
from kws.data.clips import PARTITIONS, Clip, is_synthetic
from kws.data.dataset import Dataset
from kws.errors import KwsError
from kws.training.distillation.corpus_builder import make_guiding_speech
from kws.training.example_layout import Layout
from kws.training.example_store import make_pool, make_speech
from kws.training.examples import Examples
from kws.training.recipe import Recipe
from kws.training.status import DONE, Status
from kws.training.synthetic_speech import SyntheticSpeech, synthetic_speech
from kws.training.words import Words

Samples = npt.NDArray[np.int16]

# Recordings of a keyword that count as much as all its synthetic utterances; and their share among
# the examples of the keyword at most.
AS_MANY, RECORDED = 50, 0.6


def make_material(
    dataset: Dataset,
    recipe: Recipe,
    synthetic_folder: Path,
    folder: Path,
    status: Status,
    embedding: Path | None = None,
) -> list[str]:
    """Keep a pool of examples and the speech in a new folder, which is there only when all is.

    embedding: folder of the speech embedding's networks, where the recipe has speech guide.
    Returns a line for each recording that could not be read to its end, and was left out.
    """

    def said(made: int, missing: int) -> None:
        status.report("synthesising speech", made / missing)

    synthetic = synthetic_speech(dataset.synthesis, list(dataset.positives), synthetic_folder, said)
    status.report("reading recordings", 0.0)
    layout = Layout.of(recipe.front_end, recipe.architecture)
    problems: list[str] = []
    examples = _examples(dataset, layout, synthetic, recipe.examples.single_words, problems)
    unfinished = folder.with_suffix(".part")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(parents=True)
    make_pool(
        examples,
        recipe.examples.per_keyword,
        recipe.examples.background,
        recipe.seed,
        unfinished,
        lambda share: status.report("making examples", share),
    )
    spoken = [*synthetic.near_words, *synthetic.sentences]
    speech = [[*part.negatives, *spoken[i::PARTITIONS]] for i, part in enumerate(examples)]
    if recipe.mining.passages_per_epoch:
        make_speech(speech, layout, unfinished)
    if recipe.distillation.passages_per_batch and embedding:
        status.report("embedding speech", 0.0)
        hours = recipe.distillation.spliced_speech_hours
        make_guiding_speech(examples, speech, hours, embedding, recipe.seed, unfinished)
    unfinished.rename(folder)
    status.report(DONE, 1.0)
    return problems


def _examples(
    dataset: Dataset,
    layout: Layout,
    synthetic: SyntheticSpeech,
    single_words: bool,
    problems: list[str],
) -> list[Examples]:
    """By part of the split. single_words: what the negatives are."""

    def read(clips: Sequence[Clip]) -> list[Samples]:
        usable = []
        for clip in clips:
            try:
                usable.append(read_audio(clip.path))
            except KwsError as error:
                problems.append(f"{error}; left out")
        return usable

    def words(clips: Sequence[Clip], spoken: Sequence[Samples]) -> list[Words]:
        """The utterances of a keyword, by part; synthetic ones, which are nobody's, are dealt."""
        recorded = [clip for clip in clips if not is_synthetic(clip.path)]
        said = [*read([clip for clip in clips if is_synthetic(clip.path)]), *spoken]
        share = min(RECORDED, len(recorded) / (len(recorded) + AS_MANY)) if said else 1.0
        each, each_said = share / max(1, len(recorded)), (1 - share) / max(1, len(said))
        by_part = []
        for part in range(PARTITIONS):
            own, dealt = (
                read([clip for clip in recorded if clip.partition == part]),
                said[part::PARTITIONS],
            )
            weights = [each] * len(own) + [each_said] * len(dealt)
            by_part.append(Words([*own, *dealt], weights))
        return by_part

    positives = [
        words(clips, synthetic.keywords[keyword]) for keyword, clips in dataset.positives.items()
    ]
    rooms, examples = read(dataset.impulse_responses), []
    for part in range(PARTITIONS):
        kept = dataset.partitions([part])
        negatives = read(kept.negatives)
        examples.append(
            Examples(
                layout,
                [of_keyword[part] for of_keyword in positives],
                negatives,
                read(kept.noise),
                rooms,
                synthetic.near_words,
                synthetic.sentences,
                negatives if single_words else (),
            )
        )
    return examples
