"""Work in processes of this machine and on a Dask cluster: order, memory, deaths, errors."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from conftest import skip_without
from waiting import PATIENCE, wait_until

from kws.errors import KwsError
from kws.parallel import Cluster, workers
from kws.training.shared_objects import map_object, store_object
from kws.training.workers import run_jobs
from kws.worker_pool import AHEAD

if TYPE_CHECKING:
    from dask_cluster import KillableCluster

pytestmark = pytest.mark.slow

STAY_SECONDS = 3 * PATIENCE  # of a job that another ends


def work_on(folder: Path) -> int:
    """Log, print, and go on from what was done before this process or its worker was killed."""
    logging.getLogger("kws.somewhere").warning("working")
    print("at work", flush=True)
    begun = folder / "begun"
    if begun.exists():
        return 7
    begun.write_text(str(os.getppid()))
    time.sleep(STAY_SECONDS)
    return 0


def stay(folder: Path) -> None:
    """Say which process this is, and stay."""
    (folder / "unfinished").write_text(str(os.getpid()))
    (folder / "unfinished").rename(folder / "process")
    time.sleep(STAY_SECONDS)


def fail(error: BaseException) -> None:
    """Raise an error, as a worker does."""
    raise error


def test_few_pieces_are_in_memory_and_results_come_in_order() -> None:
    taken: list[int] = []

    def pieces() -> Iterator[int]:
        for number in range(30):
            taken.append(number)
            yield -number

    with workers(processes=1) as pool:
        for number, result in enumerate(pool.map(abs, pieces())):
            assert result == number
            assert len(taken) <= number + 1 + AHEAD
    assert len(taken) == 30


def test_a_cluster_gives_the_results_in_order(dask: KillableCluster) -> None:
    with workers(dask.cluster) as pool:
        assert pool.slots == 2 * (os.cpu_count() or 1)
        assert pool.threads_for(1) == os.cpu_count()
        assert pool.threads_for(1000) == 1
        assert list(pool.map(abs, range(-50, 0))) == list(range(50, 0, -1))


def test_a_job_whose_worker_is_killed_is_done_by_another(
    dask: KillableCluster, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Its process ends with the worker; what it logs and prints comes where local ones put it."""
    begun, log = tmp_path / "begun", tmp_path / "job.log"

    def kill_its_worker() -> None:
        if begun.exists() and (text := begun.read_text()) and int(text) not in dask.killed:
            assert int(text) in dask.pids()
            dask.kill(int(text))

    with workers(dask.cluster) as pool:
        assert run_jobs(pool, work_on, [(log, tmp_path)], kill_its_worker) == [7]
    assert dask.killed
    assert log.read_text().split("\n") == ["at work", "at work", ""]
    assert [record.message for record in caplog.records if record.name == "kws.somewhere"] == [
        "working"
    ]


def test_a_job_that_nobody_waits_for_ends(dask: KillableCluster, tmp_path: Path) -> None:
    with suppress(KeyboardInterrupt), workers(dask.cluster) as pool:
        pool.submit_alone(stay, tmp_path)
        wait_until((tmp_path / "process").exists)
        raise KeyboardInterrupt
    process = int((tmp_path / "process").read_text())
    wait_until(lambda: not Path(f"/proc/{process}").exists())


def test_a_process_of_a_cluster_that_is_killed_is_one_line(
    dask: KillableCluster, tmp_path: Path
) -> None:
    with (
        pytest.raises(KwsError, match="a process of a worker was killed; is there too little"),
        workers(dask.cluster) as pool,
    ):
        run_jobs(pool, os._exit, [(tmp_path / "log", 9)])


def test_errors_of_jobs_on_a_cluster_are_those_of_local_ones(
    dask: KillableCluster, tmp_path: Path
) -> None:
    with workers(dask.cluster) as pool:
        for error, kind in ((KwsError("no speech"), KwsError), (ValueError("two"), ValueError)):
            with pytest.raises(kind, match=f"^{error}$"):
                run_jobs(pool, fail, [(tmp_path / "log", error)])


def test_a_cluster_that_is_not_there_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    skip_without("distributed", find_spec("distributed"))
    monkeypatch.setattr("kws.dask_workers.CONNECT_SECONDS", 1)
    with pytest.raises(KwsError, match=r"^tcp://127.0.0.1:1: no Dask scheduler answers there$"):
        Cluster("tcp://127.0.0.1:1").reached()


def test_local_jobs_end_where_another_fails(tmp_path: Path) -> None:
    with suppress(KwsError), workers(processes=2) as pool:
        staying = pool.submit_alone(stay, tmp_path)
        wait_until((tmp_path / "process").exists)
        run_jobs(pool, fail, [(tmp_path / "log", KwsError("no speech"))])
    with pytest.raises(BrokenProcessPool):
        staying.result(PATIENCE)


INTERRUPTED = """
import time
from pathlib import Path
from kws.parallel import workers

if __name__ == "__main__":
    try:
        with workers(processes=2) as pool:
            list(pool.map(time.sleep, [60.0] * 4))
    except KeyboardInterrupt:
        print("interrupted")
else:  # a process of the pool, before it is ready
    Path("starting").touch()
    while not Path("interrupted").exists():
        time.sleep(0.01)
"""


def test_local_jobs_end_with_an_interrupt_of_this_process_alone(tmp_path: Path) -> None:
    """Which SIGTERM is, made an interrupt by the command line; Ctrl-C reaches all of a terminal."""
    with suppress(KeyboardInterrupt), workers(processes=1) as pool:
        pool.submit_alone(stay, tmp_path)
        wait_until((tmp_path / "process").exists)
        raise KeyboardInterrupt
    process = int((tmp_path / "process").read_text())
    wait_until(lambda: not Path(f"/proc/{process}").exists())


@pytest.mark.skipif(sys.platform == "win32", reason="sends Ctrl-C to a group of processes")
def test_ctrl_c_while_processes_start_is_silent(tmp_path: Path) -> None:
    """Python would show a traceback of each process that Ctrl-C meets before it is ready."""
    script = tmp_path / "interrupted.py"
    script.write_text(INTERRUPTED)
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, "cwd": tmp_path}
    with subprocess.Popen([sys.executable, script], start_new_session=True, **options) as process:
        wait_until((tmp_path / "starting").exists)
        os.killpg(process.pid, signal.SIGINT)
        (tmp_path / "interrupted").touch()
        assert process.communicate(timeout=PATIENCE) == ("interrupted\n", "")


def test_a_stored_object_is_equal_and_its_arrays_are_mapped(tmp_path: Path) -> None:
    random = np.random.default_rng(1)
    shared = random.integers(-9, 9, 1001).astype(np.int16)
    value = {"one": [shared, random.random((3, 5))], "again": shared, "none": np.zeros(0), "n": 4}
    store_object(value, tmp_path)
    found = map_object(tmp_path)
    assert found["n"] == 4
    assert found["again"] is found["one"][0]
    arrays = ([*of["one"], of["none"]] for of in (value, found))
    for stored, mapped in zip(*arrays, strict=True):
        assert mapped.dtype == stored.dtype
        assert np.array_equal(mapped, stored)
    assert not found["again"].flags.writeable
    store_object("no arrays", tmp_path)
    assert map_object(tmp_path) == "no arrays"
