"""Make what the trainings of a run share: synthetic speech, examples, and speech to mine."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from kws.atomic_write import flush
from kws.audio.audio_file import read_each, read_usable
from kws.data.clips import PARTITIONS, Clip, is_synthetic
from kws.data.dataset import Dataset
from kws.parallel import Cluster
from kws.training.cross_validation import Plugin
from kws.training.example_store import make_examples, store_negative_speech
from kws.training.examples import ExampleGenerator
from kws.training.features import ExampleLayout
from kws.training.keyword_utterances import KeywordUtterances
from kws.training.recipe import Recipe
from kws.training.synthetic_speech import SyntheticSpeech, synthetic_speech
from kws.training.workers import DONE, Status
from kws.types import Samples

# Number of recordings of a keyword that weigh as much as all its synthetic utterances; and the
# greatest share of recordings among the examples of the keyword.
EQUAL_WEIGHT, MAX_RECORDED_SHARE = 50, 0.6


@dataclass(frozen=True)
class Preparation:
    """Describe the material of a run and where it is kept."""

    dataset: Dataset
    recipe: Recipe
    synthetic: Path  # folder of the synthetic speech
    folder: Path  # of pool and speech, which is there only when all of it is
    status: Status
    plugin: Plugin | None = None
    cluster: Cluster | None = None  # that makes the examples


def prepare_material(job: Preparation) -> None:
    """Synthesise what is missing, and keep a pool of examples and the speech in a new folder.

    Recordings that cannot be read to their end are left out and logged.
    """
    dataset, recipe, status = job.dataset, job.recipe, job.status
    synthetic = _synthesise(job)
    status.report("reading recordings", 0.0)
    least = job.plugin.window_frames if job.plugin else 0
    layout = ExampleLayout.of(recipe.front_end, recipe.architecture, least)
    generators = example_generators(dataset, layout, synthetic, recipe.examples.single_words)
    spoken = [
        *synthetic.confusable_phrases,
        *synthetic.sentences,
        *synthetic.lone_utterances,
    ]
    speech = [[*of.negatives, *spoken[i::PARTITIONS]] for i, of in enumerate(generators)]
    unfinished = job.folder.with_suffix(".part")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(parents=True)
    make_examples(
        generators,
        recipe.examples.per_keyword,
        recipe.examples.background,
        recipe.seed,
        unfinished,
        lambda share: status.report("making examples", share),
        job.cluster,
    )
    if recipe.mining.passages_per_epoch:
        store_negative_speech(speech, layout, unfinished)
    if job.plugin:
        status.report("embedding speech", 0.0)
        job.plugin.prepare(generators, speech, recipe, unfinished)
    for file in unfinished.iterdir():
        flush(file)
    unfinished.rename(job.folder)
    status.report(DONE, 1.0)


def _synthesise(job: Preparation) -> SyntheticSpeech:
    def report(kind: str, made: int, missing: int) -> None:
        job.status.report(f"synthesising speech ({kind})", made / missing)

    keywords = list(job.dataset.positives)
    return synthetic_speech(job.dataset.synthesis, keywords, job.synthetic, report)


def example_generators(
    dataset: Dataset, layout: ExampleLayout, synthetic: SyntheticSpeech, single_words: bool
) -> list[ExampleGenerator]:
    """Return what makes the examples of each partition, from its recordings.

    single_words: whether the negatives are single words.
    """
    utterances = [
        _utterances(clips, synthetic.keywords[keyword])
        for keyword, clips in dataset.positives.items()
    ]
    in_context = [_in_context(synthetic.in_context[keyword]) for keyword in dataset.positives]
    impulse_responses = _read(dataset.impulse_responses)
    generators = []
    for partition in range(PARTITIONS):
        kept = dataset.partitions([partition])
        kinds = {clip.path: clip.kind for clip in kept.negatives}
        read = list(read_each(kinds))
        negatives = [samples for _, samples in read]
        generators.append(
            ExampleGenerator(
                layout,
                [of_keyword[partition] for of_keyword in utterances],
                negatives,
                _read(kept.noise),
                impulse_responses,
                synthetic.confusable_phrases,
                synthetic.sentences,
                negatives if single_words else (),
                kinds=[kinds[path] for path, _ in read],
                in_context=in_context,
                lone_utterances=synthetic.lone_utterances,
            )
        )
    return generators


def _in_context(sentences: Sequence[tuple[Samples, int, int]]) -> KeywordUtterances:
    """Return synthetic sentences with a keyword, which serve all partitions."""
    count = len(sentences)
    return KeywordUtterances(
        [samples for samples, _, _ in sentences],
        [1 / max(1, count)] * count,
        [(start, end) for _, start, end in sentences],
    )


def _utterances(clips: Sequence[Clip], spoken: Sequence[Samples]) -> list[KeywordUtterances]:
    """Return the utterances of a keyword by partition.

    Recordings stay in theirs; synthetic utterances, which have no speaker, go round all of them.
    """
    recorded = [clip for clip in clips if not is_synthetic(clip.path)]
    synthetic = [*_read([clip for clip in clips if is_synthetic(clip.path)]), *spoken]
    share = 1.0
    if synthetic:
        share = min(MAX_RECORDED_SHARE, len(recorded) / (len(recorded) + EQUAL_WEIGHT))
    weight = share / max(1, len(recorded))
    synthetic_weight = (1 - share) / max(1, len(synthetic))
    by_partition = []
    for partition in range(PARTITIONS):
        read = _read([clip for clip in recorded if clip.partition == partition])
        some = synthetic[partition::PARTITIONS]
        weights = [weight] * len(read) + [synthetic_weight] * len(some)
        by_partition.append(KeywordUtterances([*read, *some], weights))
    return by_partition


def _read(clips: Sequence[Clip]) -> list[Samples]:
    return read_usable([clip.path for clip in clips])
