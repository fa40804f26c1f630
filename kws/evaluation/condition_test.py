"""Score a test set of folders in all conditions, with memory for minutes of it at most.

What is mixed with the keywords comes from the negatives, a random part of them. The kinds of the
negatives are the folders that they are in.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np

from kws.audio.tar_members import without_archive
from kws.config import SAMPLE_RATE
from kws.data.clips import MAX_SECONDS
from kws.data.dataset import SPEECH_KIND
from kws.evaluation.block_stream import BLOCK, stream_blocks
from kws.evaluation.condition_scores import (
    SPACINGS,
    ConditionScores,
    score_conditions,
    score_kind,
)
from kws.evaluation.conditions import Material, WordRecording, conditions, find_word, trimmed
from kws.evaluation.scores import Scorer
from kws.evaluation.test_set import EvaluationSet
from kws.types import Int, Samples

MAX_KINDS = 20  # folders; more of them are speakers or days, and their recordings are one kind
MATERIAL_SECONDS = 600  # of other speech
PIECES = 4  # of one recording, of BLOCK samples each
MAX_BLOCKS = int(MAX_SECONDS * SAMPLE_RATE) // BLOCK + 1  # that show whether a keyword is too long
MIN_PIECE = SAMPLE_RATE  # samples
SEED = 1

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Recordings:
    """Read recordings in pieces, each time that they are iterated over."""

    paths: list[Path]
    advance: Callable[[], object]  # called after each recording

    def __iter__(self) -> Iterator[Iterator[Samples]]:
        for path in self.paths:
            yield (block.clean for block in stream_blocks([path], None, 0.0, 0, warn=False))
            self.advance()


def kinds_in(folder: Path, paths: Iterable[Path]) -> dict[str, list[Path]]:
    """Return recordings by kind: the folder that they are in, if there are MAX_KINDS at most."""
    found: dict[str, list[Path]] = {}
    for path in paths:
        inside = without_archive(path).relative_to(folder).parts
        found.setdefault(inside[0] if len(inside) > 1 else SPEECH_KIND, []).append(path)
    if len(found) <= MAX_KINDS:
        return found
    return {SPEECH_KIND: [path for of_kind in found.values() for path in of_kind]}


def other_speech(paths: list[Path]) -> list[Samples]:
    """Return passages of a random part of recordings, MATERIAL_SECONDS at most."""
    random = np.random.default_rng(SEED)
    found: list[Samples] = []
    length = 0
    for index in random.permutation(len(paths)):
        if length >= MATERIAL_SECONDS * SAMPLE_RATE:
            break
        for block in islice(stream_blocks([paths[index]], None, 0.0, 0, warn=False), PIECES):
            if len(passage := trimmed(block.clean)) >= MIN_PIECE:
                found.append(passage)
                length += len(passage)
    return found


def steps_of(test_set: EvaluationSet) -> int:
    """Return how often `advance` of score_in_conditions() is called."""
    return sum(map(len, test_set.positives.values())) + len(SPACINGS) * len(test_set.negatives)


def score_in_conditions(
    scorer: Scorer,
    test_set: EvaluationSet,
    negatives: Path,
    noise: Samples | None,
    advance: Callable[[], object],
) -> ConditionScores:
    """Return the scores of the positives in all conditions, and of the negatives by kind.

    negatives: the folder that those of the test set are in. noise: for the conditions with noise;
    that of the test set is in none. advance: called after each recording.
    """
    speech = other_speech(test_set.negatives)
    nothing = np.zeros(0, np.int16)
    changes = conditions(Material(speech, speech, nothing if noise is None else noise))
    peaks: dict[str, dict[str, Int]] = {}
    for keyword in scorer.config.keywords:
        words = _words(test_set.positives.get(keyword, []), advance)
        peaks[keyword] = score_conditions(scorer, words, changes, keyword)
    positives = {name: {k: of[name] for k, of in peaks.items()} for name in changes}
    kinds = kinds_in(negatives, test_set.negatives).items()
    found = {kind: score_kind(scorer, Recordings(paths, advance)) for kind, paths in kinds}
    return ConditionScores(positives, found)


def _words(paths: Iterable[Path], advance: Callable[[], object]) -> Iterator[WordRecording]:
    """Yield recordings of a keyword; leave out what holds more than the keyword."""
    for path in paths:
        blocks = stream_blocks([path], None, 0.0, 0, warn=False)  # it warned the first time
        if pieces := [block.clean for block in islice(blocks, MAX_BLOCKS)]:
            samples = np.concatenate(pieces)
            if len(samples) <= MAX_SECONDS * SAMPLE_RATE:
                yield find_word(samples)
            else:
                problem = f"longer than the {MAX_SECONDS:g} s of a keyword that is said once"
                _log.warning("%s: %s; left out of the conditions", path, problem)
        advance()
