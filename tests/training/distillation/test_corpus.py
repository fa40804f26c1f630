"""Test the corpus of distillation."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from command_line import SAMPLES

from kws.audio.audio_file import read_audio
from kws.config import FrontEnd
from kws.data.clips import PARTITIONS
from kws.data.word_span import word_span
from kws.training.architecture import Architecture
from kws.training.distillation.corpus import (
    FRAMES_PER_POSITION,
    PAUSE,
    VIEWS,
    DistillationCorpus,
    build_corpus,
    interpolate_embeddings,
    position_samples,
)
from kws.training.distillation.embedding import (
    HOP,
    SIZE,
    WINDOW,
)
from kws.training.examples import ExampleGenerator
from kws.training.features import ExampleLayout
from kws.training.keyword_utterances import KeywordUtterances

FRONT_END = FrontEnd(low_hz=60, high_hz=7600, coefficients=20, log_offset=1e-3)


SMALL = Architecture(channels=16, kernels=(3, 5), last_kernel=4)


LAYOUT = ExampleLayout.of(FRONT_END, SMALL)


def test_an_embedding_belongs_to_the_middle_of_its_window() -> None:
    """Number i rests on samples whose middle is at i * HOP + WINDOW / 2."""
    numbers = np.repeat(np.arange(50.0, dtype=np.float32)[:, None], SIZE, axis=1)
    found = interpolate_embeddings(numbers, 60, LAYOUT)[:, 0].astype(float)
    hop, window = LAYOUT.oversampled.hop, FRONT_END.window
    middle = np.arange(60) * FRAMES_PER_POSITION * hop + window / 2
    expected = np.clip((middle - WINDOW / 2) / HOP, 0, 49)
    assert found == pytest.approx(expected, abs=0.02)
    assert interpolate_embeddings(numbers[:1], 3, LAYOUT)[:, 0].tolist() == [0, 0, 0]


def generator(folder: Path, partition: int) -> ExampleGenerator:
    """Return the generator of a partition: a keyword, other speech, and no noise."""
    keyword = read_audio(SAMPLES / "alexa_rain.flac")[:16_000]
    speech = read_audio(SAMPLES / "story.flac")[: 24_000 + 8000 * (partition % 3)]
    return ExampleGenerator(LAYOUT, [KeywordUtterances([keyword], [1.0])], [speech], [], [])


@pytest.mark.slow
def test_speech_has_several_augmented_views_by_partition(embedding: Path, tmp_path: Path) -> None:
    spoken = [read_audio(SAMPLES / "commuter.flac")[:20_000]] * 4
    generators = [generator(tmp_path, partition) for partition in range(PARTITIONS)]
    speech = [
        [*generator.negatives, *spoken[i::PARTITIONS]] for i, generator in enumerate(generators)
    ]
    build_corpus(generators, speech, 0, embedding, 1, tmp_path)
    kept = DistillationCorpus.load(tmp_path)
    seconds = np.array(
        [
            1 + 1.5 + 0.5 * (partition % 3) + 1.25 * (partition < 4)
            for partition in range(PARTITIONS)
        ]
    )
    pauses = np.array([2 + (partition < 4) for partition in range(PARTITIONS)]) * PAUSE
    samples = WINDOW + seconds * 16_000 + pauses  # silence lies before them
    frames = (samples - FRONT_END.window) // LAYOUT.oversampled.hop + 1
    assert (
        np.bincount(kept.partitions).tolist() == (VIEWS * (frames // FRAMES_PER_POSITION)).tolist()
    )
    assert (
        len(kept.log_mels)
        == FRAMES_PER_POSITION * len(kept.embeddings)
        == FRAMES_PER_POSITION * len(kept.partitions)
    )
    of_two = kept.select([2])
    half = len(of_two.partitions) // VIEWS
    assert np.array_equal(of_two.embeddings[:half], of_two.embeddings[half:])
    assert not np.array_equal(
        of_two.log_mels[: half * FRAMES_PER_POSITION], of_two.log_mels[half * FRAMES_PER_POSITION :]
    )
    assert set(of_two.partitions) == {2}
    # The energy of its keyword, in both views, ends where `keywords` says.
    assert of_two.keywords[:, [0, 3]].tolist() == [[1, 1.0]] * VIEWS
    assert len(kept.keywords) == VIEWS * PARTITIONS
    for _, start, end, _ in of_two.keywords.astype(int):
        loudness = of_two.log_mels.astype(float).mean(axis=1)
        assert (
            loudness[start * FRAMES_PER_POSITION : end * FRAMES_PER_POSITION].mean()
            > loudness[end * FRAMES_PER_POSITION + 20 :][:20].mean()
        )
    (_, start, end, _), (_, again, _, _) = of_two.keywords
    span = word_span(read_audio(SAMPLES / "alexa_rain.flac")[:16_000])
    assert (end - start) * position_samples(LAYOUT) == pytest.approx(span[1] - span[0], abs=1)
    assert again - start == half
    assert kept.labelled.all()
    whole = kept.embeddings.astype(float)
    assert np.abs(whole.mean(axis=0)).max() < 0.2
    assert whole.std(axis=0).mean() == pytest.approx(1, abs=0.1)


@pytest.mark.slow
def test_spliced_speech_follows_the_speech_of_a_partition(embedding: Path, tmp_path: Path) -> None:
    """It has one view and no labels: keywords in it are unknown."""
    generators = [generator(tmp_path, partition) for partition in range(PARTITIONS)]
    speech = [generator.negatives for generator in generators]
    hours = 0.04
    for name, spliced in (("without", 0.0), ("with", hours)):
        (tmp_path / name).mkdir()
        build_corpus(generators, speech, spliced, embedding, 1, tmp_path / name)
    without, kept = (DistillationCorpus.load(tmp_path / name) for name in ("without", "with"))
    assert np.array_equal(kept.partitions[kept.labelled], without.partitions)
    assert np.array_equal(
        kept.log_mels[np.repeat(kept.labelled, FRAMES_PER_POSITION)], without.log_mels
    )
    seconds = np.bincount(kept.partitions[~kept.labelled]) * position_samples(LAYOUT) / 16_000
    assert len(seconds) == PARTITIONS
    assert ((seconds > hours / PARTITIONS * 3600) & (seconds < hours / PARTITIONS * 3600 + 7)).all()
    assert not kept.background(LAYOUT)[~kept.labelled].any()
    of_two, before = kept.select([2]), without.select([2])
    assert np.array_equal(of_two.keywords, before.keywords)
    assert not of_two.labelled[len(before.labelled) :].any()
    assert len(kept.keywords) == len(without.keywords)
