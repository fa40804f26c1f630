"""Make a small model whose dilations are written as moves between space and batches."""

from __future__ import annotations

from functools import cache
from math import prod

import numpy as np
from hostile_models import Network, with_settings


def spread(
    net: Network,
    block: tuple[int, int],
    padding: list[tuple[int, int]],
    crops: list[tuple[int, int]],
    kernel: tuple[int, int] = (3, 3),
    name: str = "CONV_2D",
) -> None:
    """Add a convolution to 8 channels, dilated by a block, as a converter may write it."""
    _, *size, depth = (int(n) for n in net.graph.tensors[net.last].shape)
    sizes, *sides = (
        net.tensor(np.shape(values), 0, 0, np.array(values, np.int32))
        for values in (block, padding, crops)
    )
    moved = [(n + sum(p)) // b for n, p, b in zip(size, padding, block, strict=True)]
    count = prod(block)
    net.add("SPACE_TO_BATCH_ND", (count, *moved, depth), [sizes, sides[0]], "")
    given = [n - k + 1 for n, k in zip(moved, kernel, strict=True)]
    options = {"padding": 1, "strideH": 1, "strideW": 1, "fusedActivationFunction": 1}
    options |= {"dilationHFactor": 1, "dilationWFactor": 1}
    scale = 0.7 * float(net.graph.tensors[net.last].quantization.scale[0])
    if name == "CONV_2D":
        weights, kind = net.weights(8, *kernel, depth, channels=8), "Conv2DOptions"
        options |= {"scale": scale * (prod(kernel) * depth) ** 0.5}
    else:
        weights, kind = net.weights(1, *kernel, 8, channels=8), "DepthwiseConv2DOptions"
        options |= {"depthMultiplier": 1, "scale": scale * prod(kernel) ** 0.5}
    net.add(name, (count, *given, 8), weights, kind, **options)
    cropped = [n * b - sum(c) for n, b, c in zip(given, block, crops, strict=True)]
    net.add("BATCH_TO_SPACE_ND", (1, *cropped, 8), [sizes, sides[1]], "")


@cache
def dilated_model() -> bytes:
    """Return a model of two keywords with dilations along time and along frequency."""
    net = Network((1, 9, 10, 1), np.random.default_rng(5))
    spread(net, (2, 3), [(0, 1), (2, 3)], [(0, 1), (0, 1)])
    spread(net, (2, 1), [(0, 1), (0, 0)], [(0, 1), (0, 0)], (2, 1), "DEPTHWISE_CONV_2D")
    _, time, bins, depth = (int(n) for n in net.graph.tensors[net.last].shape)
    options = {"padding": 1, "strideH": 1, "strideW": 1, "scale": 0.5, "zero": 0}
    options |= {"dilationHFactor": 1, "dilationWFactor": 1}
    weights = net.weights(3, time, bins, depth, channels=3)
    net.add("CONV_2D", (1, 1, 1, 3), weights, "Conv2DOptions", **options)
    return with_settings(net, 1)
