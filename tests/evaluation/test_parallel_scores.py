"""A test set that workers score in parts: equal to the last bit with one stream in one process."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import soundfile

from kws.config import SAMPLE_RATE
from kws.evaluation import parallel_scores
from kws.evaluation.parallel_scores import ParallelScoring
from kws.evaluation.scores import Scorer, Scores, score_blocks
from kws.evaluation.stream_part import StreamPart
from kws.evaluation.test_set import EvaluationSet, read_joined
from kws.model_file import ModelFile
from kws.types import Samples

if TYPE_CHECKING:
    from dask_cluster import KillableCluster

PART_SECONDS, WARM_UP_SECONDS = 20.0, 10.0
GAPS = (0.3, 2.0, 7.0, 1.1, 14.0, 0.5)  # s of near silence, in which the gate closes


class Here:
    """Do the work in this process."""

    def map(self, work: Any, pieces: Any) -> Iterator[Any]:
        return map(work, pieces)


def tracked(what: str, results: Iterator[Any], total: int) -> Iterator[Any]:
    yield from results


def babble(seconds: float, random: np.random.Generator) -> Samples:
    """Noise of changing level, with pauses."""
    samples = random.normal(0, 1500, round(seconds * SAMPLE_RATE))
    levels = np.repeat(random.uniform(0, 1, len(samples) // 4000 + 1), 4000)[: len(samples)]
    return (samples * levels).astype(np.int16)


@pytest.fixture(scope="module")
def test_set(tmp_path_factory: pytest.TempPathFactory) -> EvaluationSet:
    """Recordings of uneven lengths with silence between them, two of them unreadable."""
    folder, random = tmp_path_factory.mktemp("set"), np.random.default_rng(1)

    def write(name: str, samples: Samples) -> Path:
        soundfile.write(folder / name, samples, SAMPLE_RATE)
        return folder / name

    negatives = []
    for number, gap in enumerate(GAPS * 2):
        faint = random.normal(0, 0.4, round(gap * SAMPLE_RATE)).astype(np.int16)
        spoken = babble(random.uniform(1, 12), random)
        negatives.append(write(f"{number}.flac", np.concatenate([spoken, faint])))
    (folder / "broken.flac").write_bytes(b"fLaC")
    negatives.insert(3, folder / "broken.flac")
    words = [write(f"word-{number}.wav", babble(0.9, random)) for number in range(5)]
    words.insert(2, folder / "missing.wav")
    noise = read_joined([write("noise.wav", babble(3.0, random))])
    return EvaluationSet({"jarvis": words}, negatives, noise, 5.0)


@pytest.fixture(autouse=True)
def short_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parallel_scores, "PART_SECONDS", PART_SECONDS)
    monkeypatch.setattr(parallel_scores, "WARM_UP_SECONDS", WARM_UP_SECONDS)
    monkeypatch.setattr(parallel_scores, "FILES", 3)
    monkeypatch.setattr(parallel_scores, "UTTERANCES", 2)


def expected(model: ModelFile, test_set: EvaluationSet) -> Scores:
    positives = {keyword: test_set.positive_blocks(keyword) for keyword in test_set.positives}
    return score_blocks(Scorer(model), positives, test_set.negative_blocks())


def assert_equal(found: Scores, whole: Scores) -> None:
    assert found.hours == whole.hours
    for keyword, peaks in whole.positives.items():
        assert np.array_equal(found.positives[keyword], peaks)
        assert found.positives[keyword].dtype == peaks.dtype
        assert np.array_equal(found.negatives[keyword], whole.negatives[keyword])
        assert found.negatives[keyword].dtype == whole.negatives[keyword].dtype


@pytest.mark.parametrize(("gate", "noise"), [(True, True), (False, False)])
def test_parts_give_the_bits_of_the_whole_stream(
    test_set: EvaluationSet, gate: bool, noise: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = ModelFile.load()
    model = model if gate else model.without_gate()
    tested = test_set if noise else replace(test_set, noise=None)
    parts: list[StreamPart] = []
    score = StreamPart.score

    def counted(part: StreamPart) -> Any:
        parts.append(part)
        return score(part)

    monkeypatch.setattr(StreamPart, "score", counted)
    files = [test_set.negatives[0].with_name("noise.wav")]
    found = ParallelScoring(Here(), model, tested, files, tracked).scores()
    assert_equal(found, expected(model, tested))
    assert len(parts) >= 3
    assert any(part.warm_up for part in parts)


@pytest.mark.parametrize("kind", ["silent between", "quiet"])
def test_a_silent_warm_up_is_no_warm_up(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Parts after long silence are scored with what comes before, and no part of them twice."""
    random = np.random.default_rng(2)
    if kind == "quiet":
        samples = random.normal(0, 0.4, 300 * SAMPLE_RATE).astype(np.int16)
    else:
        pieces = []
        for seconds in (31.0, 45.0, 30.0):
            pieces += [babble(seconds, random), np.zeros(round(seconds * SAMPLE_RATE), np.int16)]
        samples = np.concatenate(pieces)
    soundfile.write(tmp_path / "one.flac", samples, SAMPLE_RATE)
    test_set = EvaluationSet({"jarvis": []}, [tmp_path / "one.flac"], None, 0.0)
    model = ModelFile.load()
    whole, pushed, titles = expected(model, test_set), 0, []
    push = Scorer.push

    def counted(scorer: Scorer, samples: Samples) -> Any:
        nonlocal pushed
        pushed += len(samples)
        return push(scorer, samples)

    def titled(what: str, results: Iterator[Any], total: int) -> Iterator[Any]:
        titles.extend([what] * total)
        yield from results

    monkeypatch.setattr(Scorer, "push", counted)
    found = ParallelScoring(Here(), model, test_set, [], titled).scores()
    assert_equal(found, whole)
    # Parts and warm-ups are of one length here, that of the grid: warm-ups are a stream of samples.
    assert pushed < 2.5 * len(samples)
    assert "scoring negatives after silence" in titles


@pytest.mark.slow
def test_a_cluster_gives_equal_scores_though_a_worker_is_killed(
    test_set: EvaluationSet, dask: KillableCluster
) -> None:
    from kws.parallel import workers

    first, *_ = dask.pids()

    def killing(what: str, results: Iterator[Any], total: int) -> Iterator[Any]:
        for result in results:
            if what == "scoring negatives" and first not in dask.killed:
                dask.kill(first)
            yield result

    model = ModelFile.load()
    files = [test_set.negatives[0].with_name("noise.wav")]
    with workers(dask.cluster) as pool:
        found = ParallelScoring(pool, model, test_set, files, killing).scores()
    assert first in dask.killed
    assert_equal(found, expected(model, test_set))
