# ruff: noqa: E402
"""Test that a network learns the posteriors of a model file."""

from __future__ import annotations

from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from conftest import skip_without
from trained_models import FAMILIES, SMALL, adapted_network, quantised
from training_signals import FRONT_END

skip_without("TensorFlow", find_spec("tensorflow"))  # which the modules below load

import tensorflow as tf

from kws.data.clips import PARTITIONS
from kws.data.dataset import Dataset
from kws.ds_cnn import DsCnn
from kws.model_file import ModelFile
from kws.posterior import ONE, exp_table, softmax
from kws.training.architecture import Architecture
from kws.training.cross_validation import Job
from kws.training.distillation.model_task import ModelTask
from kws.training.distillation.teacher_model import TeacherPlugin
from kws.training.example_store import EXAMPLES, NEGATIVE_SPEECH, ExamplePool, NegativeSpeech
from kws.training.features import ExampleLayout
from kws.training.fold import Fold
from kws.training.recipe import Augmentation, Mining, Recipe, Schedule, Teacher
from kws.training.trainer import LOGITS
from kws.training.training_run import Training

pytestmark = pytest.mark.slow

LONGER = replace(SMALL, kernels=(5, 9))  # its window is 12 frames longer
LAYOUT = ExampleLayout.of(FRONT_END, SMALL, LONGER.window_frames)


def untrained(architecture: Architecture) -> ModelFile:
    random = np.random.default_rng(4)
    frames = architecture.window_frames + 5 * architecture.stride
    features = random.normal(0, 1, (48, frames, FRONT_END.coefficients, 1)).astype(np.float32)
    network = adapted_network(architecture, 2, features)
    kernel, bias = network.layers[-1].get_weights()
    network.layers[-1].set_weights([6 * kernel, bias])  # so that it is seldom in doubt
    return quantised(network, architecture, features, 2)


@pytest.fixture(scope="module")
def teacher() -> ModelFile:
    return untrained(LONGER)


@pytest.fixture(scope="module")
def material(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Store examples and speech of noise, laid out for the teacher."""
    folder = tmp_path_factory.mktemp("material")
    random = np.random.default_rng(1)
    mels = FRONT_END.mel_filters
    log_mels = random.normal(0, 1, (400, LAYOUT.frames, mels)).astype(np.float16)
    labels = np.zeros((400, LAYOUT.steps), np.int8)
    labels[::2] = LAYOUT.labels(1, LAYOUT.step_ends[8])
    partitions = (np.arange(400) % PARTITIONS).astype(np.int8)
    EXAMPLES.save(folder, ExamplePool(log_mels, labels, partitions))
    speech = random.normal(0, 1, (4000, mels)).astype(np.float16)
    of_speech = (np.arange(4000) % PARTITIONS).astype(np.int8)
    NEGATIVE_SPEECH.save(folder, NegativeSpeech(speech, of_speech))
    return folder


def recipe(weight: float) -> Recipe:
    return Recipe(
        architecture=SMALL,
        schedule=Schedule(
            epochs=2,
            steps_per_epoch=100,
            batch_size=32,
            warm_up_steps=2,
            learning_rate=0.02,
            ema_steps=(5, 5),
        ),
        augmentation=Augmentation(spectral_tilt=0, background_mixing=0),
        mining=Mining(passages_per_epoch=4),
        teacher=Teacher("teacher.tflite", weight),
    )


@pytest.mark.parametrize("family", FAMILIES)
def test_a_teacher_gives_the_posteriors_of_its_model_at_the_end_of_each_step(family: str) -> None:
    """Whatever comes before its first window."""
    model = untrained(FAMILIES[family])
    shape = FAMILIES[family]
    layout = ExampleLayout.of(FRONT_END, shape, shape.window_frames + 9)
    count = layout.window_frames + (layout.steps - 1) * layout.stride
    features = np.random.default_rng(2).normal(0, 1, (count, 20)).astype(np.float32)
    task = ModelTask([model], layout, Teacher())
    (found,) = task.posteriors(tf.constant(features[None, :, :, None])).numpy()
    network = DsCnn(model)
    scores = network.push(features[9:])
    assert len(scores) == layout.steps == len(found)
    expected = softmax(scores, exp_table(network.score_scale)) / ONE
    assert expected.std() > 0.2
    given = found[:, -expected.shape[1] :]
    assert np.corrcoef(given.ravel(), expected.ravel())[0, 1] > 0.99
    assert np.abs(given - expected).mean() < 0.03


def test_the_posterior_of_a_committee_is_the_mean(teacher: ModelFile) -> None:
    """Of networks with different windows; each step ends at the same frame.

    The features' extremes are those that the first can tell, in a committee as in the others.
    """
    small = untrained(SMALL)
    count = LAYOUT.window_frames + (LAYOUT.steps - 1) * LAYOUT.stride
    features = tf.random.stateless_normal((3, count, 20, 1), (1, 2))
    one, other, both = (
        ModelTask(networks, LAYOUT, Teacher()).posteriors(features).numpy()
        for networks in ([teacher], [small], [teacher, small])
    )
    assert both == pytest.approx((one + other) / 2, abs=0.01)
    assert np.abs(one - other).max() > 0.1


def test_a_network_learns_the_posteriors_of_its_teacher(
    teacher: ModelFile, material: Path, tmp_path: Path
) -> None:
    """On examples that it was not trained on; its window is shorter than the teacher's."""
    divergences = []
    for weight in (0.0, 50.0):
        settings = recipe(weight)
        job = Job(Dataset({"word 1": []}), settings, Fold(0, 4, tmp_path), material, 2, 1)
        task = TeacherPlugin(teacher).make_task(job)
        training = Training(material, ["word 1"], settings, job.fold.held_out, task)
        training.run(tmp_path / f"{weight}.checkpoint", 2, lambda doing, share: None)
        trainer = training.trainer
        log_mels = training.pool.network_log_mels(training.validation_indices[:64])
        features = log_mels.astype(np.float32) @ trainer.dct.numpy() + trainer.bias.numpy()
        outputs = trainer.outputs(tf.constant(features[..., None]))
        wanted = task.posteriors(tf.constant(features[..., None])).numpy()
        assert wanted.std() > 0.2
        posteriors = tf.nn.softmax(outputs[LOGITS]).numpy()
        divergences.append(float(np.abs(posteriors - wanted).mean()))
    assert divergences[1] < 0.8 * divergences[0], divergences
