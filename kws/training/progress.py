"""How far the trainings are, on a terminal as bars, elsewhere as a line for each that is done."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from kws.training.fold import DONE, WAITING, Fold


@contextmanager
def shown(folds: Sequence[Fold], console: Console) -> Iterator[Callable[[], None]]:
    """Show the folds as long as the block runs; what it yields is to be called now and then."""
    for fold in folds:
        fold.report(WAITING, 0.0)
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn())
    with Progress(
        *columns, TimeElapsedColumn(), console=console, disable=not console.is_terminal
    ) as bars:
        tasks = {fold: bars.add_task(str(fold), total=1.0) for fold in folds}
        unfinished = list(folds)

        def look() -> None:
            for fold in list(unfinished):
                doing, share = fold.progress()
                bars.update(tasks[fold], description=f"{fold}: {doing}", completed=share)
                if doing == DONE:
                    unfinished.remove(fold)
                    if not console.is_terminal:
                        console.print(f"{fold}: {doing}")

        yield look
