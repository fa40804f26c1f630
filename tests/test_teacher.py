"""A head on the speech embedding: what it learns from, and what it tells."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from conftest import tensorflow

from kws.config import FrontEnd
from kws.errors import KwsError
from kws.training.distillation.corpus import (
    FRAMES_PER_POSITION,
    DistillationCorpus,
    position_samples,
)
from kws.training.distillation.embedding import SIZE, WINDOW
from kws.training.distillation.teacher import BATCH, CROP_STEPS, HIDDEN, TeacherBatches
from kws.training.features import IGNORE, IGNORED_RANGE, KEYWORD_RANGE, ExampleLayout, step_labels
from kws.training.recipe import Architecture

FRONT_END = FrontEnd(low_hz=60, high_hz=7600, coefficients=20, log_offset=1e-3)
LAYOUT = ExampleLayout.of(FRONT_END, Architecture(channels=16, kernels=(3, 5), last_kernel=4))
SEEN = 20


def speech(length: int, words: np.ndarray) -> DistillationCorpus:
    """Noise; in a keyword, its number's own direction of the embedding lights up."""
    embeddings = np.random.default_rng(1).normal(0, 0.3, (length, SIZE))
    embeddings[:, 0] = np.arange(length)
    for keyword, start, end, _ in words:
        embeddings[int(start) - 4 : int(end) - 4, int(keyword)] += 3
    rows, parts = np.zeros((length * FRAMES_PER_POSITION, 1), np.float16), np.zeros(length, np.int8)
    known = np.ones(length, bool)
    return DistillationCorpus(rows, embeddings.astype(np.float32), parts, known, words)


def words(count: int, first: int = 100) -> np.ndarray:
    """Two keywords in turn, 80 places apart."""
    ends = first + 80.0 * np.arange(count)
    return np.stack([1 + np.arange(count) % 2, ends - 10, ends, np.full(count, 0.5)], axis=1)


def seconds_behind(places: np.ndarray, end: float) -> np.ndarray:
    """From a word's end to the end of what an embedding rests on."""
    samples = places * position_samples(LAYOUT) + FRONT_END.window / 2 + WINDOW / 2
    return (samples - end * position_samples(LAYOUT)) / 16_000


def test_background_is_where_no_embedding_ends_near_a_word() -> None:
    crops = TeacherBatches(speech(700, words(3)), LAYOUT, SEEN, 1)
    behind = [seconds_behind(np.arange(700), end) for end in words(3)[:, 2]]
    near = [(seconds >= IGNORED_RANGE[0]) & (seconds <= IGNORED_RANGE[1]) for seconds in behind]
    assert np.array_equal(crops.background, ~np.any(near, axis=0))


def test_what_nobody_knows_is_no_background() -> None:
    crops = TeacherBatches(
        replace(speech(700, words(3)), labelled=np.arange(700) < 500), LAYOUT, SEEN, 1
    )
    crops.set_difficulty(np.arange(700) >= 500)
    for _ in range(5):
        embeddings, labelled = crops.draw()
        nothing = embeddings[labelled.max(axis=1) <= 0]
        assert nothing[..., 0].max() < 500


def test_a_batch_has_each_keyword_as_often_and_background_beside_them() -> None:
    crops = TeacherBatches(speech(4000, words(40)), LAYOUT, SEEN, 1)
    crops.set_difficulty(np.arange(4000) == 300)
    hard, spliced, spoken = 0, 0, 0
    for _ in range(20):
        embeddings, labelled = crops.draw()
        assert embeddings.shape == (BATCH, SEEN + CROP_STEPS - 1, SIZE)
        assert labelled.shape == (BATCH, CROP_STEPS)
        keyword = labelled.max(axis=1)
        assert np.bincount(keyword).tolist() == [BATCH - 52, 26, 26]
        for places, made in zip(embeddings[..., 0].astype(int), labelled, strict=True):
            judged = places[SEEN - 1 :]
            if (made > 0).any():
                spoken += 1
                spliced += (np.diff(places) != 1).any()
                ends = words(40)[words(40)[:, 0] == made.max(), 2]
                behind = seconds_behind(judged[:, None], ends[None])
                inside = (behind >= KEYWORD_RANGE[0]) & (behind <= KEYWORD_RANGE[1])
                (word,) = np.flatnonzero(inside.any(axis=0))
                assert inside[:, word].sum() >= 10
                assert np.array_equal(made, step_labels(made.max(), behind[:, word]))
            else:
                assert not made.any()
                assert (np.diff(places) == 1).all()
                assert crops.background[judged].all()
                hard += 300 in judged
    assert spliced / spoken == pytest.approx(0.6, abs=0.06)
    assert hard > 20 * 20


def test_another_word_near_by_is_neither_the_keyword_nor_background() -> None:
    """But where other speech took its place."""
    ends = np.array([200.0, 216.0])
    near = np.stack([[1, 2], ends - 8, ends, [0.5, 0.5]], axis=1)
    crops = TeacherBatches(speech(600, near), LAYOUT, SEEN, 1)
    ignored = 0
    for _ in range(10):
        embeddings, labelled = crops.draw()
        for places, made in zip(embeddings[..., 0].astype(int), labelled, strict=True):
            keyword, judged = made.max(), places[SEEN - 1 :]
            if keyword > 0:
                seconds = seconds_behind(judged, ends[2 - keyword])
                other = (seconds >= IGNORED_RANGE[0]) & (seconds <= IGNORED_RANGE[1])
                assert set(made[made > 0]) == {keyword}
                assert not (made[other] == 0).any()
                ignored += (made[other] == IGNORE).sum()
    assert ignored > 100


@pytest.mark.parametrize(("length", "count"), [(4000, 0), (15, 0), (300, 2)])
def test_too_little_speech_teaches_nobody(length: int, count: int) -> None:
    with pytest.raises(KwsError, match="too little speech to teach"):
        TeacherBatches(speech(length, words(count)), LAYOUT, 1000 if count else SEEN, 1)


def test_a_teacher_finds_the_keywords_of_speech_that_it_has_not_heard(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tensorflow()
    from kws.training.distillation import teacher

    monkeypatch.setattr(teacher, "STEPS", 120)
    monkeypatch.setattr(teacher, "MINE_EVERY", 50)
    monkeypatch.setattr(teacher, "CHUNK", 700)
    known, path = speech(4000, words(45)), tmp_path / "fold-0.teacher.weights.h5"
    known.embeddings[:, 0] = 0
    monkeypatch.setattr(teacher, "LOG_EVERY", 60)
    said = []
    lessons = teacher.teacher_targets(
        known, LAYOUT, 3, 1, path, lambda doing, share: said.append(share)
    )
    assert said == [0, 0.5]
    assert lessons.logits.shape == (4000, 3)
    assert lessons.hidden.shape == (4000, HIDDEN)
    assert np.abs(lessons.hidden.astype(float).std(axis=0) - 1).max() < 0.2
    other = speech(3000, words(30, first=131))
    other.embeddings[:, 0] = 0
    monkeypatch.setattr(teacher, "_train", lambda *_: pytest.fail("it is learnt once"))
    told = teacher.teacher_targets(other, LAYOUT, 3, 1, path, lambda doing, share: None).logits
    free = TeacherBatches(other, LAYOUT, SEEN, 1).background
    assert (told[free].argmax(axis=1) == 0).mean() > 0.97
    for keyword, _, end, _ in words(30, first=131):
        place = round(end + 0.2 / (position_samples(LAYOUT) / 16_000)) - 8
        assert told[place - 3 : place + 4].argmax(axis=1).max() == keyword
    again = teacher.teacher_targets(known, LAYOUT, 3, 1, path, lambda doing, share: None)
    assert np.array_equal(again.logits, lessons.logits)
