"""How far the trainings are, on a terminal as bars, elsewhere as a line for each that is done."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from kws.training.status import DONE, WAITING, Status


@contextmanager
def shown(jobs: Sequence[Status], console: Console) -> Iterator[Callable[[], None]]:
    """Show jobs as long as the block runs; what it yields is to be called now and then."""
    for job in jobs:
        job.report(WAITING, 0.0)
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn())
    with Progress(
        *columns, TimeElapsedColumn(), console=console, disable=not console.is_terminal
    ) as bars:
        tasks = {job: bars.add_task(job.name, total=1.0) for job in jobs}
        unfinished = list(jobs)

        def look() -> None:
            for job in list(unfinished):
                doing, share = job.read()
                bars.update(tasks[job], description=f"{job.name}: {doing}", completed=share)
                if doing == DONE:
                    unfinished.remove(job)
                    if not console.is_terminal:
                        console.print(f"{job.name}: {doing}")

        yield look
