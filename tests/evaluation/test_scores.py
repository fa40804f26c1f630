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
from kws.evaluation.noise_mixing import mix_with_noise
from kws.evaluation.scores import Scorer, score_blocks, score_recordings
from kws.evaluation.test_set import EvaluationSet
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


@pytest.mark.parametrize("noise", [False, True], ids=["clean", "noise"])
def test_blocks_are_scored_as_whole_recordings(
    model: ModelFile, tmp_path: Path, noise: bool
) -> None:
    paths = [tmp_path / f"{n}.wav" for n in range(4)]
    recordings = [synthetic_audio(seconds, seed=n) for n, seconds in enumerate((0.7, 5, 4.096, 9))]
    for path, samples in zip(paths, recordings, strict=True):
        soundfile.write(path, samples, SAMPLE_RATE)
    sound = synthetic_audio(3, seed=8) if noise else None
    keyword = model.config.keywords[1]
    test_set = EvaluationSet({keyword: paths}, paths[:2], sound, 5.0)
    blocks = score_blocks(
        scorer := Scorer(model),
        {keyword: test_set.positive_blocks(keyword)},
        test_set.negative_blocks(),
    )
    positives, negatives = recordings, recordings[:2]
    if sound is not None:
        positives = [*mix_with_noise(positives, sound, 5.0, 0)]
        negatives = [*mix_with_noise(negatives, sound, 5.0, 1)]
    whole = score_recordings(scorer, {keyword: positives}, negatives)
    assert blocks.hours == whole.hours
    for word in model.config.keywords:
        assert blocks.positives[word].tolist() == whole.positives[word].tolist()
        assert np.array_equal(blocks.negatives[word], whole.negatives[word])
    assert [scorer.score_stream([s])[:, 1].max() for s in positives] == list(
        whole.positives[keyword]
    )
