"""Provide what several tests of training need."""

from __future__ import annotations

from types import ModuleType

import numpy as np
import pytest
from conftest import tensorflow


@pytest.fixture
def tf() -> ModuleType:
    """Load TensorFlow, or skip the test."""
    return tensorflow()


@pytest.fixture
def random() -> np.random.Generator:
    return np.random.default_rng(1)
