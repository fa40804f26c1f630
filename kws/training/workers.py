"""Work in processes of its own; what TensorFlow and its converter print goes into a file."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from kws.errors import KwsError
from kws.training.quiet import quiet

Job = TypeVar("Job")
Result = TypeVar("Result")


@contextmanager
def processes(count: int) -> Iterator[ProcessPoolExecutor]:
    """Fresh interpreters; where the block fails, the others stop as well."""
    context = multiprocessing.get_context("spawn")
    executor = ProcessPoolExecutor(count, context, initializer=end_with_parent)
    try:
        yield executor
    except Exception as error:  # not Ctrl-C, which reaches them by itself
        for process in multiprocessing.active_children():
            process.terminate()
        if isinstance(error, BrokenProcessPool):
            problem = "a training process was killed; is there too little memory?"
            raise KwsError(problem) from error
        raise
    finally:
        executor.shutdown(cancel_futures=True)


def end_with_parent() -> None:
    """Let this process end when the one that started it does, even if that one is killed.

    Or it would work on, and write over what the next run makes.
    """
    parent = multiprocessing.parent_process()
    if parent:
        threading.Thread(target=_end_after, args=(parent,), daemon=True).start()


def _end_after(parent: multiprocessing.process.BaseProcess) -> None:
    parent.join()
    os._exit(1)


def quietly(log: Path, work: Callable[[Job], Result], job: Job) -> Result:
    """Do a job in one of the processes; what is printed meanwhile goes to a file.

    KwsError where a file cannot be read or written: a full disk, for instance.
    """
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with quiet(log):
            return work(job)
    except OSError as error:
        raise KwsError(f"{error.filename or log.parent}: {error.strerror or error}") from error
    except KeyboardInterrupt:
        os._exit(130)  # or it would take up the next job
