"""Test confidence intervals and McNemar's test against published values."""

from __future__ import annotations

import numpy as np
import pytest

from kws.evaluation.intervals import mcnemar, poisson_interval, wilson_interval


def test_the_interval_of_a_miss_rate() -> None:
    # Newcombe (1998), 81 of 263: 0.2553 to 0.3662; 0 of 20: 0 to 0.1611.
    assert wilson_interval(81, 263) == pytest.approx((0.2553, 0.3662), abs=1e-4)
    assert wilson_interval(0, 20) == pytest.approx((0, 0.1611), abs=1e-4)
    assert np.isnan(wilson_interval(0, 0)).all()


def test_the_interval_of_a_rate_per_hour() -> None:
    # Garwood (1936): of no event 0 to 3.689, of ten 4.795 to 18.39.
    assert poisson_interval(0, 1.0) == pytest.approx((0, 3.689), abs=1e-3)
    assert poisson_interval(10, 2.0) == pytest.approx((4.795 / 2, 18.39 / 2), abs=1e-3)
    assert np.isnan(poisson_interval(0, 0.0)).all()


def test_only_recordings_that_one_model_alone_misses_count() -> None:
    first = np.array([True] * 7 + [False] * 93)
    second = np.array([True, False, *[False] * 6, True, *[False] * 91])
    # 6 against 1: two-sided exact, 2 * (1 + 7) / 2**7.
    assert mcnemar(first, second) == pytest.approx(16 / 128)
    assert mcnemar(first, first) == 1.0
