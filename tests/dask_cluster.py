"""A Dask cluster of processes of this machine, one of which can be killed."""

from __future__ import annotations

import logging
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from distributed import Client, LocalCluster
from waiting import wait_until

from kws.parallel import Cluster

WORKERS = 2


@dataclass
class KillableCluster:
    """Several processes, which Dask starts again after their death."""

    cluster: Cluster
    client: Client
    killed: list[int] = field(default_factory=list)

    def pids(self) -> list[int]:
        """The processes of the workers, in the order of their addresses."""
        return list(self.client.run(os.getpid).values())

    def working(self) -> list[int]:
        """The processes of the workers that have work."""
        pids, tasks = self.client.run(os.getpid), self.client.processing()
        return [pid for address, pid in pids.items() if tasks.get(address)]

    def begin_again(self) -> None:
        """Wait until the cluster is as at first, whatever a test did to it."""
        wait_until(self._is_whole)
        self.killed.clear()

    def _is_whole(self) -> bool:
        """Return whether all workers are there, and are none that was killed."""
        try:
            pids = self.pids()
        except OSError:  # one has just died
            return False
        return len(pids) == WORKERS and not set(pids) & set(self.killed)

    def kill(self, pid: int) -> None:
        os.kill(pid, signal.SIGKILL)
        self.killed.append(pid)


@contextmanager
def killable_cluster() -> Iterator[KillableCluster]:
    """Start the cluster; what Dask logs of deaths is nothing that tests of other things log."""
    logs = [logging.getLogger(name) for name in ("distributed", "tornado", "asyncio")]
    for log in logs:
        log.propagate = False
    with (
        LocalCluster(
            n_workers=WORKERS, threads_per_worker=os.cpu_count(), dashboard_address=":0"
        ) as local,
        Client(local) as client,
    ):
        yield KillableCluster(Cluster(local.scheduler_address), client)
    for log in logs:
        log.propagate = True
