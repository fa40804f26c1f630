"""Test that lowered networks score whole windows, padded or not, as the reference kernels do."""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from c_programs import HOST, M4_ARDUINO, M4_O3, M55, TARGETS, Target
from command_line import ROOT
from conftest import tensorflow

from kws.ds_cnn import open_interpreter
from kws.export.sketch import export

pytestmark = pytest.mark.slow

# tflite-runtime 2.14 defines the engine's arithmetic. LiteRT, which takes its place from Python
# 3.12 on, rounds a FULLY_CONNECTED differently now and then: networks with one may differ by 1.
# No network that kws makes has one.
ROUNDING = 0 if find_spec("tflite_runtime") else 1

MLPERF = ROOT.parent / "shared" / "data" / "mlperf_tiny"
Int8 = npt.NDArray[np.int8]


def reference(content: bytes, windows: Int8) -> Int8:
    """Return the reference kernels' scores [n, classes] of windows [n, frames, coefficients]."""
    network = open_interpreter(content)
    network.allocate_tensors()
    (source,), (result,) = network.get_input_details(), network.get_output_details()
    scores = []
    for window in windows:
        network.set_tensor(source["index"], window[None, :, :, None])
        network.invoke()
        scores.append(network.get_tensor(result["index"]).reshape(-1).copy())
    return np.array(scores)


def compare(content: bytes, windows: Int8, target: Target, folder: Path) -> None:
    """Assert that the exported network scores windows as the reference kernels do."""
    model = folder / "network.tflite"
    model.write_bytes(content)
    export(model, folder / "c")
    binary = target.build(folder / "c", "trace_network")
    expected = reference(content, windows)
    found = np.frombuffer(target.run(binary, windows.tobytes(), folder), np.int8)
    difference = np.abs(found.reshape(expected.shape).astype(int) - expected)
    wrong = (difference > 0).any(axis=1).sum()
    assert difference.max() <= ROUNDING, f"{wrong} windows differ"
    assert wrong <= len(windows) * ROUNDING / 20
    assert len(np.unique(expected, axis=0)) > len(expected) / 2


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
def test_mlperf_tiny(target: Target, tmp_path: Path) -> None:
    if not MLPERF.is_dir():
        pytest.skip("../shared/data/mlperf_tiny is not here")
    windows = np.load(MLPERF / "features.npz")["features"]
    compare((MLPERF / "kws_ref_model.tflite").read_bytes(), windows, target, tmp_path)


def padded_plane(layers: Any) -> list[Any]:
    """Return layers that pad and stride along both axes, with ReLU6, a sliding pool and softmax."""
    return [
        layers.Conv2D(7, (3, 3), (2, 2), "same", activation="relu"),
        layers.DepthwiseConv2D((3, 5), (2, 2), "same"),
        layers.ReLU(6.0),
        layers.AveragePooling2D((2, 1), (1, 1)),
        layers.Conv2D(9, 1),
        layers.Flatten(),
        layers.Dense(5, activation="softmax"),
    ]


def one_channel(layers: Any) -> list[Any]:
    """Return layers with a depth multiplier on one channel, a PAD and a dense time step."""
    return [
        layers.DepthwiseConv2D((4, 3), depth_multiplier=6, activation="relu"),
        layers.ZeroPadding2D(((2, 1), (1, 0))),
        layers.Conv2D(10, (3, 3), (1, 3)),
        layers.DepthwiseConv2D((2, 2), activation="relu"),
        layers.Flatten(),
        layers.Dense(6, activation="relu"),
        layers.Dense(3),
    ]


def wide_plane(layers: Any) -> list[Any]:
    """Return layers of several bins with more channels than a vector holds, and with few."""
    return [
        layers.Conv2D(22, (2, 3), activation="relu"),
        layers.DepthwiseConv2D((3, 2), (1, 2), activation="relu"),
        layers.Conv2D(3, 1),
        layers.Flatten(),
        layers.Dense(18, activation="relu"),
        layers.Dense(5),
    ]


def residual(layers: Any) -> list[Any]:
    """Return layers with sums with what came before, a maximum, a mean and a sigmoid."""
    import keras

    def block(shape: tuple[int, ...], *branch: Any) -> Any:
        source = keras.Input(shape)
        return keras.Model(source, layers.Add()([source, keras.Sequential(branch)(source)]))

    return [
        layers.Conv2D(8, (3, 3), padding="same", activation="relu"),
        block(
            (17, 11, 8), layers.Conv2D(8, 3, padding="same"), layers.Conv2D(8, 3, padding="same")
        ),
        layers.ReLU(),
        block((17, 11, 8), layers.DepthwiseConv2D((5, 3), padding="same")),
        layers.MaxPooling2D((3, 2), (2, 2), "same"),
        layers.GlobalAveragePooling2D(),
        layers.Dense(5, activation="sigmoid"),
    ]


def branched(shape: tuple[int, ...], branch: Any) -> Any:
    """Return a layer: a plane, and what a branch gives of it, joined."""
    import keras

    source = keras.Input(shape)
    return keras.Model(source, branch(source))


def excited(layers: Any) -> list[Any]:
    """Return layers with squeeze-and-excitation over all time, as in MobileNetV3."""

    def block(x: Any) -> Any:
        wide = layers.Conv2D(12, 1, activation="hard_silu")(x)
        wide = layers.DepthwiseConv2D((5, 3), padding="same", activation="hard_silu")(wide)
        factor = layers.GlobalAveragePooling2D(keepdims=True)(wide)
        factor = layers.Conv2D(4, 1, activation="relu")(factor)
        factor = layers.Conv2D(12, 1, activation="hard_sigmoid")(factor)
        return layers.Add()([x, layers.Conv2D(8, 1)(layers.Multiply()([wide, factor]))])

    def last(x: Any) -> Any:
        factor = layers.Dense(4, activation="relu")(layers.GlobalAveragePooling2D()(x))
        factor = layers.Reshape((1, 1, 10))(layers.Dense(10, activation="sigmoid")(factor))
        return layers.Multiply()([factor, x])

    return [
        layers.Conv2D(8, (3, 3), (1, 2), padding="same", activation="relu"),
        branched((17, 6, 8), block),
        layers.Conv2D(10, 3, 2, padding="same", activation="relu"),
        branched((9, 3, 10), last),
        layers.GlobalAveragePooling2D(),
        layers.Dense(5, activation="softmax"),
    ]


def broadcast(layers: Any) -> list[Any]:
    """Return layers with the blocks of BC-ResNet: what all bins give is added to each of them."""

    def block(dilation: int, shortcut: bool) -> Any:
        def joined(x: Any) -> Any:
            plane = layers.DepthwiseConv2D((1, 3), padding="same")(x)
            time = layers.AveragePooling2D((1, 6))(plane)
            time = layers.DepthwiseConv2D((3, 1), padding="same", dilation_rate=dilation)(time)
            time = layers.Multiply()([time, layers.Activation("sigmoid")(time)])  # swish
            plane = layers.Add()([plane, layers.Conv2D(8, 1)(time)])
            return layers.ReLU()(layers.Add()([plane, x]) if shortcut else plane)

        return branched((17, 6, 8), joined)

    return [
        layers.Conv2D(8, (5, 5), (1, 2), padding="same", activation="relu"),
        *(block(1, False), block(1, True), block(2, True)),
        layers.DepthwiseConv2D((5, 5)),
        layers.Flatten(),
        layers.Dense(5),
    ]


@cache
def converted(build: Any) -> bytes:
    """Return a network of random weights and biases for windows of 17 frames of 11 coefficients."""
    tensorflow()
    import keras

    from kws.training.quantise import quantise

    keras.utils.set_random_seed(3)
    random = np.random.default_rng(4)
    network = keras.Sequential([keras.Input((17, 11, 1)), *build(keras.layers)])
    for variable in network.variables:
        if "bias" in variable.name:
            variable.assign(random.normal(0, 0.2, variable.shape))
    return quantise(network, random.standard_normal((50, 17, 11)).astype(np.float32))


BUILDS = (padded_plane, one_channel, wide_plane, residual, excited, broadcast)


@pytest.mark.parametrize("target", [HOST, M4_O3, M4_ARDUINO, M55], ids=lambda target: target.name)
@pytest.mark.parametrize("build", BUILDS)
def test_other_networks(build: Any, target: Target, tmp_path: Path) -> None:
    windows = np.random.default_rng(5).normal(0, 40, (100, 17, 11)).clip(-128, 127)
    compare(converted(build), windows.astype(np.int8), target, tmp_path)
