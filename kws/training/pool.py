"""A pool of examples as log mel rows, made by several processes."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from kws.training.examples import Examples
from kws.training.log_mels import LogMels

CHUNK = 256  # examples made by one task
# Share of each kind of background example.
BACKGROUND = {"speech": 0.64, "fragment": 0.24, "quiet": 0.12}

_examples: Examples  # of a worker process, set once when it starts


@dataclass(frozen=True)
class Pool:
    """log_mels [n, rows, filters] float16, labels [n, steps] int8."""

    log_mels: npt.NDArray[np.float16]
    labels: npt.NDArray[np.int8]


def make_pool(
    examples: Examples,
    positives: int,
    backgrounds: int,
    seed: int,
    progress: Callable[[float], None] = lambda share: None,
) -> Pool:
    """Draw `positives` examples of each keyword and `backgrounds` others; same seed, same pool."""
    keywords = len(examples.positives)
    kinds = [keyword for keyword in range(1, keywords + 1) for _ in range(positives)]
    kinds += [0] * backgrounds
    np.random.default_rng(seed).shuffle(kinds)
    tasks = [(kinds[i : i + CHUNK], (seed, i)) for i in range(0, len(kinds), CHUNK)]
    made = []
    for chunk in _in_processes(examples, tasks):
        made.append(chunk)
        progress(len(made) / len(tasks))
    return Pool(*(np.concatenate(parts) for parts in zip(*made, strict=True)))


Task = tuple[list[int], tuple[int, int]]
Chunk = tuple[npt.NDArray[np.float16], npt.NDArray[np.int8]]


def _in_processes(examples: Examples, tasks: list[Task]) -> Iterator[Chunk]:
    """Forked workers share the recordings; where there is no fork, one process does all."""
    if "fork" not in multiprocessing.get_all_start_methods():
        _begin(examples)
        yield from map(_make, tasks)
        return
    context = multiprocessing.get_context("fork")
    with ProcessPoolExecutor(
        os.cpu_count(), context, initializer=_begin, initargs=(examples,)
    ) as executor:
        yield from executor.map(_make, tasks)


def _begin(examples: Examples) -> None:
    global _examples
    _examples = examples


def _make(task: Task) -> Chunk:
    kinds, seed = task
    random = np.random.default_rng(seed)
    layout = _examples.layout
    front_end = LogMels(layout.front_end)
    log_mels = np.empty((len(kinds), layout.rows, layout.front_end.mel_filters), np.float16)
    labels = np.zeros((len(kinds), layout.steps), np.int8)
    for i, kind in enumerate(kinds):
        if kind:
            samples, labels[i] = _examples.positive(kind, random)
        else:
            name = random.choice(list(BACKGROUND), p=list(BACKGROUND.values()))
            samples = getattr(_examples, str(name))(random)
        log_mels[i] = front_end.rows(samples)
    return log_mels, labels
