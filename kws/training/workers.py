"""Run jobs of a training, show their progress, and keep what they print in files."""

from __future__ import annotations

import logging
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, wait
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from rich import progress as bars
from rich.console import Console

from kws.console.plain_line import print_line
from kws.errors import KwsError
from kws.process_end import on_interrupt
from kws.training.time_left import TimeLeft
from kws.worker_pool import Workers

Job = TypeVar("Job")
Result = TypeVar("Result")
Progress = Callable[[str, float], None]  # takes what is being done, and the share that is done

POLL_SECONDS = 0.3
LOG_SECONDS = 8.0  # between the lines of a log, so that no ten seconds pass without one
WAITING, DONE = "waiting", "done"


@dataclass(frozen=True)
class Status:
    """Pass the progress of a job through a file from its process to the one that shows it."""

    name: str
    path: Path

    def report(self, doing: str, share: float) -> None:
        """Write what is being done, and the share that is done; without it work goes on, too."""
        with suppress(OSError):
            self.path.write_text(f"{share:.3f} {doing}")

    def read(self) -> tuple[str, float]:
        """Return the latest report; before the job begins, that it is waiting."""
        try:
            share, _, doing = self.path.read_text().partition(" ")
            return doing, float(share)
        except (OSError, ValueError):  # not there yet, or being written
            return WAITING, 0.0


@contextmanager
def show_progress(
    jobs: Sequence[Status], console: Console, clock: Callable[[], float] = time.monotonic
) -> Iterator[Callable[[], None]]:
    """Show jobs while the block runs; it calls the yielded function now and then.

    On a terminal each job has a bar; elsewhere it has a line every LOG_SECONDS while it runs, and
    one when it is done. Both have the time that is left of what the job is doing.
    """
    for job in jobs:
        job.report(WAITING, 0.0)
    columns = (
        bars.SpinnerColumn(finished_text=" "),  # moves even where the share stands still
        bars.TextColumn("{task.description}", markup=False),
        bars.BarColumn(),
        bars.TaskProgressColumn(),
        bars.TimeElapsedColumn(),
        bars.TextColumn("{task.fields[left]}"),
    )
    with bars.Progress(*columns, console=console, disable=not console.is_terminal) as shown:
        yield _Display(jobs, shown, clock).update


class _Display:
    """Show what jobs report, by bars on a terminal and by lines elsewhere."""

    def __init__(
        self, jobs: Sequence[Status], shown: bars.Progress, clock: Callable[[], float]
    ) -> None:
        self._shown, self._clock = shown, clock
        self._tasks = {job: shown.add_task(job.name, total=1.0, left="") for job in jobs}
        self._times = {job: TimeLeft(clock) for job in jobs}
        self._unfinished, self._last_line = list(jobs), clock()

    def update(self) -> None:
        """Read the reports of unfinished jobs, and show them."""
        console = self._shown.console
        is_due = not console.is_terminal and self._clock() - self._last_line >= LOG_SECONDS
        for job in list(self._unfinished):
            doing, share = job.read()
            left, what = self._times[job].update(doing, share), f"{job.name}: {doing}"
            self._shown.update(self._tasks[job], description=what, completed=share, left=left)
            if doing == DONE:
                self._unfinished.remove(job)
                if not console.is_terminal:
                    print_line(what, console)
            elif is_due and doing != WAITING:
                known = [f"{share:.0%}"] if share else []
                print_line(", ".join([what, *known, *([left] if left else [])]), console)
        if is_due:
            self._last_line = self._clock()


def run_jobs(
    pool: Workers,
    work: Callable[[Job], Result],
    jobs: Sequence[tuple[Path, Job]],
    progress: Callable[[], object] = lambda: None,
) -> list[Result]:
    """Do jobs, each in a process of its own or one after the other, and return their results.

    What the workers log is logged here as well.

    Args:
        pool: Who does them.
        work: A function of a module, which is called with each job.
        jobs: Each with the file to which its process's output is appended.
        progress: Called every POLL_SECONDS until all is done.

    Raises:
        KwsError: A job failed, or could not read or write a file; or its process was killed.
    """
    futures = [pool.submit_alone(_do, log, work, job) for log, job in jobs]
    pending = set(futures)
    while pending:
        done, pending = wait(pending, POLL_SECONDS, FIRST_COMPLETED)
        for future in (each for each in futures if each in done):
            outcome = pool.result(future)
            for record in outcome.records:
                logging.getLogger(record.name).handle(record)
            if outcome.error:
                raise outcome.error
        pool.require_alive()
        progress()
    return [future.result().result for future in futures]


@dataclass(frozen=True)
class _Outcome:
    """Hold what a job returned or raised, and what it logged."""

    result: Any
    error: KwsError | None
    records: list[logging.LogRecord]


class _Collector(logging.Handler):
    """Collect log records in a form that goes to another process."""

    def __init__(self) -> None:
        super().__init__()
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        record.msg, record.args, record.exc_info = record.getMessage(), None, None
        self.records.append(record)


def _do(log: Path, work: Callable[[Job], Result], job: Job) -> _Outcome:
    """Do a job in a worker process; output goes to a file, log records into the outcome."""
    on_interrupt(signal.default_int_handler)
    collector, logger = _Collector(), logging.getLogger("kws")
    logger.handlers, logger.propagate = [collector], False
    logger.setLevel(logging.INFO)
    try:
        with _output_to(log):
            return _Outcome(work(job), None, collector.records)
    except KwsError as error:
        return _Outcome(None, error, collector.records)
    except OSError as error:  # a full disk, for instance
        problem = KwsError(f"{error.filename or log.parent}: {error.strerror or error}")
        return _Outcome(None, problem, collector.records)
    except KeyboardInterrupt:
        os._exit(130)  # or it would take up the next job
    finally:
        on_interrupt(signal.SIG_DFL)


@contextmanager
def _output_to(file: Path) -> Iterator[None]:
    """Append to a file what this process prints on stdout and stderr, C libraries included."""
    sys.stdout.flush()
    sys.stderr.flush()
    kept = os.dup(1), os.dup(2)
    target = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
    try:
        os.dup2(target, 1)
        os.dup2(target, 2)
        yield
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        for number, original in zip((1, 2), kept, strict=True):
            os.dup2(original, number)
            os.close(original)
        os.close(target)
