"""Peaks of a model's confidence in recordings: where they are, and whose."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import soundfile
from command_line import SAMPLES

from kws.audio.audio_file import read_audio
from kws.config import SAMPLE_RATE
from kws.data.clips import Clip
from kws.evaluation.operating_points import count_detections
from kws.evaluation.scores import Scorer
from kws.evaluation.speech_peaks import (
    by_kind,
    find_speech_peaks,
    join_peaks,
    log_odds,
    peak_steps,
    threshold_above,
)
from kws.model_file import ModelFile
from kws.posterior import ONE


def test_log_odds_and_thresholds_are_inverse() -> None:
    every = np.arange(0, ONE + 1)
    heights = log_odds(every)
    assert np.isfinite(heights).all()
    assert (np.diff(heights) > 0).all()
    some = [*range(0, ONE, 97), ONE - 2, ONE - 1, ONE]
    assert [threshold_above(float(heights[c])) for c in some] == [c + 1 for c in some]


def test_a_peak_raises_one_false_alarm_at_any_threshold() -> None:
    random = np.random.default_rng(1)
    trace = np.zeros(6000, np.int64)
    for _ in range(60):
        start = random.integers(0, 5900)
        trace[start : start + 20] += (random.uniform(0.1, 1) * np.hanning(20) * 9000).astype(int)
    trace[[0, -1]] = 5000, 6000  # peaks at the ends
    refractory = 30
    heights = trace[peak_steps(trace, refractory)]
    for threshold in (2000, 4000, 6000, 7500):
        detections = count_detections(trace, threshold, refractory)
        assert abs(int((heights >= threshold).sum()) - detections) <= 0.1 * detections + 1
    assert np.diff(peak_steps(trace, refractory)).min() > refractory


def test_peaks_belong_to_kinds_and_speakers(tmp_path: Path) -> None:
    word = read_audio(SAMPLES / "computer_lights.flac")
    quiet = np.random.default_rng(2).normal(0, 30, 2 * SAMPLE_RATE).astype(np.int16)

    def clip(name: str, samples: np.ndarray, kind: str) -> Clip:
        path = tmp_path / f"{name}.flac"
        soundfile.write(path, samples, SAMPLE_RATE)
        return Clip(path, 0, kind=kind)

    speakers = [clip(f"{n:08x}_nohash_{i}", quiet, "words") for n in range(4) for i in range(2)]
    said = clip("00000002_nohash_2", np.concatenate([word, quiet]), "words")
    long = clip("radio", np.concatenate([np.tile(quiet, 45), word, np.tile(quiet, 15)]), "radio")
    peaks = find_speech_peaks(Scorer(ModelFile.load()), by_kind([*speakers, said, long]))
    assert peaks.kinds == ("words", "radio")
    hours = sum(len(read_audio(c.path)) for c in (*speakers, said, long)) / SAMPLE_RATE / 3600
    assert np.isclose(peaks.hours, hours)
    assert (peaks.group_kinds == 0).sum() == 4  # speakers
    minutes = round(len(read_audio(long.path)) / SAMPLE_RATE / 60)
    assert (peaks.group_kinds == 1).sum() == minutes == 2
    for kind in peaks.kinds:
        assert log_odds(0.9 * ONE) < peaks.of_kind("computer", kind).max()
    # The greatest of each: by the third speaker, and in the second minute.
    first, second = peaks.groups["computer"][:2]
    assert {int(first), int(second)} == {2, 5}
    assert (np.diff(peaks.heights["computer"]) <= 0).all()

    twice = join_peaks([peaks, peaks])
    assert twice.kinds == peaks.kinds
    assert np.isclose(twice.hours, 2 * peaks.hours)
    assert len(twice.heights["jarvis"]) == 2 * len(peaks.heights["jarvis"])
    assert set(twice.groups["computer"][:4].tolist()) == {2, 5, 8, 11}
