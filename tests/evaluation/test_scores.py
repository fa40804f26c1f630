"""Test that a scorer's confidences are those of kws listen."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import soundfile
from conftest import skip_without
from small_models import synthetic_audio, temporal

from kws.audio.audio_file import AudioFile
from kws.config import SAMPLE_RATE
from kws.evaluation.scores import Scorer, score_recordings
from kws.listener import listen
from kws.model_file import ModelFile
from kws.posterior import quantise_threshold
from kws.spotter import NumpySpotter


@pytest.fixture(scope="module")
def model() -> ModelFile:
    skip_without("TensorFlow", find_spec("tensorflow"))
    return temporal()


def test_a_threshold_is_reached_where_kws_listen_detects(model: ModelFile, tmp_path: Path) -> None:
    scorer, spotter = Scorer(model), NumpySpotter(model)
    thresholds = [quantise_threshold(threshold) for threshold in model.config.thresholds]
    found = 0
    for seed in range(30):
        samples = synthetic_audio(0.7, seed)
        soundfile.write(tmp_path / "a.wav", samples, SAMPLE_RATE)
        detections = list(listen(AudioFile(tmp_path / "a.wav"), spotter))
        reached = (scorer.score_stream([samples]) >= thresholds).any()
        assert reached == bool(detections)
        found += bool(detections)
    assert 3 < found < 27


def test_negatives_are_one_stream_however_cut(model: ModelFile) -> None:
    stream = synthetic_audio(20, seed=5)
    pieces = np.split(stream, [1, 5000, 5001, 200_000])
    scorer = Scorer(model)
    cut, whole = score_recordings(scorer, {}, iter(pieces)), score_recordings(scorer, {}, [stream])
    assert cut.hours == whole.hours == 20 / 3600
    for keyword in model.config.keywords:
        assert np.array_equal(cut.negatives[keyword], whole.negatives[keyword])
        assert len(cut.positives[keyword]) == 0
