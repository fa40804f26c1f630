"""Test latencies, worst misses and worst false alarms on the shipped samples."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
from evaluation_samples import sample_set, word, write_samples

from kws.audio.audio_file import read_audio
from kws.config import SAMPLE_RATE
from kws.evaluation.block_stream import BLOCK
from kws.evaluation.scores import Scorer, score_recordings
from kws.evaluation.test_set import EvaluationSet
from kws.evaluation.worst_cases import (
    _cut,
    detection_peaks,
    keyword_cases,
    worst_false_alarms,
)
from kws.model_file import ModelFile


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_samples(tmp_path_factory.mktemp("set"))


def test_false_alarms_are_cut_where_they_were_detected(folders: Path) -> None:
    test_set, scorer = sample_set(folders), Scorer(ModelFile.load("home"))
    scores = score_recordings(scorer, {}, (clip.mixed for clip in test_set.negative_blocks()))
    found = worst_false_alarms(scorer, test_set, scores)
    (alarm,) = [case for case in found if case.path.name == "jarring.flac"]
    assert alarm.keyword == "alexa"
    first = round(alarm.start_seconds * SAMPLE_RATE)
    assert np.array_equal(alarm.samples, read_audio(alarm.path)[first : first + len(alarm.samples)])
    assert alarm.confidence >= ModelFile.load("home").config.thresholds[2]
    alone = scorer.score_stream([alarm.samples])
    assert alone[:, 2].max() / (1 << 15) == pytest.approx(alarm.confidence, abs=0.2)


def test_latency_is_measured_from_the_end_of_the_word(tmp_path: Path) -> None:
    """Move a word later in its recording: the latency stays."""
    samples = word("alexa_timer")
    scorer = Scorer(ModelFile.load("home"))
    latencies = []
    for pause in (0, SAMPLE_RATE):
        path = tmp_path / f"{pause}.wav"
        soundfile.write(path, np.concatenate([np.zeros(pause, np.int16), samples]), SAMPLE_RATE)
        test_set = EvaluationSet({"alexa": [path]}, [], None, 0.0)
        cases = keyword_cases(scorer, test_set, "alexa")
        assert cases.misses == []
        (faintest,) = cases.faintest  # there is something to hear without a miss, too
        assert faintest.path == path
        assert faintest.confidence > 0.5
        latencies.append(cases.latencies[0])
    assert latencies[0] == pytest.approx(latencies[1], abs=0.05)


def test_the_peaks_of_detections_by_confidence() -> None:
    confidences = np.array([0, 10, 30, 10, 0, 0, 0, 0, 50, 0, 9])
    assert detection_peaks(confidences, 10, 3) == [8, 2]
    assert detection_peaks(confidences, 51, 3) == []


@pytest.mark.parametrize("seed", range(5))
def test_false_alarms_are_cut_as_out_of_whole_recordings(tmp_path: Path, seed: int) -> None:
    random = np.random.default_rng(seed)
    recordings = {}
    for number in range(4):
        samples = random.integers(-999, 999, random.integers(1, 3 * BLOCK)).astype(np.int16)
        soundfile.write(path := tmp_path / f"{number}.wav", samples, SAMPLE_RATE)
        recordings[path] = samples
    length = sum(map(len, recordings.values()))
    alarms = sorted((int(n), "alexa", n / length) for n in random.integers(0, length, 12))
    found = _cut(EvaluationSet({}, list(recordings), None, 0.0), alarms)
    assert [case.confidence for case in found] == [confidence for _, _, confidence in alarms]
    for case, (sample, _, _) in zip(found, alarms, strict=True):
        for path, samples in recordings.items():
            if path == case.path:
                break
            sample -= len(samples)
        first = max(0, sample - 2 * SAMPLE_RATE)
        assert case.start_seconds == first / SAMPLE_RATE
        assert np.array_equal(case.samples, samples[first : sample + SAMPLE_RATE // 2])
