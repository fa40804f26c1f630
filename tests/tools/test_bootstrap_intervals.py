"""Check the intervals of the model card on data whose intervals are known."""

from __future__ import annotations

import numpy as np
import pytest
from conftest import skip_without


@pytest.fixture(scope="module")
def intervals():
    try:
        import bootstrap_intervals
    except ImportError as error:
        skip_without(str(error), False)
    return bootstrap_intervals


def test_replicates_scatter_as_sessions_do(intervals):
    random = np.random.default_rng(0)
    sessions = np.repeat(np.arange(50), 8)
    by_session = random.random(50) < 0.3
    rates = intervals.bootstrap_rates(by_session[sessions], sessions, random)
    assert rates.shape == (intervals.REPLICATES,)
    assert rates.mean() == pytest.approx(by_session.mean(), abs=0.005)
    expected = np.sqrt(by_session.mean() * (1 - by_session.mean()) / 50)
    assert rates.std() == pytest.approx(expected, rel=0.05)


def test_sessions_of_one_recording_give_the_usual_bootstrap(intervals):
    random = np.random.default_rng(1)
    missed = np.arange(400) < 40
    rates = intervals.bootstrap_rates(missed, np.arange(400), random)
    low, high = intervals.miss_interval(missed, np.arange(400), rates)
    assert low == pytest.approx(0.1 - 1.96 * 0.015, abs=0.004)
    assert high == pytest.approx(0.1 + 1.96 * 0.015, abs=0.004)


def test_without_a_miss_the_limit_is_that_of_the_sessions(intervals):
    missed, sessions = np.zeros(300, bool), np.arange(300) // 10
    low, high = intervals.miss_interval(missed, sessions, np.zeros(intervals.REPLICATES))
    assert low == 0
    assert (1 - high) ** 30 == pytest.approx(0.025)


@pytest.mark.parametrize(
    ("count", "low", "high"), [(0, 0.0, 3.689), (2, 0.2422, 7.2247), (8, 3.4538, 15.7632)]
)
def test_poisson_intervals_are_those_of_the_tables(intervals, count, low, high):
    assert intervals.poisson_interval(count, 1.0) == pytest.approx((low, high), abs=1e-3)
    assert intervals.poisson_interval(count, 4.0) == pytest.approx((low / 4, high / 4), abs=1e-3)
