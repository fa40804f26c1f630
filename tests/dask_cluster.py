"""A Dask cluster of processes of this machine, one of which can be killed."""

from __future__ import annotations

import logging
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from distributed import Client, LocalCluster

from kws.parallel import Cluster


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

    def kill(self, pid: int) -> None:
        os.kill(pid, signal.SIGKILL)
        self.killed.append(pid)


@contextmanager
def killable_cluster() -> Iterator[KillableCluster]:
    """Start the cluster; what Dask logs of deaths is nothing that tests of other things log."""
    log = logging.getLogger("distributed")
    log.propagate = False
    with (
        LocalCluster(
            n_workers=2, threads_per_worker=os.cpu_count(), dashboard_address=":0"
        ) as local,
        Client(local) as client,
    ):
        yield KillableCluster(Cluster(local.scheduler_address), client)
    log.propagate = True
