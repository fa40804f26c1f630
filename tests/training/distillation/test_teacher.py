# ruff: noqa: E402
"""Test the teacher: its batches, and what it learns."""

from __future__ import annotations

from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from conftest import skip_without, tensorflow

skip_without("TensorFlow", find_spec("tensorflow"))  # which the modules below load

from kws.config import FrontEnd
from kws.errors import KwsError
from kws.training.architecture import Architecture
from kws.training.distillation.corpus import (
    FRAMES_PER_POSITION,
    DistillationCorpus,
    position_samples,
)
from kws.training.distillation.embedding import SIZE, WINDOW
from kws.training.distillation.teacher import HIDDEN
from kws.training.distillation.teacher_batches import BATCH, CROP_STEPS, TeacherBatches
from kws.training.features import (
    IGNORE,
    IGNORED_RANGE,
    KEYWORD_RANGE,
    ExampleLayout,
    step_labels,
)

FRONT_END = FrontEnd(low_hz=60, high_hz=7600, coefficients=20, log_offset=1e-3)


LAYOUT = ExampleLayout.of(FRONT_END, Architecture(channels=16, kernels=(3, 5), last_kernel=4))


RECEPTIVE_FIELD = 20


def corpus_of(length: int, words: np.ndarray) -> DistillationCorpus:
    """Return a corpus of noise; in a keyword, one number of the embedding is greater."""
    embeddings = np.random.default_rng(1).normal(0, 0.3, (length, SIZE))
    embeddings[:, 0] = np.arange(length)
    for keyword, start, end, _ in words:
        embeddings[int(start) - 4 : int(end) - 4, int(keyword)] += 3
    frames, partitions = (
        np.zeros((length * FRAMES_PER_POSITION, 1), np.float16),
        np.zeros(length, np.int8),
    )
    known = np.ones(length, bool)
    return DistillationCorpus(frames, embeddings.astype(np.float32), partitions, known, words)


def words(count: int, first: int = 100) -> np.ndarray:
    """Return two keywords in turn, 80 positions apart."""
    ends = first + 80.0 * np.arange(count)
    return np.stack([1 + np.arange(count) % 2, ends - 10, ends, np.full(count, 0.5)], axis=1)


def seconds_after(positions: np.ndarray, end: float) -> np.ndarray:
    """Return the seconds from a word's end to the end of an embedding's window."""
    samples = positions * position_samples(LAYOUT) + FRONT_END.window / 2 + WINDOW / 2
    return (samples - end * position_samples(LAYOUT)) / 16_000


def test_background_is_where_no_embedding_ends_near_a_keyword() -> None:
    batches = TeacherBatches(corpus_of(700, words(3)), LAYOUT, RECEPTIVE_FIELD, 1)
    after = [seconds_after(np.arange(700), end) for end in words(3)[:, 2]]
    near = [(seconds >= IGNORED_RANGE[0]) & (seconds <= IGNORED_RANGE[1]) for seconds in after]
    assert np.array_equal(batches.background, ~np.any(near, axis=0))


def test_unlabelled_speech_is_not_background() -> None:
    batches = TeacherBatches(
        replace(corpus_of(700, words(3)), labelled=np.arange(700) < 500), LAYOUT, RECEPTIVE_FIELD, 1
    )
    batches.set_difficulty(np.arange(700) >= 500)
    for _ in range(5):
        embeddings, labels = batches.draw()
        nothing = embeddings[labels.max(axis=1) <= 0]
        assert nothing[..., 0].max() < 500


def test_a_batch_has_the_keywords_evenly_and_background() -> None:
    batches = TeacherBatches(corpus_of(4000, words(40)), LAYOUT, RECEPTIVE_FIELD, 1)
    batches.set_difficulty(np.arange(4000) == 300)
    hard, spliced, spoken = 0, 0, 0
    for _ in range(20):
        embeddings, labels = batches.draw()
        assert embeddings.shape == (BATCH, RECEPTIVE_FIELD + CROP_STEPS - 1, SIZE)
        assert labels.shape == (BATCH, CROP_STEPS)
        keyword = labels.max(axis=1)
        assert np.bincount(keyword).tolist() == [BATCH - 52, 26, 26]
        for positions, crop_labels in zip(embeddings[..., 0].astype(int), labels, strict=True):
            steps = positions[RECEPTIVE_FIELD - 1 :]
            if (crop_labels > 0).any():
                spoken += 1
                spliced += (np.diff(positions) != 1).any()
                ends = words(40)[words(40)[:, 0] == crop_labels.max(), 2]
                after = seconds_after(steps[:, None], ends[None])
                inside = (after >= KEYWORD_RANGE[0]) & (after <= KEYWORD_RANGE[1])
                (word,) = np.flatnonzero(inside.any(axis=0))
                assert inside[:, word].sum() >= 10
                assert np.array_equal(crop_labels, step_labels(crop_labels.max(), after[:, word]))
            else:
                assert not crop_labels.any()
                assert (np.diff(positions) == 1).all()
                assert batches.background[steps].all()
                hard += 300 in steps
    assert spliced / spoken == pytest.approx(0.6, abs=0.06)
    assert hard > 20 * 20


def test_another_keyword_close_by_is_ignored() -> None:
    """It is background where other speech replaces it."""
    ends = np.array([200.0, 216.0])
    near = np.stack([[1, 2], ends - 8, ends, [0.5, 0.5]], axis=1)
    batches = TeacherBatches(corpus_of(600, near), LAYOUT, RECEPTIVE_FIELD, 1)
    ignored = 0
    for _ in range(10):
        embeddings, labels = batches.draw()
        for positions, crop_labels in zip(embeddings[..., 0].astype(int), labels, strict=True):
            keyword, steps = crop_labels.max(), positions[RECEPTIVE_FIELD - 1 :]
            if keyword > 0:
                seconds = seconds_after(steps, ends[2 - keyword])
                other = (seconds >= IGNORED_RANGE[0]) & (seconds <= IGNORED_RANGE[1])
                assert set(crop_labels[crop_labels > 0]) == {keyword}
                assert not (crop_labels[other] == 0).any()
                ignored += (crop_labels[other] == IGNORE).sum()
    assert ignored > 100


@pytest.mark.parametrize(("length", "count"), [(4000, 0), (15, 0), (300, 2)])
def test_too_little_speech_is_refused(length: int, count: int) -> None:
    with pytest.raises(KwsError, match="too little speech to teach"):
        TeacherBatches(
            corpus_of(length, words(count)), LAYOUT, 1000 if count else RECEPTIVE_FIELD, 1
        )


@pytest.mark.slow
def test_a_teacher_finds_the_keywords_of_unknown_speech(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tensorflow()
    from kws.training.distillation import teacher

    monkeypatch.setattr(teacher, "STEPS", 120)
    monkeypatch.setattr(teacher, "MINE_EVERY", 50)
    monkeypatch.setattr(teacher, "CHUNK", 700)
    known, path = corpus_of(4000, words(45)), tmp_path / "fold-0.teacher.weights.h5"
    known.embeddings[:, 0] = 0
    monkeypatch.setattr(teacher, "LOG_EVERY", 60)
    reported = []
    targets = teacher.teacher_targets(
        known, LAYOUT, 3, 1, path, lambda doing, share: reported.append(share)
    )
    assert reported == [0, 0.5]
    assert targets.logits.shape == (4000, 3)
    assert targets.hidden.shape == (4000, HIDDEN)
    assert np.abs(targets.hidden.astype(float).std(axis=0) - 1).max() < 0.2
    other = corpus_of(3000, words(30, first=131))
    other.embeddings[:, 0] = 0
    monkeypatch.setattr(teacher, "_train", lambda *_: pytest.fail("it is learnt once"))
    logits = teacher.teacher_targets(other, LAYOUT, 3, 1, path, lambda doing, share: None).logits
    free = TeacherBatches(other, LAYOUT, RECEPTIVE_FIELD, 1).background
    assert (logits[free].argmax(axis=1) == 0).mean() > 0.97
    for keyword, _, end, _ in words(30, first=131):
        position = round(end + 0.2 / (position_samples(LAYOUT) / 16_000)) - 8
        assert logits[position - 3 : position + 4].argmax(axis=1).max() == keyword
    again = teacher.teacher_targets(known, LAYOUT, 3, 1, path, lambda doing, share: None)
    assert np.array_equal(again.logits, targets.logits)
