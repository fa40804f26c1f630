"""Test networks of microWakeWord's blocks as TensorFlow's converter writes them, bit for bit."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from conftest import skip_without, tensorflow

from kws.backend import open_ds_cnn
from kws.ds_cnn import REFERENCE_AVAILABLE, open_interpreter, quantised
from kws.engine.lowering import read
from kws.model_file import ModelFile
from kws.stateful_ds_cnn import StatefulDsCnn

pytestmark = pytest.mark.slow

Frames = npt.NDArray[np.float32]
FRAMES = 240  # of features, 0 to 26


class Stream:
    """Build a network of a stream, of random weights; its past lies in variables."""

    def __init__(self, step: int) -> None:
        """Prepare a network of so many frames a call."""
        self.tf, self.step, self.pasts = tensorflow(), step, 0
        self.random = np.random.default_rng(3)
        self.module = self.tf.Module()
        self.module.states = []

    def joined(self, x: Any, past: int, whole: bool = False) -> Any:
        """Join time steps to the `past` before; whole: the variable keeps all that was joined."""
        shape = (1, past + (x.shape[1] if whole else 0), *x.shape[2:])
        if self.pasts == len(self.module.states):
            self.module.states.append(self.tf.Variable(self.tf.zeros(shape), trainable=False))
        states = self.module.states[self.pasts]
        self.pasts += 1
        memory = self.tf.concat([states[:, x.shape[1] :] if whole else states, x], 1)
        assigned = states.assign(memory if whole else memory[:, -past:])
        with self.tf.control_dependencies([assigned]):
            return self.tf.identity(memory)

    def convolved(self, x: Any, channels: int, kernel: int = 1, stride: int = 1) -> Any:
        """Convolve all time steps that there are, and normalise."""
        depth = kernel * x.shape[3]
        weights = self.random.normal(0, depth**-0.5, (kernel, 1, x.shape[3], channels))
        return self.tf.nn.conv2d(x, weights.astype("f"), [1, stride, 1, 1], "VALID") + (
            self.random.normal(0, 0.3, channels).astype("f")
        )

    def depthwise(self, x: Any, kernel: int) -> Any:
        """Convolve each channel of the last time steps."""
        weights = self.random.normal(0, kernel**-0.5, (kernel, 1, x.shape[3], 1)).astype("f")
        return self.tf.nn.depthwise_conv2d(x[:, -kernel:], weights, [1, 1, 1, 1], "VALID")

    def probability(self, x: Any) -> Any:
        """Return the sigmoid of a sum of all values."""
        x = self.tf.reshape(x, (1, -1))
        weights = self.random.normal(0, x.shape[1] ** -0.5, (x.shape[1], 1)).astype("f")
        return self.tf.sigmoid(self.tf.matmul(x, weights))

    def convert(self, network: Callable[[Stream, Any], Any], folder: Path, data: Frames) -> bytes:
        """Return an int8 network with a probability of uint8, as microWakeWord converts it."""
        shape = (1, self.step, data.shape[1])
        network(self, self.tf.zeros(shape))  # which makes the variables

        def serve(frames: Any) -> Any:
            self.pasts, self.random = 0, np.random.default_rng(3)
            return network(self, frames)

        signature = [self.tf.TensorSpec(shape, self.tf.float32)]
        self.module.serve = self.tf.function(serve, input_signature=signature)
        for states in self.module.states:
            states.assign(self.tf.zeros_like(states))
        self.tf.saved_model.save(self.module, str(folder), signatures=self.module.serve)
        converter = self.tf.lite.TFLiteConverter.from_saved_model(str(folder))
        converter.optimizations = {self.tf.lite.Optimize.DEFAULT}
        converter._experimental_variable_quantization = True
        converter.target_spec.supported_ops = {self.tf.lite.OpsSet.TFLITE_BUILTINS_INT8}
        converter.inference_input_type = self.tf.int8
        converter.inference_output_type = self.tf.uint8
        calls = np.split(data, len(data) // self.step)
        converter.representative_dataset = lambda: ([call[None]] for call in calls)
        content: bytes = converter.convert()
        return content


def attention(stream: Stream, frames: Any) -> Any:
    """Give the probability of a mixed network with a residual connection and spatial attention."""
    tf = stream.tf
    x = stream.joined(tf.expand_dims(frames, 2), 2)
    x = tf.nn.relu(stream.convolved(x, 8, 5, stride=3))
    residual = stream.convolved(x, 12)
    parts = tf.split(stream.joined(x, 6), [4, 4], -1)
    parts = [stream.depthwise(part, kernel) for part, kernel in zip(parts, (3, 7), strict=True)]
    x = tf.nn.relu(stream.convolved(tf.concat(parts, -1), 12) + residual)
    turned = tf.transpose(x, [0, 1, 3, 2])
    pools = (tf.nn.avg_pool2d, tf.nn.max_pool2d)
    window = [1, 1, turned.shape[2], 1]
    pooled = tf.concat([pool(turned, window, window, "VALID") for pool in pools], -1)
    factor = tf.sigmoid(stream.convolved(stream.joined(pooled, 3), 1, 4))
    product = stream.joined(x, 11)[:, -9:] * factor
    return stream.probability(tf.nn.avg_pool2d(product, [1, 9, 1, 1], [1, 9, 1, 1], "VALID"))


def inception(stream: Stream, frames: Any) -> Any:
    """Give the probability of an inception network whose first layer is normalised by groups."""
    tf = stream.tf
    x = stream.joined(tf.expand_dims(frames, 2), 4, whole=True)
    x = tf.reshape(stream.convolved(x, 8, 5), (1, 1, 2, 4))
    factors, summands = (stream.random.normal(1, 0.5, 4).astype("f") for _ in range(2))
    x = tf.reshape(tf.nn.relu(x * factors + summands), (1, 1, 1, 8))
    for _ in range(2):
        branches = []
        for kernels in ((), (3,), (3, 3)):
            branch = tf.nn.relu(stream.convolved(x, 4))
            for kernel in kernels:
                joined = stream.joined(branch, kernel - 1)
                branch = tf.nn.relu(stream.convolved(joined, 4, kernel))
            branches.append(branch)
        x = tf.nn.relu(stream.convolved(tf.concat(branches, -1), 8))
    return stream.probability(stream.joined(x, 6, whole=True))


def reference(content: bytes, frames: Frames) -> npt.NDArray[np.int64]:
    """Return what the reference kernels give, call by call, as int8."""
    network = open_interpreter(content)
    network.allocate_tensors()
    (source,), (result,) = network.get_input_details(), network.get_output_details()
    values, scores = quantised(frames, *source["quantization"]), []
    for call in np.split(values, len(values) // source["shape"][1]):
        network.set_tensor(source["index"], call[None])
        network.invoke()
        scores.append(int(network.get_tensor(result["index"])[0, 0]) - 128)
    return np.array(scores)


@pytest.mark.parametrize(("network", "step"), [(attention, 3), (inception, 1)])
def test_scores_are_those_of_the_reference(
    network: Callable[[Stream, Any], Any], step: int, tmp_path: Path
) -> None:
    skip_without("TensorFlow Lite's interpreter", REFERENCE_AVAILABLE)
    frames = np.abs(np.random.default_rng(5).normal(5, 6, (FRAMES, 40))).clip(0, 26).astype("f")
    content = Stream(step).convert(network, tmp_path / "saved", frames)
    expected = reference(content, frames)
    assert len(np.unique(expected)) > 15
    assert {"MULTIPLY", "JOIN"} < {layer.kind for layer in read(content, "x").layers}
    from stateful_models import manifest

    pair = tmp_path / "hey_kws.tflite"
    pair.write_bytes(content)
    pair.with_suffix(".json").write_text(json.dumps(manifest()))
    for classifier in (open_ds_cnn, StatefulDsCnn):
        found = classifier(ModelFile.load(pair)).push(frames)[:, 0]
        np.testing.assert_array_equal(found, expected)
