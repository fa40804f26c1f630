"""Score the recordings of `kws evaluate`, here or by other processes, with progress bars."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kws.evaluation.block_stream import Block
    from kws.evaluation.condition_scores import ConditionScores
    from kws.evaluation.scores import Scores
    from kws.evaluation.test_set import EvaluationSet
    from kws.model_file import ModelFile
    from kws.types import Samples

LARGE = 200_000_000  # bytes of recordings, for which other processes are worth their start


def score(
    model: ModelFile, test_set: EvaluationSet, noise: list[Path], cluster: str | None
) -> Scores:
    """Score a test set: here, by processes of this machine if it is large, or by a cluster."""
    if cluster is None and _size(test_set) < LARGE:
        return _score_here(model, test_set)
    return _score_by_workers(model, test_set, noise, cluster)


def score_conditions(
    model: ModelFile, test_set: EvaluationSet, negatives: Path, noise: Samples | None
) -> ConditionScores:
    """Score a test set in all conditions, with a progress bar on a terminal."""
    from kws.evaluation.condition_test import score_in_conditions, steps_of
    from kws.evaluation.scores import Scorer

    with _progress("conditions", steps_of(test_set)) as advance:
        return score_in_conditions(Scorer(model), test_set, negatives, noise, advance)


def _score_here(model: ModelFile, test_set: EvaluationSet) -> Scores:
    """Score a test set, with a progress bar on a terminal."""
    from kws.evaluation.scores import Scorer, score_blocks

    with _progress("evaluating", test_set.recording_count) as advance:

        def advancing(blocks: Iterator[Block]) -> Iterator[Block]:
            for block in blocks:
                yield block
                if not block.start:
                    advance()

        return score_blocks(
            Scorer(model),
            {
                keyword: advancing(test_set.positive_blocks(keyword, warn=True))
                for keyword in test_set.positives
            },
            advancing(test_set.negative_blocks(warn=True)),
        )


def _size(test_set: EvaluationSet) -> int:
    """Return the size of all files, bytes."""
    from kws.audio.tar_members import file_state

    paths = [*test_set.negatives, *chain.from_iterable(test_set.positives.values())]
    return sum(file_state(path)[0] for path in paths)


def _score_by_workers(
    model: ModelFile, test_set: EvaluationSet, noise: list[Path], cluster: str | None
) -> Scores:
    """Score a test set by the workers of a cluster, or by processes of this machine."""
    from kws.evaluation.parallel_scores import ParallelScoring
    from kws.parallel import Cluster, workers

    def tracked(what: str, results: Iterator[Any], total: int) -> Iterator[Any]:
        with _progress(what, total) as advance:
            for result in results:
                yield result
                advance()

    with workers(None if cluster is None else Cluster(cluster)) as pool:
        return ParallelScoring(pool, model, test_set, noise, tracked).scores()


@contextmanager
def _progress(title: str, total: int) -> Iterator[Callable[[], None]]:
    """Show a progress bar on a terminal; yield what advances it by one."""
    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task(title, total=total)
        yield lambda: progress.advance(task)
