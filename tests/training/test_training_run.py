"""Test trainings: checkpoints, mining, weight average, early stopping, initial weights."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from conftest import tensorflow
from trained_models import SMALL, adapted_network, quantised
from training_signals import FRONT_END

from kws.data.clips import PARTITIONS
from kws.data.dataset import Dataset
from kws.model_file import ModelFile
from kws.parallel import workers
from kws.training.checkpoint import Checkpoint
from kws.training.cross_validation import Job, train
from kws.training.example_store import EXAMPLES, NEGATIVE_SPEECH, ExamplePool, NegativeSpeech
from kws.training.features import OVERSAMPLING, ExampleLayout
from kws.training.fold import Fold
from kws.training.mining import augment_segment
from kws.training.recipe import Mining, Recipe, Schedule
from kws.training.workers import run_jobs

if TYPE_CHECKING:
    from dask_cluster import KillableCluster

pytestmark = pytest.mark.slow

LAYOUT = ExampleLayout.of(FRONT_END, SMALL)


EPOCH = 6  # steps


@pytest.fixture(scope="module")
def material(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Store a pool whose keyword is a bright moment, but for partitions 0 and 1, where it is dark.

    The speech of a partition is as bright as its number says, in the last filter.
    """
    folder = tmp_path_factory.mktemp("material")
    random = np.random.default_rng(1)
    count = 40 * PARTITIONS
    partitions = np.repeat(np.arange(PARTITIONS, dtype=np.int8), 40)
    frames = random.normal(0, 0.5, (count, LAYOUT.frames, FRONT_END.mel_filters))
    labels = np.zeros((count, LAYOUT.steps), np.int8)
    labels[::2] = LAYOUT.labels(1, LAYOUT.step_ends[8])
    bright = (labels.max(axis=1) > 0) != (partitions < 2)
    end = LAYOUT.window_frames + 8 * LAYOUT.stride
    frames[bright, (end - 12) * OVERSAMPLING : end * OVERSAMPLING, :20] += 3
    speech_partitions = np.repeat(np.arange(PARTITIONS, dtype=np.int8), 200 * OVERSAMPLING)
    speech = np.zeros((len(speech_partitions), FRONT_END.mel_filters))
    speech[:, -1] = 10 + speech_partitions
    EXAMPLES.save(folder, ExamplePool(frames.astype(np.float16), labels, partitions))
    NEGATIVE_SPEECH.save(folder, NegativeSpeech(speech.astype(np.float16), speech_partitions))
    return folder


def recipe(**settings) -> Recipe:
    fast = {
        "steps_per_epoch": EPOCH,
        "batch_size": 32,
        "warm_up_steps": 2,
        "learning_rate": 0.01,
        "ema_steps": (2, 2),
    }
    return Recipe(architecture=SMALL, schedule=Schedule(**{**fast, **settings}))


def nothing(doing: str, share: float) -> None:
    pass


def test_training_resumes_from_its_checkpoint(tf, material: Path, tmp_path: Path) -> None:
    """Without held-out partitions the last epoch is kept, whatever the patience."""
    from kws.training.training_run import Training

    plan = recipe(epochs=4, patience=1)
    first = Training(material, ["word"], plan, [])
    first.run(tmp_path / "checkpoint", 2, nothing)
    kept = Checkpoint.load(tmp_path / "checkpoint")
    assert kept.epoch == kept.best_epoch == 2

    reports: list[tuple[str, float]] = []
    second = Training(material, ["word"], plan, [])
    assert second.config == first.config
    trained = second.run(tmp_path / "checkpoint", 4, lambda *what: reports.append(what))
    assert reports == [("training", 0.75), ("training", 1.0), ("quantising", 0.0)]
    assert int(second.trainer.optimizer.iterations) == 4 * EPOCH
    losses = np.array(Checkpoint.load(tmp_path / "checkpoint").losses)
    assert losses[:, 0].tolist() == [1, 2, 3, 4]
    assert (losses[:, 1] > 0).all()
    assert np.isnan(losses[:, 2]).all()  # nothing is held out
    assert Checkpoint.load(tmp_path / "checkpoint").best_epoch == 4
    model = ModelFile.parse(trained.content, "x.tflite")
    assert model.config.keywords == ("word",)


def test_a_cluster_trains_the_same_network_though_its_worker_is_killed(
    tf, material: Path, tmp_path: Path, dask: KillableCluster
) -> None:
    """The other worker goes on from the checkpoint, as if nothing had been interrupted."""
    settings = recipe(epochs=5, steps_per_epoch=30, patience=5)
    settings = replace(settings, mining=Mining(passages_per_epoch=4))
    jobs = {}
    for name in ("here", "there"):
        (tmp_path / name).mkdir()
        fold = Fold(0, 2, tmp_path / name)
        jobs[name] = Job(Dataset({"word": []}), settings, fold, material, 5, 1)
    here, there = jobs["here"].fold, jobs["there"].fold

    def kill_its_worker() -> None:
        if there.checkpoint.exists() and not killed:
            killed.extend(dask.working())
            dask.kill(killed[0])

    killed: list[int] = []
    with workers(processes=1) as pool:
        run_jobs(pool, train, [(here.log, jobs["here"])])
    with workers(dask.cluster) as pool:
        run_jobs(pool, train, [(there.log, jobs["there"])], kill_its_worker)
    assert len(killed) == 1
    assert Checkpoint.load(there.checkpoint).losses == Checkpoint.load(here.checkpoint).losses
    assert there.path.read_bytes() == here.path.read_bytes()


def test_a_checkpoint_restores_mined_segments(tf, material: Path, tmp_path: Path) -> None:
    from kws.training.training_run import Training

    plan = replace(recipe(epochs=4), mining=Mining(passages_per_epoch=4))
    first = Training(material, ["word"], plan, [])
    first.run(tmp_path / "checkpoint", 4, nothing)
    mined = Checkpoint.load(tmp_path / "checkpoint").mined
    assert [one.shape for one in mined] == 3 * [(2, 4)]
    second = Training(material, ["word"], plan, [])
    assert not np.array_equal(second.pool.log_mels, first.pool.log_mels)
    second.run(tmp_path / "checkpoint", 4, nothing)
    assert np.array_equal(second.pool.log_mels, first.pool.log_mels)
    assert np.array_equal(second.pool.labels, first.pool.labels)


def test_the_state_holds_all_of_a_training(tf, material: Path) -> None:
    from kws.training.training_run import Training

    training, other = (Training(material, ["word"], recipe(epochs=4), []) for _ in range(2))
    training.trainer.run_epoch(1)
    other.trainer.state = training.trainer.state
    losses = []
    for trainer in (training.trainer, other.trainer):
        with trainer.averaged():  # the averages of the weights are the optimiser's
            losses.append(trainer.loss(np.arange(40)))
        losses.append(trainer.loss(np.arange(40)))
    assert losses[:2] == losses[2:]
    assert losses[0] != losses[1]


def test_the_weight_average_covers_a_third_of_the_steps(tf, material: Path) -> None:
    from kws.training.training_run import Training

    trainer = Training(
        material, ["word"], recipe(epochs=4, ema_steps=(1, 5), steps_per_epoch=12), []
    ).trainer
    for length in (1, 4, 5):  # after 0, 12 and 24 steps
        trainer.run_epoch(1)
        assert float(trainer.optimizer.ema_momentum) == pytest.approx(1 - 1 / length)


def test_a_long_weight_average_measures_statistics_again(tf, material: Path, monkeypatch) -> None:
    from kws.training import trainer as trainer_module
    from kws.training.training_run import Training

    trainer = Training(material, ["word"], recipe(epochs=4), []).trainer
    trainer.run_epoch(1)
    wrong = [np.full_like(one, 7) for one in moving(trainer.model)]
    moving(trainer.model, wrong)
    with trainer.averaged():
        assert all(map(np.array_equal, moving(trainer.model), wrong))
    monkeypatch.setattr(trainer_module, "STATISTICS_FIT", 0)
    with trainer.averaged():
        measured = moving(trainer.model)
        moving(trainer.model, [np.zeros_like(one) for one in measured])
        losses = [trainer.loss(np.arange(40))]
        moving(trainer.model, measured)
        losses.append(trainer.loss(np.arange(40)))
        assert losses[0] > losses[1]
    assert all(map(np.array_equal, moving(trainer.model), wrong))


def moving(network, values=None):
    """Return the moving means and variances of batch normalisation; values replace them."""
    variables = network.non_trainable_variables
    for variable, value in zip(variables, values or [], strict=bool(values)):
        variable.assign(value)
    return [variable.numpy() for variable in variables]


@pytest.fixture(scope="module")
def stopped(material: Path, tmp_path_factory: pytest.TempPathFactory):
    """Train on what contradicts the held-out partitions: the longer, the worse."""
    tensorflow()
    from kws.training.training_run import Training

    path = tmp_path_factory.mktemp("stopped") / "checkpoint"
    plan = replace(
        recipe(epochs=30, patience=2, steps_per_epoch=12), mining=Mining(passages_per_epoch=4)
    )
    training = Training(material, ["word"], plan, [0, 1])
    return training, training.run(path, 30, nothing), Checkpoint.load(path)


def test_training_stops_early_and_keeps_the_best_epoch(stopped) -> None:
    training, trained, done = stopped
    assert set(training.pool.partitions[training.validation_indices]) == {0, 1}
    assert not np.isin(training.pool.partitions[training.training_indices], [0, 1]).any()
    assert done.epoch == done.best_epoch + 2 < 30
    validation = [loss for _, _, loss in done.losses]
    assert done.best_loss == min(validation) == validation[done.best_epoch - 1]
    for kept, best in zip(trained.network.get_weights(), done.best, strict=True):
        assert np.array_equal(kept.ravel(), best.ravel())
    training.trainer.model.set_weights(done.best)
    assert training.trainer.loss(training.validation_indices) == pytest.approx(
        done.best_loss, rel=1e-4
    )
    training.trainer.state = done.state
    with training.trainer.averaged():
        assert training.trainer.loss(training.validation_indices) > done.best_loss


def test_hard_negatives_replace_easy_background(stopped, material: Path) -> None:
    training, _, done = stopped
    indices, firsts = np.hstack(done.mined)
    assert len(indices) == 4 * (done.epoch - 1)  # none before the first epoch
    pool, speech = training.pool, training.miner.speech
    assert not pool.labels[indices].any()
    assert not np.isin(pool.partitions[indices], [0, 1]).any()
    assert set(speech[:, -1] - 10) == {2, 3, 4, 5, 6, 7}
    last = dict(zip(indices, firsts, strict=True))  # a later segment may replace an earlier one
    for index, first in last.items():
        random = np.random.default_rng((index, first))
        segment = augment_segment(
            speech[first : first + LAYOUT.frames], FRONT_END.log_offset, random
        )
        assert np.array_equal(pool.log_mels[index], segment)
    before = ExamplePool.load(material).log_mels
    changed = (pool.log_mels != before).any(axis=(1, 2))
    assert set(np.flatnonzero(changed)) == set(indices)


def test_a_training_starts_from_a_model(tf, material: Path, tmp_path: Path) -> None:
    from kws.training.training_run import Training

    random = np.random.default_rng(1)
    features = random.normal(0, 1, (48, 60, FRONT_END.coefficients, 1)).astype(np.float32)
    front_end = replace(FRONT_END, mean=(0.5,) * 20, scale=(0.7,) * 20)
    model = quantised(adapted_network(SMALL, 3, features), SMALL, features, 3)
    model = replace(model, config=replace(model.config, front_end=front_end))
    plan = replace(recipe(epochs=1, learning_rate=1e-9), initial=model, front_end=front_end)
    training = Training(material, ["word"], plan, [0])
    assert training.config.front_end == front_end
    trained = training.run(tmp_path / "checkpoint", 1, nothing)
    parsed = ModelFile.parse(trained.content, "x.tflite")
    assert parsed.config.keywords == ("word",)
    assert parsed.config.front_end == front_end
