"""Test the pool of examples and the negative speech."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from training_signals import FRONT_END, LAYOUT, silent_generator, tone
from waiting import wait_until

from kws.config import SAMPLE_RATE
from kws.data.clips import PARTITIONS
from kws.training.example_store import (
    ExamplePool,
    NegativeSpeech,
    make_examples,
    store_negative_speech,
)
from kws.training.examples import ExampleGenerator
from kws.training.features import LogMelExtractor
from kws.training.keyword_utterances import KeywordUtterances

if TYPE_CHECKING:
    from dask_cluster import KillableCluster

pytestmark = pytest.mark.slow

TONES = np.geomspace(150, 3200, PARTITIONS)  # Hz


def generators() -> list[ExampleGenerator]:
    """Return generators whose recordings are a tone per partition; keyword 2 is in two of them."""
    words = [np.pad(tone(hertz, 0.6), (8000, 8000)) for hertz in TONES]
    return [
        ExampleGenerator(
            LAYOUT,
            [
                KeywordUtterances([words[partition]], [1 / PARTITIONS]),
                KeywordUtterances([words[partition]] * (partition < 2), [0.5] * (partition < 2)),
            ],
            *[[tone(hertz, 30.0)]] * 2,
            [],
        )
        for partition, hertz in enumerate(TONES)
    ]


def mapped() -> str:
    """The files that this process has in its memory."""
    return Path("/proc/self/maps").read_text()


@pytest.fixture(scope="module")
def pool_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pool")
    make_examples(generators(), 64, 160, 1, folder)
    return folder


def test_an_example_holds_recordings_of_its_partition_alone(pool_folder: Path) -> None:
    """Of the parts' tones, the one that is means longest in an example is its own partition's."""
    pool = ExamplePool.load(pool_folder)
    front_end = LogMelExtractor(FRONT_END)
    tones = np.stack([front_end.extract(tone(hertz)).mean(axis=0) for hertz in TONES])
    means = pool.log_mels.astype(np.float32).mean(axis=1)
    bands = tones.argmax(axis=1)
    loudest = means[:, bands].argmax(axis=1)
    # Some examples are noise only, and speed perturbation moves tones by a third of their distance.
    assert np.mean(loudest == pool.partitions) > 0.85


def test_processes_make_the_same_examples(
    pool_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kws.training.example_store.FEW", 0)
    make_examples(generators(), 64, 160, 1, tmp_path)
    here, there = ExamplePool.load(pool_folder), ExamplePool.load(tmp_path)
    assert np.array_equal(here.log_mels, there.log_mels)
    assert np.array_equal(here.labels, there.labels)


def test_a_cluster_makes_the_same_examples_though_a_worker_is_killed(
    pool_folder: Path, tmp_path: Path, dask: KillableCluster
) -> None:
    first, *_ = dask.pids()

    def kill_one(share: float) -> None:
        if first not in dask.killed:
            assert share < 1
            dask.kill(first)

    make_examples(generators(), 64, 160, 1, tmp_path, kill_one, dask.cluster)
    assert first in dask.killed
    here, there = ExamplePool.load(pool_folder), ExamplePool.load(tmp_path)
    assert np.array_equal(here.log_mels, there.log_mels)
    assert np.array_equal(here.labels, there.labels)
    assert np.array_equal(here.partitions, there.partitions)
    assert not list(tmp_path.glob("recordings-*"))  # what the workers read
    # A worker may end a task that was given to another besides.
    wait_until(lambda: not any("recordings-" in m for m in dask.client.run(mapped).values()))


def test_a_pool_holds_the_requested_numbers(pool_folder: Path) -> None:
    pool = ExamplePool.load(pool_folder)
    assert pool.log_mels.shape == (64 + 64 + 160, LAYOUT.frames, FRONT_END.mel_filters)
    assert np.isfinite(pool.log_mels).all()
    assert np.bincount(pool.keywords).tolist() == [160, 64, 64]
    assert np.bincount(pool.partitions[pool.keywords == 0]).tolist() == [20] * PARTITIONS
    assert np.bincount(pool.partitions[pool.keywords == 1]).tolist() == [8] * PARTITIONS
    assert np.bincount(pool.partitions[pool.keywords == 2]).tolist() == [32, 32]


def test_the_same_seed_gives_the_same_pool(tmp_path: Path) -> None:
    pools = []
    for name, seed in (("one", 1), ("again", 1), ("other", 2)):
        (tmp_path / name).mkdir()
        shares: list[float] = []
        make_examples([silent_generator()] * 2, 4, 6, seed, tmp_path / name, shares.append)
        assert shares[-1] == 1
        pools.append(ExamplePool.load(tmp_path / name))
    pool, again, other = pools
    assert np.array_equal(pool.log_mels, again.log_mels)
    assert np.array_equal(pool.labels, again.labels)
    assert not np.array_equal(pool.log_mels, other.log_mels)
    half = len(pool.labels) // 2
    assert not np.array_equal(pool.log_mels[:half], pool.log_mels[half:])  # partitions differ


def test_changes_of_a_pool_stay_in_memory(pool_folder: Path) -> None:
    pool, other = ExamplePool.load(pool_folder), ExamplePool.load(pool_folder)
    before = other.log_mels[3].copy()
    pool.log_mels[3] = 7.0
    pool.labels[3] = 0
    assert (pool.log_mels[3] == 7).all()
    assert np.array_equal(other.log_mels[3], before)
    assert np.array_equal(ExamplePool.load(pool_folder).log_mels[3], before)


def test_negative_speech_is_stored_by_partition(tmp_path: Path) -> None:
    random = np.random.default_rng(1)
    spoken = [
        [random.integers(-999, 999, SAMPLE_RATE).astype(np.int16)] * (partition % 3)
        for partition in range(PARTITIONS)
    ]
    store_negative_speech(spoken, LAYOUT, tmp_path)
    speech = NegativeSpeech.load(tmp_path)
    silence = LAYOUT.window_frames * LAYOUT.front_end.hop  # before each recording, the second time
    once = np.array([len(group) * SAMPLE_RATE for group in spoken])
    samples = LAYOUT.samples + 2 * once + [len(group) * silence for group in spoken]
    frames = (samples - FRONT_END.window) // LAYOUT.oversampled.hop + 1
    assert np.bincount(speech.partitions).tolist() == frames.tolist()
    assert len(speech.select([2, 4])) == frames[2] + frames[4]
    assert len(speech.select([])) == 0
    alone = [np.pad(samples, (silence, 0)) for samples in spoken[2]]
    whole = np.concatenate([np.zeros(LAYOUT.samples, np.int16), *spoken[2], *alone])
    expected = LogMelExtractor(LAYOUT.oversampled).extract(whole)
    assert np.array_equal(speech.select([2]), expected.astype(np.float16))
