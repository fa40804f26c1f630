"""Hand out work to the workers of a Dask cluster.

They need the sources of kws that are here and what the work needs, and see the same files at the
same paths. Dask gives the work of one that died to another.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, Future
from contextlib import contextmanager
from multiprocessing.connection import Connection
from typing import Any, TypeVar

from distributed import Client, KilledWorker, get_worker
from distributed.comm import CommClosedError

from kws.errors import KwsError
from kws.process_end import end_with_parent
from kws.worker_pool import Workers

Result = TypeVar("Result")

CONNECT_SECONDS = 10
STARTS = 3  # of Dask's thread; a machine that lacks memory or time for a while is no reason to end
POLL_SECONDS = 0.5  # between questions whether a result is still wanted
LOGGERS = ("distributed", "tornado", "asyncio")


@contextmanager
def dask_workers(address: str) -> Iterator[Workers]:
    """Open the workers of the cluster of a scheduler's address; raise KwsError as workers()."""
    with _silence(), _connect(address) as client:  # what it is not given back is cancelled
        threads = list(client.nthreads().values())
        if not threads:
            raise KwsError(f"{address}: the cluster has no workers")
        _require_sources(client, address)
        yield _DaskWorkers(client, threads, address)


@contextmanager
def _silence() -> Iterator[None]:
    """Keep Dask from logging, with tracebacks, what an error of kws says in a line."""
    names = [*LOGGERS, *logging.root.manager.loggerDict]
    found = [logging.getLogger(name) for name in names if name.split(".")[0] in LOGGERS]
    levels = [logger.level for logger in found]
    for logger in found:
        logger.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        for logger, level in zip(found, levels, strict=True):
            logger.setLevel(level)


def _connect(address: str, starts: int = STARTS) -> Client:
    try:
        return Client(address, timeout=CONNECT_SECONDS)
    except (OSError, ValueError) as error:
        raise KwsError(f"{address}: no Dask scheduler answers there") from error
    except AssertionError as error:  # its thread did not start within the 10 s that it is given
        if starts > 1:
            return _connect(address, starts - 1)
        raise KwsError(f"{address}: Dask does not start here; is this machine too busy?") from error
    except Exception as error:  # of a transport that lacks its settings or its package
        problem = str(error) or "not an address"
        raise KwsError(f"{address}: Dask cannot connect there: {problem}") from error


def _require_sources(client: Client, address: str) -> None:
    """Raise KwsError where a worker has no kws, or one with other sources."""
    sources = _make_sources()
    here = sources()
    version = here[0]
    try:
        found: dict[str, tuple[str, str]] = client.run(sources)
    except ImportError as error:
        raise KwsError(f"{address}: a worker without kws: {error}") from error
    except Exception as error:  # whatever another Python makes of the function
        problem = str(error) or type(error).__name__
        raise KwsError(f"{address}: a worker cannot be asked for its kws: {problem}") from error
    for worker, there in found.items():
        if there[0] != version:
            raise KwsError(f"{worker}: this worker has kws {there[0]}, not {version}")
        if there != here:
            raise KwsError(f"{worker}: this worker has other sources of kws {version}")


def _make_sources() -> Callable[[], tuple[str, str]]:
    """Return a function that needs nothing of the kws of a worker: it is sent with its code."""

    def sources() -> tuple[str, str]:
        """Return the version of kws, and a digest of its sources."""
        import hashlib
        from pathlib import Path

        import kws

        digest = hashlib.sha256()
        for folder in map(Path, kws.__path__):
            for path in sorted(folder.rglob("*.py")):
                digest.update(path.relative_to(folder).as_posix().encode() + b"\0")
                digest.update(hashlib.sha256(path.read_bytes()).digest())
        return getattr(kws, "__version__", "unknown"), digest.hexdigest()

    return sources


class _DaskWorkers(Workers):
    """Hand out work to the workers of a Dask cluster."""

    def __init__(self, client: Client, threads: list[int], address: str) -> None:
        super().__init__(client.get_executor(), sum(threads))
        self._client = client
        self._threads, self._address = min(threads), address

    def threads_for(self, jobs: int) -> int:
        return max(1, min(self._threads, self.slots // max(1, jobs)))

    def submit_alone(self, work: Callable[..., Result], *args: Any) -> Future[Result]:
        return self._executor.submit(_in_process, os.getcwd(), work, *args)

    def require_alive(self) -> None:
        if self._client.status != "running":  # what was submitted is lost with the connection
            raise KwsError(f"{self._address}: the cluster stopped")

    def _problem(self, error: BaseException) -> str | None:
        match error:
            case KilledWorker():
                text = "workers were killed at their work; is there too little memory?"
            case CancelledError() | CommClosedError():
                text = "the cluster stopped"
            case ImportError():
                text = f"{error}; workers need this version of kws and what it needs"
            case FileNotFoundError(filename=str(name)) | PermissionError(filename=str(name)):
                problem = f"{error.strerror}; workers need the files at the same paths"
                return f"{name} on a worker of {self._address}: {problem}"
            case OSError():
                text = f"a worker: {error}"
            case _:
                return None
        return f"{self._address}: {text}"


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
