"""Do independent work in processes of this machine, or on the workers of a Dask cluster.

Both are executors of concurrent.futures, the standard library's and Dask's own, so that whoever has
work knows neither.
"""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

from kws.errors import KwsError
from kws.process_end import end_with_parent, interrupts_wait
from kws.worker_pool import Workers

Result = TypeVar("Result")


@dataclass(frozen=True)
class Cluster:
    """Name a Dask cluster by the address of its scheduler, as tcp://host:8786."""

    address: str

    def reached(self) -> Cluster:
        """Return this cluster once it has answered; raise KwsError as workers() does."""
        with workers(self):
            return self


@contextmanager
def workers(cluster: Cluster | None = None, processes: int | None = None) -> Iterator[Workers]:
    """Open the workers of a cluster, or processes of this machine, as many as it has processors.

    Raises:
        KwsError: The cluster or its packages are missing; and what Workers.result() raises.
    """
    if cluster:
        try:
            from kws.dask_workers import dask_workers
        except ImportError as error:
            raise KwsError("--cluster needs distributed: pip install 'kws[cluster]'") from error
        with dask_workers(cluster.address) as found:
            yield found
        return
    count = processes or os.cpu_count() or 1
    context, others = multiprocessing.get_context("spawn"), multiprocessing.active_children()
    executor = _QuietStart(count, context, initializer=end_with_parent)
    try:
        yield _LocalWorkers(executor, count)
    except BaseException:  # Ctrl-C reaches them by itself, SIGTERM this process alone
        for process in multiprocessing.active_children():
            if process not in others:
                process.terminate()
        raise
    finally:
        executor.shutdown(cancel_futures=True)


class _QuietStart(ProcessPoolExecutor):
    """Start processes in submit(), and keep Ctrl-C from them until they are ready."""

    def submit(self, work: Callable[..., Result], /, *args: Any, **named: Any) -> Future[Result]:
        with interrupts_wait():
            return super().submit(work, *args, **named)


class _LocalWorkers(Workers):
    """Hand out work to fresh interpreters on this machine."""

    def threads_for(self, jobs: int) -> int:
        return max(1, (os.cpu_count() or 1) // max(1, min(jobs, self.slots)))

    def submit_alone(self, work: Callable[..., Result], *args: Any) -> Future[Result]:
        return self._executor.submit(work, *args)

    def require_alive(self) -> None:
        pass  # a broken pool says so

    def _problem(self, error: BaseException) -> str | None:
        killed = isinstance(error, BrokenProcessPool)
        return "a process of kws was killed; is there too little memory?" if killed else None
