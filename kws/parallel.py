"""Do independent work in processes of this machine, or on the workers of a Dask cluster.

Both are executors of concurrent.futures, the standard library's and Dask's own, so that whoever has
work knows neither. The workers of a cluster need this version of kws and what the work needs, and
see the same files at the same paths. Dask gives the work of one that died to another.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import CancelledError, Executor, Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from types import FrameType
from typing import TYPE_CHECKING, Any, TypeVar

from kws import __version__
from kws.errors import KwsError

if TYPE_CHECKING:
    from distributed import Client

Piece = TypeVar("Piece")
Result = TypeVar("Result")

CONNECT_SECONDS = 10
POLL_SECONDS = 0.5  # between questions whether a result is still wanted
AHEAD = 2  # pieces for each slot that are handed out or wait for their turn


@dataclass(frozen=True)
class Cluster:
    """Name a Dask cluster by the address of its scheduler, as tcp://host:8786."""

    address: str

    def reached(self) -> Cluster:
        """Return this cluster once it has answered; raise KwsError as workers() does."""
        with _dask_workers(self):
            return self


class Workers(ABC):
    """Hand out functions of modules with their arguments."""

    def __init__(self, executor: Executor, slots: int) -> None:
        """Take what does the work, and how much of it at the same time."""
        self._executor, self.slots = executor, slots

    @abstractmethod
    def threads_for(self, jobs: int) -> int:
        """Return how many threads each of some jobs may use."""

    @abstractmethod
    def submit_alone(self, work: Callable[..., Result], *args: Any) -> Future[Result]:
        """Begin a job that changes its process for good; Ctrl-C here ends it."""

    @abstractmethod
    def _problem(self, error: BaseException) -> str | None:
        """Return the line of an error that is none of the work's own; None for others."""

    def result(self, future: Future[Result]) -> Result:
        """Wait for a result; raise what the work raises, and KwsError where workers fail."""
        try:
            return future.result()
        except (Exception, CancelledError) as error:
            if problem := self._problem(error):
                raise KwsError(problem) from error
            raise

    def map(self, work: Callable[[Piece], Result], pieces: Iterable[Piece]) -> Iterator[Result]:
        """Yield the result of each piece in order, few of them in memory; raise as result()."""
        waiting: deque[Future[Result]] = deque()
        for piece in pieces:
            waiting.append(self._executor.submit(work, piece))
            if len(waiting) > AHEAD * self.slots:
                yield self.result(waiting.popleft())
        while waiting:
            yield self.result(waiting.popleft())


@contextmanager
def workers(cluster: Cluster | None = None, processes: int | None = None) -> Iterator[Workers]:
    """Open the workers of a cluster, or processes of this machine, as many as it has processors.

    Raises:
        KwsError: The cluster or its packages are missing; and what Workers.result() raises.
    """
    if cluster:
        with _dask_workers(cluster) as found:
            yield found
        return
    count = processes or os.cpu_count() or 1
    context, others = multiprocessing.get_context("spawn"), multiprocessing.active_children()
    executor = ProcessPoolExecutor(count, context, initializer=end_with_parent)
    try:
        yield _LocalWorkers(executor, count)
    except Exception:  # not Ctrl-C, which reaches them by itself
        for process in multiprocessing.active_children():
            if process not in others:
                process.terminate()
        raise
    finally:
        executor.shutdown(cancel_futures=True)


class _LocalWorkers(Workers):
    """Hand out work to fresh interpreters on this machine."""

    def threads_for(self, jobs: int) -> int:
        return max(1, (os.cpu_count() or 1) // max(1, min(jobs, self.slots)))

    def submit_alone(self, work: Callable[..., Result], *args: Any) -> Future[Result]:
        return self._executor.submit(work, *args)

    def _problem(self, error: BaseException) -> str | None:
        killed = isinstance(error, BrokenProcessPool)
        return "a process of kws was killed; is there too little memory?" if killed else None


@contextmanager
def _dask_workers(cluster: Cluster) -> Iterator[Workers]:
    try:
        from distributed import Client
    except ImportError as error:
        raise KwsError("--cluster needs distributed: pip install 'kws[cluster]'") from error
    try:
        client = Client(cluster.address, timeout=CONNECT_SECONDS)
    except (OSError, ValueError) as error:
        raise KwsError(f"{cluster.address}: no Dask scheduler answers there") from error
    with client:  # what it is not given back is cancelled
        threads = list(client.nthreads().values())
        if not threads:
            raise KwsError(f"{cluster.address}: the cluster has no workers")
        _require_version(client, cluster)
        yield _DaskWorkers(client.get_executor(), threads, cluster.address)


def _require_version(client: Client, cluster: Cluster) -> None:
    """Raise KwsError where a worker has no kws, or another version."""
    try:
        versions: dict[str, str] = client.run(_version)
    except ImportError as error:
        raise KwsError(f"{cluster.address}: a worker without kws: {error}") from error
    for worker, version in versions.items():
        if version != __version__:
            raise KwsError(f"{worker}: this worker has kws {version}, not {__version__}")


def _version() -> str:
    return __version__


class _DaskWorkers(Workers):
    """Hand out work to the workers of a Dask cluster."""

    def __init__(self, executor: Executor, threads: list[int], address: str) -> None:
        super().__init__(executor, sum(threads))
        self._threads, self._address = min(threads), address

    def threads_for(self, jobs: int) -> int:
        return max(1, min(self._threads, self.slots // max(1, jobs)))

    def submit_alone(self, work: Callable[..., Result], *args: Any) -> Future[Result]:
        return self._executor.submit(_in_process, os.getcwd(), work, *args)

    def _problem(self, error: BaseException) -> str | None:
        from distributed import KilledWorker

        if not isinstance(error, (KilledWorker, CancelledError, ImportError, OSError)):
            return None
        text = str(error) or "the cluster stopped"
        return f"{self._address}: {text}; workers need this version of kws"


def _in_process(folder: str, work: Callable[..., Result], *args: Any) -> Result:
    """Do a job on a worker of Dask in a process of its own, in the folder that it comes from."""
    # Dask forbids its workers children by this flag; this one ends when the worker does.
    multiprocessing.current_process().daemon = False
    context = multiprocessing.get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_send_result, args=(sender, folder, work, *args))
    process.start()
    sender.close()
    try:
        while not receiver.poll(POLL_SECONDS):
            if not _is_wanted():
                process.terminate()
        result, error = receiver.recv()
    except EOFError:
        problem = "a process of a worker was killed; is there too little memory?"
        raise KwsError(problem) from None
    finally:
        process.join()
    if error:
        raise error
    return result  # type: ignore[no-any-return]


def _is_wanted() -> bool:
    """Return whether whoever submitted the task of this thread still waits for its result."""
    from distributed import get_worker

    worker = get_worker()
    task = worker.state.tasks.get(worker.get_current_task())
    return task is not None and task.state != "cancelled"


def _send_result(sender: Connection, folder: str, work: Callable[..., Any], *args: Any) -> None:
    end_with_parent()
    try:
        os.chdir(folder)
        sender.send((work(*args), None))
    except Exception as error:
        sender.send((None, error))


def end_with_parent() -> None:
    """Let this process end when the one that started it does, even if that one is killed.

    Otherwise it would work on, and overwrite what the next run makes.
    """
    on_interrupt(signal.SIG_DFL)
    parent = multiprocessing.parent_process()
    if parent:
        threading.Thread(target=_exit_after, args=(parent,), daemon=True).start()


def on_interrupt(handler: Callable[[int, FrameType | None], Any] | signal.Handlers) -> None:
    """Set what Ctrl-C and SIGTERM do; between jobs a handler of Python's shows a traceback."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, handler)


def _exit_after(parent: BaseProcess) -> None:
    parent.join()
    os._exit(1)
