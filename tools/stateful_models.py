"""Make small models of the forms of microWakeWord's: their networks keep their past themselves."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from hostile_models import packed
from stateful_network import StatefulNetwork, probability

RELU = {"fusedActivationFunction": 1}


def stateful_network() -> StatefulNetwork:
    """Return a network of every kind of layer that microWakeWord's trainer writes by default."""
    net = StatefulNetwork((1, 3, 40), np.random.default_rng(3))
    net.reshape(1, 3, 1, 40)
    net.keep(2)
    net.convolve(8, 5, strideH=3, scale=0.2, zero=-128, **RELU)
    net.keep(4)
    net.split((3, 5), 0.3)
    net.convolve(8, 1, scale=0.2, zero=-128, **RELU)
    net.keep(2)
    probability(net, 24, 0.1)
    return net


def residual_network() -> StatefulNetwork:
    """Return a network with the residual connections that microWakeWord's trainer can add.

    A block adds a projection of its input, which lies flat, after each of its two convolutions.
    """
    net = StatefulNetwork((1, 3, 40), np.random.default_rng(4))
    net.reshape(1, 3, 1, 40)
    net.keep(2)
    net.convolve(8, 5, strideH=3, scale=0.2, zero=-128, **RELU)
    source = net.last
    net.convolve(12, 1, scale=0.3, zero=5)
    net.reshape(12)
    projection, net.last = net.last, source
    for channels in (8, 12):
        net.keep(4)
        net.split((3, 5), 0.3, by_size=channels == 8)
        net.convolve(12, 1, scale=0.3, zero=5)
        added = RELU | {"scale": 0.2, "zero": -128}
        net.add("ADD", (1, 1, 1, 12), [projection], "AddOptions", **added)
    probability(net, 12, 0.05)
    return net


def attention_network(pooled: bool = True, steps: int = 7) -> StatefulNetwork:
    """Return a network with the spatial attention that microWakeWord's trainer can add.

    The sigmoid of what is convolved of the mean and the maximum of the channels is a factor of the
    last time steps, of which there are `steps`.
    """
    net = StatefulNetwork((1, 3, 40), np.random.default_rng(6))
    net.reshape(1, 3, 1, 40)
    net.keep(2)
    net.convolve(8, 5, strideH=3, scale=0.2, zero=-128, **RELU)
    source = net.last
    net.keep(9)
    window = net.sliced(net.last, steps)  # more are kept than are taken
    net.last = source
    net.reshape(1, 1, 8, 1)
    plane, pools = net.last, []
    pool = {"filterHeight": 1, "filterWidth": 8, "strideH": 1, "strideW": 8, "padding": 1}
    for name in ("AVERAGE_POOL_2D", "MAX_POOL_2D"):
        net.last = plane
        net.add(name, (1, 1, 1, 1), [], "Pool2DOptions", **pool)
        pools.append(net.last)
    net.join(pools)
    net.keep(3)
    net.convolve(1, 4, scale=0.1, zero=9)
    net.add("LOGISTIC", (1, 1, 1, 1), [], "", scale=1 / 256, zero=-128)
    factor, net.last = net.last, window
    net.add("MUL", (1, steps, 1, 8), [factor], "MulOptions", scale=0.15, zero=-128)
    if pooled:
        pool = {"filterHeight": steps, "filterWidth": 1, "strideH": steps, "strideW": 1}
        pool |= {"padding": 1}
        net.add("AVERAGE_POOL_2D", (1, 1, 1, 8), [], "Pool2DOptions", **pool)
    probability(net, *((8, 0.02) if pooled else (8 * steps, 0.05)))
    return net


def inception_network() -> StatefulNetwork:
    """Return a network as microWakeWord's trainer makes its inception networks.

    Groups of channels are normalised by factors and summands; three branches are joined.
    """
    net = StatefulNetwork((1, 1, 40), np.random.default_rng(8))
    net.reshape(1, 1, 1, 40)
    net.keep(4, whole=True)
    net.convolve(8, 5, scale=2.0, zero=24)
    net.reshape(1, 1, 2, 4)
    factors = net.tensor((4,), 0.0002, -128, np.array([127, 3, -90, 60], np.int8))
    net.add("MUL", (1, 1, 2, 4), [factors], "MulOptions", scale=0.06, zero=43)
    summands = net.tensor((4,), 0.02, 74, np.array([-128, 127, 5, 70], np.int8))
    values = RELU | {"scale": 0.03, "zero": -128}
    net.add("ADD", (1, 1, 2, 4), [summands], "AddOptions", **values)
    net.reshape(1, 1, 1, 8)
    source, branches, values = net.last, [], RELU | {"scale": 0.1, "zero": -128}
    for lengths in ((), (3,), (3, 3)):
        net.last = source
        net.convolve(4, 1, **values)
        for kernel in lengths:
            net.keep(kernel - 1)
            net.convolve(4, kernel, **values)
        branches.append(net.last)
    net.join(branches)
    net.convolve(8, 1, **values | {"scale": 0.2})
    net.keep(5, whole=True)
    probability(net, 48, 0.04)
    return net


NETWORKS = {
    "plain": stateful_network,
    "residual": residual_network,
    "attention": attention_network,
    "unpooled": lambda: attention_network(pooled=False),
    "momentary": lambda: attention_network(steps=1),
    "inception": inception_network,
}


@cache
def stateful_model(kind: str = "plain") -> bytes:
    """Return the file of a network of NETWORKS."""
    return packed(NETWORKS[kind]().model)


def manifest(**micro: Any) -> dict[str, Any]:
    """Return a manifest, with other settings than usual."""
    usual = {"probability_cutoff": 0.5, "sliding_window_size": 3, "feature_step_size": 10}
    return {
        "type": "micro",
        "wake_word": "Hey kws",
        "author": "nobody",
        "website": "https://example.org",
        "model": "hey_kws.tflite",
        "trained_languages": ["en"],
        "version": 2,
        "micro": usual | micro,
    }


def write_pair(folder: Path, kind: str = "plain", **micro: Any) -> Path:
    """Write a model and its manifest into a folder; return the path of the model."""
    path = folder / "hey_kws.tflite"
    path.write_bytes(stateful_model(kind))
    path.with_suffix(".json").write_text(json.dumps(manifest(**micro)))
    return path
