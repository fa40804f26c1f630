"""Test the network: shapes, weights, normalisation, initial weights."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from trained_models import FAMILIES, SMALL, adapted_network, quantised
from training_signals import FRONT_END

from kws.errors import KwsError
from kws.training.architecture import Architecture


@pytest.mark.parametrize(
    "architecture",
    [
        Architecture(channels=8, kernels=(3, 5), last_kernel=4),
        Architecture(channels=8, kernels=(3,), last_kernel=3, frequency_kernel=4, first_kernel=6),
        Architecture(channels=8, kernels=(2, 2), last_kernel=1, stride=3),
    ],
)
def test_a_window_gives_one_step(tf, architecture: Architecture) -> None:
    from kws.training.model import build_model

    model = build_model(architecture, FRONT_END, classes=3)
    for steps in (1, 2, 7):
        frames = architecture.window_frames + (steps - 1) * architecture.stride
        assert model(np.zeros((2, frames, 20, 1))).shape == (2, steps, 1, 3)
    assert model(np.zeros((2, frames - 1, 20, 1))).shape[1] == steps - 1


@pytest.mark.slow
def test_a_fixed_window_with_the_same_weights_gives_the_same_scores(tf) -> None:
    from kws.training.model import build_model, copy_weights

    for architecture in (Architecture(channels=8), Architecture(channels=8, frequency_kernel=4)):
        model = build_model(architecture, FRONT_END, classes=3)
        random = np.random.default_rng(1)
        model.set_weights([random.uniform(0.1, 1, w.shape) for w in model.get_weights()])
        frames = random.normal(0, 1, (2, architecture.window_frames, 20, 1)).astype(np.float32)
        window = build_model(architecture, FRONT_END, 3, architecture.window_frames)
        copy_weights(model, window)
        np.testing.assert_allclose(window(frames), model(frames), rtol=1e-4)


def test_batch_normalisation_equals_that_of_keras(tf) -> None:
    """Outputs, gradients, and what is kept of the batch."""
    from keras import layers

    from kws.training.model import BatchNormalization

    random = np.random.default_rng(1)
    x, weights = (tf.constant(random.normal(1, 3, (8, 9, 2, 16)), tf.float32) for _ in range(2))
    results = []
    for layer in (BatchNormalization(momentum=0.7), layers.BatchNormalization(momentum=0.7)):
        layer.build(x.shape)
        layer.gamma.assign(random.permutation(16) / 8 if not results else results[0][0])
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = layer(x, training=True)
            total = tf.reduce_sum(y * weights)
        gradients = tape.gradient(total, [x, layer.gamma, layer.beta])
        results.append([layer.gamma.value, y, *gradients, layer.moving_mean, layer(x)])
        kept = np.var(x, axis=(0, 1, 2)) * 0.3 + 0.7
        assert np.array(layer.moving_variance) == pytest.approx(kept, rel=0.01)
    for fused, composed in zip(*results, strict=True):
        np.testing.assert_allclose(fused, composed, rtol=1e-2, atol=1e-3)


@pytest.mark.slow
@pytest.mark.parametrize("family", FAMILIES)
def test_a_network_is_initialised_from_a_model(tf, family: str) -> None:
    """A network for other keywords gets the activations of the network that was quantised."""
    import keras

    from kws.training.model import build_model, initialise_from

    architecture = FAMILIES[family]
    frames = architecture.window_frames + 5 * architecture.stride
    random = np.random.default_rng(1)
    features = random.normal(0, 1, (48, frames, FRONT_END.coefficients, 1)).astype(np.float32)
    source = adapted_network(architecture, 4, features)
    model = quantised(source, architecture, features, 4)
    assert replace(Architecture.of(model), frequency_stride=2) == architecture
    network = build_model(architecture, FRONT_END, 2)
    initialise_from(model, network, features)

    def activations(of, training: bool) -> np.ndarray:
        inside = keras.Model(of.input, of.layers[-1].input)
        return np.array(inside(features, training=training)).ravel()

    expected = activations(source, False)
    assert expected.std() > 0
    for training in (False, True):
        assert np.corrcoef(activations(network, training), expected)[0, 1] > 0.99


@pytest.mark.slow
def test_an_initial_model_of_another_shape_is_refused(tf) -> None:
    from kws.training.model import build_model, initialise_from

    features = np.zeros((2, 60, FRONT_END.coefficients, 1), np.float32)
    model = quantised(build_model(SMALL, FRONT_END, 2), SMALL, features + 1, 2)
    for architecture in (
        replace(SMALL, channels=12),
        replace(SMALL, kernels=(3, 5, 7)),
        replace(SMALL, kernels=(3, 4)),
        FAMILIES["planar"],
    ):
        with pytest.raises(KwsError, match=r"^it: its network has another shape"):
            initialise_from(model, build_model(architecture, FRONT_END, 2), features)
    bare = replace(SMALL, kernels=())
    with pytest.raises(KwsError, match=r"^it: its network is not one that kws trains$"):
        Architecture.of(quantised(build_model(bare, FRONT_END, 2), bare, features + 1, 2))
