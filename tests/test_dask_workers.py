"""Clusters that are not as kws needs them: each is one line, and nothing of Dask's logs."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import CancelledError
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from command_line import ROOT
from conftest import skip_without
from waiting import PATIENCE, wait_until

import kws
from kws import __version__
from kws.errors import KwsError
from kws.parallel import Cluster, workers
from kws.training.workers import run_jobs

if TYPE_CHECKING:
    from dask_cluster import KillableCluster

pytestmark = pytest.mark.slow

WORK = """
import sys, time
from pathlib import Path
from kws.errors import KwsError
from kws.parallel import Cluster, workers
from kws.training.workers import run_jobs

how, address, folder = sys.argv[1:]
try:
    with workers(Cluster(address)) as pool:
        (Path(folder) / "begun").touch()
        if how == "pieces":
            list(pool.map(time.sleep, [0.01] * 100_000))
        else:
            run_jobs(pool, time.sleep, [(Path(folder) / "log", 100)])
except KwsError as error:
    print(error, file=sys.stderr)
"""


@contextmanager
def dask(what: str, folder: Path, *options: str) -> Iterator[subprocess.Popen[bytes]]:
    """Start a scheduler, or a worker of its own in a folder, whose kws comes first."""
    known = ("--scheduler-file", str(folder / "scheduler.json"), "--no-dashboard")
    command = (sys.executable, "-m", f"distributed.cli.dask_{what}", *known, *options)
    environment = {**os.environ, "PYTHONPATH": str(folder)}
    with subprocess.Popen(
        command, cwd=folder, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        try:
            yield process
        finally:
            process.kill()


@contextmanager
def scheduler(folder: Path) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """Start a scheduler and a worker that imports the kws of a folder; yield the address."""
    import json

    skip_without("distributed", find_spec("distributed"))
    described = folder / "scheduler.json"
    options = ("--host", "127.0.0.1", "--port", "0")
    with dask("scheduler", folder, *options) as process:
        wait_until(lambda: described.exists() and described.read_text())  # made empty, then written
        with dask("worker", folder, "--no-nanny", "--nthreads", "1"):
            address = json.loads(described.read_text())["address"]
            wait_for_worker(address)
            yield address, process


def wait_for_worker(address: str) -> None:
    """Wait until a cluster has a worker."""
    from distributed import Client

    with Client(address) as client:
        client.wait_for_workers(1, timeout=PATIENCE)


@pytest.mark.parametrize("change", ["removed", "version"])
def test_a_worker_with_another_kws_is_one_line(change: str, tmp_path: Path) -> None:
    """The worker has no module of what is here, as that of a version before has not."""
    skip_without("distributed", find_spec("distributed"))
    copy = tmp_path / "kws"
    shutil.copytree(Path(kws.__file__).parent, copy, ignore=shutil.ignore_patterns("*.pyc"))
    if change == "removed":
        (copy / "dask_workers.py").unlink()
        text = f"this worker has other sources of kws {__version__}$"
    else:
        init = copy / "__init__.py"
        init.write_text(init.read_text() + '\n__version__ = "0.0"\n')
        text = f"this worker has kws 0.0, not {__version__}$"
    with scheduler(tmp_path) as (address, _), pytest.raises(KwsError, match=text):
        Cluster(address).reached()


@pytest.mark.parametrize("how", ["pieces", "jobs"])
def test_a_scheduler_that_is_killed_is_one_line(how: str, tmp_path: Path) -> None:
    """All that the command prints is the line, none of Dask's tracebacks."""
    (tmp_path / "kws").symlink_to(Path(kws.__file__).parent)
    command = [sys.executable, "-c", WORK, how]
    with (
        scheduler(tmp_path) as (address, process),
        subprocess.Popen(
            [*command, address, tmp_path], cwd=ROOT, stderr=subprocess.PIPE, text=True
        ) as work,
    ):
        wait_until((tmp_path / "begun").exists)
        process.kill()
        _, errors = work.communicate(timeout=PATIENCE)
    assert errors == f"{address}: the cluster stopped\n"


def test_a_machine_that_is_too_busy_for_dask_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    skip_without("distributed", find_spec("distributed"))
    from kws import dask_workers

    outcomes: list[type[Exception]] = [AssertionError] * dask_workers.STARTS

    def late(*_: object, **__: object) -> None:
        raise outcomes.pop(0)  # as of distributed's LoopRunner

    monkeypatch.setattr(dask_workers, "Client", late)
    with pytest.raises(KwsError, match="Dask does not start here; is this machine too busy"):
        Cluster("tcp://127.0.0.1:1").reached()
    outcomes += [AssertionError, OSError]  # the next try starts
    with pytest.raises(KwsError, match="no Dask scheduler answers there"):
        Cluster("tcp://127.0.0.1:1").reached()
    assert not outcomes


@pytest.mark.parametrize("address", ["tls://127.0.0.1:1", "ucx://127.0.0.1:1"])
def test_an_address_that_dask_cannot_use_is_one_line(address: str) -> None:
    skip_without("distributed", find_spec("distributed"))
    with pytest.raises(KwsError, match=f"^{address}: Dask cannot connect there: ."):
        Cluster(address).reached()


def fail(error: BaseException) -> None:
    """Raise an error, as a worker does."""
    raise error


def test_what_a_cluster_lacks_is_one_line(dask: KillableCluster, tmp_path: Path) -> None:
    """An error of files is not called one of versions."""
    missing = tmp_path / "gone"
    lines = (
        (
            ModuleNotFoundError("No module named 'kws.new'"),
            ": No module named 'kws.new'; workers need this version of kws and what it needs$",
        ),
        (CancelledError(), ": the cluster stopped$"),
        (
            FileNotFoundError(2, "No such file or directory", str(missing)),
            f"^{missing} on a worker of .*: No such file or directory; workers need the files at",
        ),
        (OSError(28, "No space left on device"), r": a worker: .*No space left on device$"),
    )
    with workers(dask.cluster) as pool:
        for error, text in lines:
            with pytest.raises(KwsError, match=text):
                list(pool.map(fail, [error]))


def test_a_folder_that_a_worker_does_not_see_is_one_line(
    dask: KillableCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    with workers(dask.cluster) as pool:
        here.rename(tmp_path / "there")
        monkeypatch.setattr(os, "getcwd", lambda: str(here))
        with pytest.raises(KwsError, match=f"^{here} on a worker of .*at the same paths$"):
            run_jobs(pool, abs, [(tmp_path / "log", 1)])
