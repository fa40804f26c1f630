"""What several tests need."""

from __future__ import annotations

import logging
import os
import signal
import sys
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack
from ctypes.util import find_library
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from dask_cluster import KillableCluster

# Files that take longest. make test runs files side by side; one that began last would end alone.
FIRST = (
    *("training/test_pipeline.py", "test_release.py", "benchmarks/test_wake_words.py"),
    *("studio/test_journey_in_chromium.py", "deploy/test_docker.py"),
    "firmware/test_arduino_sketch.py",
    *("commands/test_evaluate_conditions.py", "commands/test_listen.py"),
)


def pytest_configure() -> None:
    """Heed Ctrl-C: a job in the background of a shell ignores it, and hands that on."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the files that take longest, in this order; keep the order of all others."""
    here = Path(__file__).parent
    ranks = {here / name: rank for rank, name in enumerate(FIRST)}
    items.sort(key=lambda item: ranks.get(item.path, len(FIRST)))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Report what a test logged in UTF-8, which is all that pytest-xdist passes on."""
    report = yield
    report.sections = [
        (name, text.encode("utf-8", "backslashreplace").decode()) for name, text in report.sections
    ]
    return report


def skip_without(what: str, present: object) -> None:
    """Skip a test whose requirement is absent; in CI (CI=true) nothing may be absent."""
    if present:
        return
    if os.environ.get("CI") == "true":
        pytest.fail(f"{what} is not here")
    pytest.skip(f"{what} is not here", allow_module_level=True)


def tensorflow() -> ModuleType:
    """TensorFlow, loaded after the tflite runtime: the other way round the runtime fails."""
    skip_without("TensorFlow", find_spec("tensorflow"))
    import tensorflow

    import kws.ds_cnn  # noqa: F401

    return tensorflow


@pytest.fixture
def sound_cards(tmp_path: Path) -> Iterator[Callable[..., dict[str, str]]]:
    """Plug in alsa.Card objects; the answer is the environment of processes that shall hear them.

    environment = sound_cards(Card("desk", samples)); subprocess.run([...], env=environment)
    """
    skip_without("ALSA", sys.platform == "linux" and find_library("asound"))
    skip_without("PortAudio", find_library("portaudio"))
    from alsa import SoundCards

    with ExitStack() as cards:
        yield lambda *plugged: cards.enter_context(SoundCards(tmp_path, *plugged)).environment


@pytest.fixture(scope="session")
def dask_of_all_tests() -> Iterator[KillableCluster]:
    """Start a Dask cluster once for all tests: it takes seconds."""
    skip_without("distributed", find_spec("distributed"))
    from dask_cluster import killable_cluster

    with killable_cluster() as cluster:
        yield cluster


@pytest.fixture
def dask(dask_of_all_tests: KillableCluster) -> KillableCluster:
    """A Dask cluster of two processes of this machine, both alive."""
    dask_of_all_tests.begin_again()
    return dask_of_all_tests


@pytest.fixture
def hangups() -> Iterator[None]:
    """Let the commands of a test not inherit that SIGHUP is ignored, as under nohup."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)


@pytest.fixture(autouse=True)
def unchanged_log() -> Iterator[None]:
    """Undo what a test does to the logger: the command line takes it for itself."""
    log = logging.getLogger("kws")
    handlers, level, propagate = list(log.handlers), log.level, log.propagate
    yield
    log.handlers, log.propagate = handlers, propagate
    log.setLevel(level)
