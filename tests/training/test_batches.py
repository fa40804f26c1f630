# ruff: noqa: E402
"""Test the sampling of batches."""

from __future__ import annotations

from importlib.util import find_spec

import numpy as np
import pytest
from conftest import skip_without

skip_without("TensorFlow", find_spec("tensorflow"))  # which the modules below load

from kws.data.clips import PARTITIONS
from kws.training.batches import LAG, Sampler
from kws.training.example_store import ExamplePool
from kws.training.features import IGNORE
from kws.training.recipe import Schedule


def pool_of(*keywords: int) -> ExamplePool:
    labels = np.zeros((len(keywords), 6), np.int8)
    labels[:, 3] = keywords
    labels[:, 4] = np.where(np.array(keywords) > 0, IGNORE, 0)
    count = len(keywords)
    return ExamplePool(
        np.zeros((count, 4, 8), np.float16), labels, np.arange(count, dtype=np.int8) % PARTITIONS
    )


def sampler_of(pool: ExamplePool, chosen: np.ndarray | None = None, **schedule: float) -> Sampler:
    chosen = np.arange(len(pool.labels)) if chosen is None else chosen
    return Sampler(pool, Schedule(**schedule), chosen, seed=1)


def test_a_batch_holds_the_keywords_evenly() -> None:
    pool = pool_of(*[0] * 50, *[1] * 30, *[2] * 3)
    sampler = sampler_of(pool, batch_size=20, keyword_share=0.4)
    for _ in range(10):
        assert np.bincount(pool.keywords[sampler.draw()]).tolist() == [12, 4, 4]
    again = sampler_of(pool, batch_size=20, keyword_share=0.4)
    assert np.array_equal(again.draw(), sampler_of(pool, batch_size=20, keyword_share=0.4).draw())


def test_only_training_examples_are_drawn() -> None:
    pool = pool_of(*[0] * 50, *[1] * 30, *[3] * 8)
    chosen = np.flatnonzero(~np.isin(pool.partitions, [2, 5]))
    sampler = sampler_of(pool, chosen, batch_size=20)
    drawn = np.concatenate([sampler.draw() for _ in range(100)])
    assert set(drawn) == set(chosen)
    background = chosen[pool.keywords[chosen] == 0]
    assert set(sampler.easiest(1000)) <= set(background)
    assert len(sampler.easiest(1000)) == len(background) // 2


def test_without_examples_of_a_keyword_background_fills_the_batch() -> None:
    """All recordings of the keywords may be in one partition, and that one be held out."""
    pool = pool_of(*[0] * 50, *[1] * 30)
    sampler = sampler_of(pool, np.arange(50), batch_size=20)
    assert len(sampler.draw()) == 20


def test_hard_background_is_drawn_more_often() -> None:
    sampler = sampler_of(pool_of(*[0] * 50, *[1] * 10), batch_size=100, keyword_share=0.4)
    everything = np.arange(60)
    sampler.update(everything, np.where(everything == 7, 5.0, 0.0).astype(np.float32))
    counts = np.bincount(np.concatenate([sampler.draw() for _ in range(50)]), minlength=60)
    # Half of 60 backgrounds at random; the other half in proportion to 5.01 against 0.01 each.
    assert counts[7] / 50 == pytest.approx(30 / 50 + 30 * 5.01 / 5.5, rel=0.05)
    assert counts[:7].min() > 0


def test_a_thread_of_a_former_epoch_draws_nothing() -> None:
    sampler = sampler_of(pool_of(*[0] * 50, *[1] * 10), batch_size=20, keyword_share=0.4)
    former = sampler.epoch
    assert sampler.draw_ahead(former) is not None
    sampler.begin_epoch(7)
    assert sampler.draw_ahead(former) is None
    again = sampler_of(pool_of(*[0] * 50, *[1] * 10), batch_size=20, keyword_share=0.4)
    again.begin_epoch(7)
    assert np.array_equal(sampler.draw(), again.draw())


@pytest.mark.parametrize("ahead", [0, LAG - 1])
def test_draws_do_not_depend_on_how_far_they_are_ahead(ahead: int) -> None:
    """A thread draws batches before the losses of the latest ones are known."""

    def draws(ahead: int) -> list[list[int]]:
        sampler = sampler_of(pool_of(*[0] * 50, *[1] * 10), batch_size=20, keyword_share=0.4)
        drawn: list[list[int]] = []
        for epoch in range(2):
            sampler.begin_epoch(epoch)
            random = np.random.default_rng(epoch)
            waiting: list[np.ndarray] = []
            for _ in range(2 * LAG):
                waiting.append(sampler.draw())
                drawn.append(waiting[-1].tolist())
                if len(waiting) > ahead:
                    batch = waiting.pop(0)
                    sampler.report(batch, random.uniform(0, 9, len(batch)).astype(np.float32))
            for batch in waiting:
                sampler.report(batch, random.uniform(0, 9, len(batch)).astype(np.float32))
            sampler.end_epoch()
        return [*drawn, sampler.easiest(20).tolist()]

    assert draws(ahead) == draws(3)


def test_the_easiest_background_is_found() -> None:
    sampler = sampler_of(pool_of(*[1] * 10, *[0] * 50))
    difficulty = np.random.default_rng(4).permutation(60).astype(np.float32)
    sampler.update(np.arange(60), difficulty)
    by_ease = 10 + np.argsort(difficulty[10:])
    assert sampler.easiest(8).tolist() == by_ease[:8].tolist()
