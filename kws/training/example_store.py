"""Examples as log mel rows, made once for all trainings of a run and kept in a folder.

Every example is made of recordings of one part of the split, so that a training leaves out a part's
examples and has heard nothing of its voices and rooms.
"""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from numpy.lib.format import open_memmap

from kws.training.augmentation.scene import Samples
from kws.training.example_layout import DETAIL, Layout
from kws.training.examples import Examples
from kws.training.log_mel import LogMels
from kws.training.workers import end_with_parent

CHUNK = 256  # examples made by one task
# Share of each kind of background example.
BACKGROUND = {"speech": 0.64, "fragment": 0.24, "quiet": 0.12}
WORDS = 0.35  # share of the background that is other words, where there are any
SPEECH_NAMES = ("speech_log_mels", "speech_parts")
NAMES = ("log_mels", "labels", "parts")  # the arrays, and their files

_examples: Sequence[Examples]  # by part; of a worker process, set once when it starts


@dataclass(frozen=True)
class Pool:
    """Examples; a training may write over its copy of them."""

    log_mels: npt.NDArray[np.float16]  # [n, rows, filters]
    labels: npt.NDArray[np.int8]  # [n, steps]
    parts: npt.NDArray[np.int8]  # [n] of the split

    @staticmethod
    def load(folder: Path) -> Pool:
        """The pool in a folder; what is written over it stays in this process's memory."""
        return Pool(*(np.load(folder / f"{name}.npy", mmap_mode="c") for name in NAMES))

    def heard(self, chosen: npt.NDArray[np.int64]) -> npt.NDArray[np.float16]:
        """The rows of some examples that a network hears: [m, rows, filters]."""
        return self.log_mels[chosen, ::DETAIL]

    @property
    def keywords(self) -> npt.NDArray[np.int8]:
        """[n] the keyword of each example, from 1; 0 is background."""
        found: npt.NDArray[np.int8] = self.labels.max(axis=1)
        return np.maximum(found, 0)


def make_pool(
    examples: Sequence[Examples],
    positives: int,
    backgrounds: int,
    seed: int,
    folder: Path,
    progress: Callable[[float], None] = lambda share: None,
) -> None:
    """Draw about `positives` examples of each keyword and `backgrounds` others into a new folder.

    examples: by part. Same seed, same pool.
    """
    tasks = list(_tasks(examples, positives, backgrounds, seed))
    total = sum(len(task.kinds) for task in tasks)
    layout = examples[0].layout
    shapes = (total, layout.rows, layout.front_end.mel_filters), (total, layout.steps), (total,)
    arrays: list[npt.NDArray[Any]] = [
        open_memmap(folder / f"{name}.npy", "w+", dtype, shape)  # type: ignore[no-untyped-call]
        for name, dtype, shape in zip(NAMES, (np.float16, np.int8, np.int8), shapes, strict=True)
    ]
    done = 0
    for chunk, task in zip(_in_processes(examples, tasks), tasks, strict=True):
        place = slice(done, done + len(task.kinds))
        for array, values in zip(arrays, (*chunk, task.part), strict=True):
            array[place] = values
        done = place.stop
        progress(done / total)


@dataclass(frozen=True)
class Speech:
    """All speech without a keyword, one recording behind the other."""

    log_mels: npt.NDArray[np.float16]  # [m, filters]
    parts: npt.NDArray[np.int8]  # [m] of the split

    @staticmethod
    def load(folder: Path) -> Speech:
        """What make_speech() left in a folder."""
        return Speech(*(np.load(folder / f"{name}.npy", mmap_mode="r") for name in SPEECH_NAMES))

    def of(self, parts: Sequence[int]) -> npt.NDArray[np.float16]:
        """The rows of some parts, [m, filters]."""
        rows: npt.NDArray[np.float16] = self.log_mels[np.isin(self.parts, parts)]
        return rows


def make_speech(recordings: Sequence[Sequence[Samples]], layout: Layout, folder: Path) -> None:
    """Keep the log mel rows of recordings, by part, in a folder."""
    front_end = LogMels(layout.detailed)
    rows = [np.zeros((0, layout.front_end.mel_filters), np.float16)]
    parts: list[int] = []
    for part, group in enumerate(recordings):
        samples = np.concatenate([np.zeros(layout.samples, np.int16), *group])
        rows.append(front_end.rows(samples).astype(np.float16))
        parts += [part] * len(rows[-1])
    for name, array in zip(
        SPEECH_NAMES, (np.concatenate(rows), np.array(parts, np.int8)), strict=True
    ):
        np.save(folder / f"{name}.npy", np.asarray(array))


@dataclass(frozen=True)
class _Task:
    part: int
    kinds: list[int]  # keywords from 1, 0 for background
    seed: tuple[int, int, int]


_Chunk = tuple[npt.NDArray[np.float16], npt.NDArray[np.int8]]


def _tasks(
    examples: Sequence[Examples], positives: int, backgrounds: int, seed: int
) -> Iterator[_Task]:
    for part, drawn in enumerate(examples):
        kinds = [0] * round(backgrounds / len(examples))
        for keyword, words in enumerate(drawn.positives, 1):
            kinds += [keyword] * round(positives * words.share)
        np.random.default_rng((seed, part)).shuffle(kinds)
        for first in range(0, len(kinds), CHUNK):
            yield _Task(part, kinds[first : first + CHUNK], (seed, part, first))


def _in_processes(examples: Sequence[Examples], tasks: list[_Task]) -> Iterator[_Chunk]:
    """Forked workers share the recordings; where there is no fork, one process does all."""
    if "fork" not in multiprocessing.get_all_start_methods():
        _begin(examples)
        yield from map(_make, tasks)
        return
    context = multiprocessing.get_context("fork")
    with ProcessPoolExecutor(
        os.cpu_count(), context, initializer=_begin_worker, initargs=(examples,)
    ) as executor:
        yield from executor.map(_make, tasks)


def _begin_worker(examples: Sequence[Examples]) -> None:
    end_with_parent()
    _begin(examples)


def _begin(examples: Sequence[Examples]) -> None:
    global _examples
    _examples = examples


def _make(task: _Task) -> _Chunk:
    examples = _examples[task.part]
    random = np.random.default_rng(task.seed)
    layout = examples.layout
    front_end = LogMels(layout.detailed)
    shape = (len(task.kinds), layout.rows, layout.front_end.mel_filters)
    log_mels, labels = np.empty(shape, np.float16), np.zeros((shape[0], layout.steps), np.int8)
    for i, kind in enumerate(task.kinds):
        if kind:
            samples, labels[i] = examples.positive(kind, random)
        else:
            name = str(random.choice(list(BACKGROUND), p=list(BACKGROUND.values())))
            if examples.words and random.random() < WORDS:
                name = "word"
            samples = getattr(examples, name)(random)
        log_mels[i] = front_end.rows(samples)
    return log_mels, labels
