"""Two networks of a model, one for each lane: trained side by side, kept in one file."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from conftest import tensorflow
from small_models import two_lanes, two_networks

from kws.config import FrontEnd, ModelConfig
from kws.data.clips import PARTS
from kws.ds_cnn import tflite
from kws.engine_layout import check
from kws.errors import KwsError
from kws.model_file import ModelFile
from kws.network_file import read, read_model
from kws.training.architecture import Architecture
from kws.training.checkpoint import Checkpoint
from kws.training.layout import DETAIL, Layout
from kws.training.recipe import HOME, Recipe
from kws.training.schedule import Schedule

FRONT_END = FrontEnd(low_hz=60, high_hz=7600, coefficients=20, log_offset=1e-3)
SMALL = Architecture(channels=8, kernels=(3, 5), head=4)
LAYOUT = Layout.of(FRONT_END, SMALL)
MOST_WEIGHTS = 40 * 1024  # bytes, biases among them

pytestmark = pytest.mark.usefixtures("tf")


@pytest.fixture(scope="module")
def tf():
    return tensorflow()


def test_home_has_two_networks_that_fit_the_board() -> None:
    from kws.training.builder import build

    assert HOME.networks == HOME.lanes == 2
    network = build(HOME.architecture, HOME.front_end, 5)
    count = 0
    for layer in network.layers:
        if "conv" in layer.name:
            kernel, *_ = layer.get_weights()
            count += kernel.size + 4 * layer.output.shape[-1]
    assert 0.85 * MOST_WEIGHTS < HOME.networks * count <= MOST_WEIGHTS


# Training


@pytest.fixture(scope="module")
def material(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Examples of noise; a keyword is louder in its middle filters where it ends."""
    folder = tmp_path_factory.mktemp("material")
    random = np.random.default_rng(1)
    rows = random.normal(0, 1, (200, LAYOUT.rows, FRONT_END.mel_filters))
    labels = np.zeros((200, LAYOUT.steps), np.int8)
    labels[::2] = LAYOUT.labels(1, LAYOUT.step_ends[8])
    end = DETAIL * (LAYOUT.window_rows + 8 * LAYOUT.stride)
    rows[::2, end - 16 : end, 10:30] += 2
    for name, array in (
        ("log_mels", rows.astype(np.float16)),
        ("labels", labels),
        ("parts", (np.arange(200) % PARTS).astype(np.int8)),
    ):
        np.save(folder / f"{name}.npy", array)
    return folder


def recipe(networks: int) -> Recipe:
    schedule = Schedule(
        epoch=60, epochs=2, batch=16, warm_up=2, learning_rate=0.01, average=0.5, colour=0
    )
    return Recipe(architecture=SMALL, schedule=schedule, networks=networks, lanes=networks)


def posteriors(trainer, rows: np.ndarray, one: int | None) -> np.ndarray:
    """[batch, steps, classes] of both networks or of one."""
    import tensorflow as tf

    if one is None:
        return tf.nn.softmax(trainer.scores(tf.constant(rows))).numpy()
    features = rows.astype(np.float32) @ trainer.plain.numpy() + trainer.bias.numpy()
    return tf.nn.softmax(trainer.networks[one](features[..., None]))[:, :, 0].numpy()


def test_both_learn_each_from_weights_of_its_own(material: Path, tmp_path: Path) -> None:
    from kws.training.train import Training

    training = Training(material, ["word"], recipe(2), [])
    trained = training.run(tmp_path / "checkpoint", 2, lambda doing, share: None)
    first, second = training.trainer.networks
    assert not np.allclose(first.get_weights()[0], second.get_weights()[0])
    alone = Training(material, ["word"], recipe(1), [])
    some = np.arange(48)
    untrained = alone.trainer.loss(some)
    losses = []
    for network in (first, second):
        alone.trainer.model.set_weights(network.get_weights())
        losses.append(alone.trainer.loss(some))
    assert max(losses) < 0.5 * untrained
    rows = training.pool.heard(some)
    together, *apart = (posteriors(training.trainer, rows, one) for one in (None, 0, 1))
    assert together == pytest.approx(np.mean(apart, axis=0), abs=1e-5)

    model = ModelFile.parse(trained.content, "x.tflite")
    assert len(model.networks) == 2
    assert model.config.stride == 1
    network = read_model(model)
    assert network.lanes(1) == 2
    assert network.lanes(2) == 0
    check("x", model.config, network)


def test_a_pair_goes_on_from_its_checkpoint(material: Path, tmp_path: Path) -> None:
    from kws.training.train import Training

    path = tmp_path / "checkpoint"
    first, second = (Training(material, ["word"], recipe(2), []) for _ in range(2))
    first.run(path, 1, lambda doing, share: None)
    done = Checkpoint.load(path)
    content = second.run(path, 1, lambda doing, share: None).content
    assert second.trainer.networks[1].get_weights()[0] == pytest.approx(
        done.best[len(done.best) // 2]
    )
    assert len(ModelFile.parse(content, "x.tflite").networks) == 2


# The file


def scores(content: bytes, rows: np.ndarray) -> np.ndarray:
    """What a network by itself makes of a window of int8 rows, in its own unit."""
    interpreter = tflite.Interpreter(
        model_content=content,
        experimental_op_resolver_type=tflite.OpResolverType.BUILTIN_REF,
    )
    interpreter.allocate_tensors()
    (output,) = interpreter.get_output_details()
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], rows[None, :, :, None])
    interpreter.invoke()
    scale, zero = output["quantization"]
    return scale * (interpreter.get_tensor(output["index"]).astype(int).ravel() - zero)


def test_scores_of_one_size_are_the_scores() -> None:
    """To the nearest of their larger steps, and nothing is cut off."""
    from kws.training.builder import build
    from kws.training.convert import alike, quantise

    random = np.random.default_rng(6)
    windows = random.normal(0, 1, (30, SMALL.window_rows, 20)).astype(np.float32)
    made = []
    for size in (0.3, 1.0):
        network = build(SMALL, FRONT_END, 3, SMALL.window_rows)
        network.set_weights([random.uniform(0.1, size, w.shape) for w in network.get_weights()])
        made.append(quantise(network, windows))
    pair = alike(made)
    units = [read(content, "x").score_scale for content in (*made, *pair)]
    assert units[0] != units[1]
    assert units[2] == units[3] >= max(units[:2])
    assert read(pair[0], "x").layers[-1].output_zero == read(pair[1], "x").layers[-1].output_zero
    levels = random.integers(-128, 128, (20, SMALL.window_rows, 20)).astype(np.int8)
    for before, after in zip(made, pair, strict=True):
        for rows in levels:
            assert scores(after, rows) == pytest.approx(scores(before, rows), abs=units[2])
    assert alike(made[:1]) == made[:1]


def test_both_are_in_the_file_and_stay_there() -> None:
    from kws.training.convert import embed

    model = two_networks()
    assert len(model.networks) == 2
    assert model.networks[0] == model.content
    config = ModelConfig(("b", "c", "d"), (0.25,) * 3, 1, model.config.front_end)
    again = ModelFile.parse(embed(model.networks, config), "x.tflite")
    assert again.config == config
    assert again.others == model.others
    assert embed(again.networks, model.config) == model.content
    alone = ModelFile.parse(embed([model.content], model.config), "x.tflite")
    assert alone.networks == (alone.content,)


def test_networks_that_are_not_alike_are_refused() -> None:
    model = two_networks()
    with pytest.raises(KwsError, match="the networks of its lanes are not alike"):
        read_model(replace(model, others=(two_lanes().content,)))
    for damaged in (b"", model.others[0][:2000]):
        with pytest.raises(KwsError, match=r"^test: "):
            read_model(replace(model, others=(damaged,)))
