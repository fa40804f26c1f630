"""Provide the speech embedding to tests of distillation."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import pytest
from conftest import skip_without


@pytest.fixture(scope="module")
def embedding() -> Path:
    """Folder of the speech embedding, as it comes with pyopen-wakeword."""
    found = find_spec("pyopen_wakeword")
    skip_without("pyopen-wakeword", found)
    assert found is not None
    assert found.origin is not None
    return Path(found.origin).parent / "models"
