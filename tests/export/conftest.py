"""Provide what several tests of exports need."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_models import temporal


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """Return the file of a small model."""
    path = tmp_path / "small.tflite"
    path.write_bytes(temporal().content)
    return path
