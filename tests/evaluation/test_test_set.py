"""Test how recordings are read and mixed with noise."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from evaluation_samples import sample_set, write_samples
from small_models import synthetic_audio

from kws.audio.audio_file import read_audio
from kws.evaluation.test_set import FRAME, mix_with_noise


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_samples(tmp_path_factory.mktemp("set"))


@pytest.mark.parametrize("snr", [-5.0, 0.0, 10.0, 25.0])
def test_noise_is_mixed_in_by_the_definition(snr: float) -> None:
    random = np.random.default_rng(1)
    word = np.pad(random.normal(0, 2000, 6 * FRAME), (5 * FRAME, 9 * FRAME))
    recording = word.round().astype(np.int16)
    noise = (random.normal(0, 300, 100 * FRAME) * np.linspace(0.1, 1, 100 * FRAME)).astype(np.int16)
    (mixed,) = mix_with_noise([recording], noise, snr, seed=3)
    added = mixed.astype(float) - recording

    def loudest(samples: np.ndarray) -> float:
        return max((frame.astype(float) ** 2).sum() for frame in samples.reshape(-1, FRAME))

    assert mixed.dtype == np.int16
    assert 10 * np.log10(loudest(recording) / loudest(added)) == pytest.approx(snr, abs=0.05)


def test_noise_of_any_length_is_enough() -> None:
    recordings = [synthetic_audio(0.5, seed) for seed in (1, 2)]
    noise = np.arange(-500, 500, 7).astype(np.int16)
    first, again = (list(mix_with_noise(recordings, noise, 10, seed=1)) for _ in range(2))
    assert [len(samples) for samples in first] == [8000, 8000]
    assert all(map(np.array_equal, first, again))
    (other,) = mix_with_noise(recordings[:1], noise, 10, seed=2)
    assert not np.array_equal(first[0], other)


def test_silence_as_noise_changes_nothing() -> None:
    samples = synthetic_audio(0.5)
    (mixed,) = mix_with_noise([samples], np.zeros(100, np.int16), 10, seed=1)
    assert np.array_equal(mixed, samples)


@pytest.mark.parametrize("noise", [False, True], ids=["clean", "noise"])
def test_every_pass_reads_the_same(folders: Path, noise: bool) -> None:
    test_set = sample_set(folders, noise)
    for passes in zip(test_set.read_negatives(), test_set.read_negatives(), strict=True):
        first, again = passes
        assert first.path == again.path
        assert np.array_equal(first.clean, read_audio(first.path))
        assert np.array_equal(first.mixed, again.mixed)
        assert np.array_equal(first.mixed, first.clean) == (not noise)
