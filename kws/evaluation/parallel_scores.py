"""Score a test set by workers, with the bits of scoring it in one process.

Recordings of keywords are independent. The speech without keywords is one stream, which is cut into
parts whatever the workers, so that hours of one recording and thousands of short ones take equally
long. Only speech after long silence is scored again together with what comes before it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate, groupby, islice
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from kws.config import SAMPLE_RATE
from kws.evaluation.block_stream import MeasuredRecording, measure
from kws.evaluation.scores import Scorer, Scores
from kws.evaluation.stream_part import (
    Mix,
    PartScores,
    Reach,
    StreamPart,
    grid,
    join_parts,
    priming,
)
from kws.evaluation.test_set import EvaluationSet
from kws.model_file import ModelFile
from kws.types import Int
from kws.worker_pool import Workers

PART_SECONDS, WARM_UP_SECONDS = 3600.0, 60.0
FILES, UTTERANCES = 32, 64  # that one piece of work measures, and scores

Item = TypeVar("Item")
Tracked = Callable[[str, Iterator[Any], int], Iterator[Any]]  # with a title, and how many

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Utterances:
    """Describe recordings of a keyword, each with a peak of its own."""

    model: ModelFile
    mix: Mix
    recordings: tuple[MeasuredRecording, ...]
    index: int  # of the keyword

    def peaks(self) -> list[int]:
        """Return the greatest confidence of each."""
        scorer, noise = Scorer(self.model), self.mix.noise
        mixed = (recording.mixed_blocks(noise, self.mix.snr) for recording in self.recordings)
        return [int(scorer.peaks(blocks)[self.index]) for blocks in mixed]


@dataclass(frozen=True)
class ParallelScoring:
    """Score a test set by workers.

    noise: the files of the test set's noise, which the workers read themselves. tracked: passes on
    results, and shows how many of them there are.
    """

    workers: Workers
    model: ModelFile
    test_set: EvaluationSet
    noise: Sequence[Path]
    tracked: Tracked

    def scores(self) -> Scores:
        """Return what score_blocks() does; log each recording that cannot be read."""
        keywords = self.model.config.keywords
        measured = {
            keyword: self._measured(keyword, paths, seed)
            for seed, (keyword, paths) in enumerate(self.test_set.positives.items())
        }
        negatives = self._measured("negatives", self.test_set.negatives, len(measured))
        peaks = {
            keyword: self._peaks(measured.get(keyword, []), index)
            for index, keyword in enumerate(keywords)
        }
        trace = join_parts(self._parts(negatives))
        length = sum(recording.length for recording in negatives)
        of_keyword = {keyword: trace[:, index] for index, keyword in enumerate(keywords)}
        return Scores(peaks, of_keyword, length / SAMPLE_RATE / 3600)

    @property
    def _mix(self) -> Mix:
        files = () if self.test_set.noise is None else tuple(self.noise)
        return Mix(files, self.test_set.snr)

    def _measured(self, what: str, paths: Sequence[Path], seed: int) -> list[MeasuredRecording]:
        """Return the recordings that can be read, each with its place in the noise."""
        random, noise = np.random.default_rng(seed), self.test_set.noise
        groups = list(_groups(paths, FILES))
        found = []
        for group in self._map(_measure, groups, f"measuring {what}"):
            for each in group:
                if isinstance(each, str):
                    _log.warning("%s; left out", each)
                    continue
                first = 0 if noise is None else int(random.integers(len(noise)))
                found.append(replace(each, first=first))
        return found

    def _peaks(self, recordings: Sequence[MeasuredRecording], index: int) -> Int:
        pieces = [
            Utterances(self.model, self._mix, group, index)
            for group in _groups(recordings, UTTERANCES)
        ]
        name = self.model.config.keywords[index]
        found = self._map(Utterances.peaks, pieces, f"scoring {name}")
        return np.array([peak for peaks in found for peak in peaks], np.int64)

    def _parts(self, recordings: Sequence[MeasuredRecording]) -> list[PartScores]:
        scorer = Scorer(self.model)
        whole = StreamPart(self.model, self._mix, tuple(recordings), 0, 0, 0, None, True)
        stream = _DividedStream.of(whole, scorer)
        parts = list(stream.parts()) if scorer.is_divisible else [whole]
        scored = list(self._map(StreamPart.score, parts, "scoring negatives"))
        runs = list(stream.after_silence(parts, scored))
        found = self._map(StreamPart.score, runs, "scoring negatives after silence")
        return [part for part in (*scored, *found) if part is not None]

    def _map(self, work: Callable[[Item], Any], pieces: Sequence[Item], what: str) -> Iterator[Any]:
        return self.tracked(what, self.workers.map(work, pieces), len(pieces))


def _measure(paths: Sequence[Path]) -> list[MeasuredRecording | str]:
    return [measure(path) for path in paths]


@dataclass(frozen=True)
class _DividedStream:
    """Divide a stream into parts, each with the recordings that it and its warm-up take."""

    whole: StreamPart
    begins: Int  # where each recording begins, and where the last one ends
    unit: int  # samples of which the bounds of parts are multiples
    after: int  # samples that a part takes after its end

    @classmethod
    def of(cls, whole: StreamPart, scorer: Scorer) -> _DividedStream:
        lengths = [recording.length for recording in whole.recordings]
        begins = np.array(list(accumulate(lengths, initial=priming(scorer))))
        return cls(whole, begins, grid(scorer.config), Reach.of(scorer).after)

    def parts(self) -> Iterator[StreamPart]:
        """Yield the parts, of equal lengths but for the last one."""
        part, warm_up = (
            max(1, round(seconds * SAMPLE_RATE / self.unit)) * self.unit
            for seconds in (PART_SECONDS, WARM_UP_SECONDS)
        )
        starts = list(range(0, int(self.begins[-1]), part))
        for start, end in zip(starts, [*starts[1:], None], strict=True):
            yield self._part(max(0, start - warm_up), start, end)

    def after_silence(
        self, parts: Sequence[StreamPart], scored: Sequence[PartScores | None]
    ) -> Iterator[StreamPart]:
        """Yield parts of those that were not scored, the warm-up of each too silent for it.

        Neighbours are one part, whose warm-up is the last part before them that was scored, with
        its own warm-up. So nothing is pushed more than twice, however long the silence.
        """
        exact = 0
        for is_scored, group in groupby(range(len(parts)), lambda at: scored[at] is not None):
            indices = list(group)
            first, last = indices[0], indices[-1]
            if not is_scored:
                yield self._part(parts[exact].warm_up, parts[first].start, parts[last].end)
            exact = last

    def _part(self, warm: int, start: int, end: int | None) -> StreamPart:
        begins, count = self.begins, len(self.whole.recordings)
        first = max(0, int(np.searchsorted(begins, warm, "right")) - 1)
        last = count if end is None else int(np.searchsorted(begins[:-1], end + self.after))
        return replace(
            self.whole,
            recordings=self.whole.recordings[first:last],
            offset=0 if first == 0 and warm < begins[0] else int(begins[first]),
            warm_up=warm,
            start=start,
            end=end,
            flush=last == count,
        )


def _groups(items: Iterable[Item], size: int) -> Iterator[tuple[Item, ...]]:
    """Yield items in groups of a size, the last one smaller."""
    rest = iter(items)
    while group := tuple(islice(rest, size)):
        yield group
