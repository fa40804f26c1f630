"""Start one studio for the tests of a module."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest
from conftest import skip_without
from studio_client import StudioClient, running_studio


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of the studio."""
    return tmp_path_factory.mktemp("workspace")


@pytest.fixture(scope="module")
def studio(workspace: Path) -> Iterator[StudioClient]:
    """Return a client of a studio on this machine alone."""
    skip_without("kws[studio]", find_spec("starlette") and find_spec("uvicorn"))
    with running_studio(workspace) as client:
        yield client
