"""Make small models with random weights, as kws train makes its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
from conftest import tensorflow

from kws.committee import Committee
from kws.config import (
    SAMPLE_RATE,
    CommitteeConfig,
    FrontEnd,
    GateConfig,
    ModelConfig,
    Smoothing,
)
from kws.ds_cnn import DsCnn  # before tensorflow: the other way round the runtime fails
from kws.mfcc import Mfcc
from kws.model_file import ModelFile
from kws.posterior import Posterior

Samples = npt.NDArray[np.int16]


def first_network(model: ModelFile) -> ModelFile:
    """Return the first network of a model, which decides by itself."""
    return replace(model, config=replace(model.config, committee=None), networks=())


def synthetic_audio(seconds: float, seed: int = 0) -> Samples:
    """Return noise, chirps, clicks, silence, DC and clipping in turn, from -60 to above 0 dBFS."""
    random = np.random.default_rng(seed)
    pieces, total = [], 0
    while total < seconds * SAMPLE_RATE:
        n = int(random.integers(800, 12_000))
        time = np.arange(n) / SAMPLE_RATE
        level = 32768 * 10 ** (random.uniform(-60, 3) / 20)
        sweep = np.cumsum(np.linspace(*random.uniform(30, 7900, 2), n)) / SAMPLE_RATE
        kinds = (
            level * random.standard_normal(n),
            level * np.sin(2 * np.pi * sweep),
            level * np.sign(np.sin(2 * np.pi * random.uniform(50, 3000) * time)),
            level * (random.random(n) < 0.002),
            np.full(n, random.uniform(-40_000, 40_000)),
            np.zeros(n),
        )
        pieces.append(np.clip(np.rint(kinds[random.integers(len(kinds))]), -32768, 32767))
        total += n
    return np.concatenate(pieces)[: int(seconds * SAMPLE_RATE)].astype(np.int16)


@dataclass(frozen=True)
class Shape:
    """Describe a network: first layer, depthwise-separable blocks, depthwise head, logits."""

    channels: int
    kernels: tuple[int, ...]  # time steps, one kernel per block
    head: int  # time steps of the last depthwise layer
    first_kernel: int = 5
    stride: int = 2
    frequency_kernel: int = 0  # of the first layer; 0 is all coefficients

    @property
    def window_frames(self) -> int:
        """Return the receptive field, in frames."""
        time_steps = 1 + sum(kernel - 1 for kernel in (*self.kernels, self.head))
        return (time_steps - 1) * self.stride + self.first_kernel


@cache
def temporal() -> ModelFile:
    """Return a model with coefficients as channels, convolved along time only."""
    front_end = FrontEnd(low_hz=60, high_hz=7600, coefficients=20, log_offset=1e-3)
    return random_model(front_end, Shape(24, (3, 5), 7))


@cache
def plane() -> ModelFile:
    """Return a model with a plane of frequency bins, another front end and odd channels."""
    front_end = FrontEnd(400, 160, 1024, 26, 0, 8000, 18)
    return random_model(front_end, Shape(11, (3, 4), 3, first_kernel=6, frequency_kernel=4))


@cache
def short_window() -> ModelFile:
    """Return a model with the smallest FFT, an odd window, a step per frame and six keywords."""
    front_end = FrontEnd(101, 100, 128, 20, 100, 8000, 9, 1e-2)
    return random_model(front_end, Shape(8, (2,), 2, stride=1), keywords=6)


@cache
def two_phases() -> ModelFile:
    """Return a model with a step per frame, by two phases of a network of stride 2."""
    front_end = FrontEnd(low_hz=60, high_hz=7600, coefficients=20, log_offset=1e-3)
    return random_model(front_end, Shape(24, (3, 5), 7), stride=1)


@cache
def phases_of_single_frames() -> ModelFile:
    """Return a model with two phases whose first kernel is one frame and one coefficient."""
    front_end = FrontEnd(320, 256, 512, 12, 100, 6000, 6)
    return random_model(front_end, Shape(8, (3,), 3, first_kernel=1, frequency_kernel=1), stride=1)


@cache
def committee() -> ModelFile:
    """Return a committee of networks of other shapes, receptive fields and numbers of phases."""
    front_end = FrontEnd(low_hz=60, high_hz=7600, coefficients=20, log_offset=1e-3)
    shapes = (
        Shape(24, (3, 5), 7),
        Shape(12, (3,), 4),
        Shape(8, (5, 4), 9),
        Shape(8, (2,), 2, 1, 1),
    )
    return random_committee(front_end, shapes, phases=(2, 1, 2, 1))


@cache
def pair() -> ModelFile:
    """Return a committee of two networks with one phase each, the longer one second."""
    front_end = FrontEnd(320, 256, 512, 12, 100, 6000, 6)
    return random_committee(front_end, (Shape(8, (3,), 3), Shape(4, (3, 3), 4)), phases=(1, 1))


@cache
def cascade() -> ModelFile:
    """Return a first stage and two networks of other shapes, the shorter one first."""
    front_end = FrontEnd(320, 256, 512, 12, 100, 6000, 6)
    shapes = (Shape(4, (3,), 3), Shape(8, (3,), 3), Shape(6, (3, 3), 4))
    return random_committee(front_end, shapes, phases=(1, 2, 1), first_stage=True)


MODELS = (temporal, plane, short_window, two_phases, phases_of_single_frames)
COMMITTEES = (committee, pair, cascade)


def _network(shape: Shape, coefficients: int, classes: int) -> Any:
    """Return a Keras model of [1, frames, coefficients, 1] that pads along frequency only."""
    from keras import Input, Model, layers

    def depthwise(x: Any, length: int, width: int) -> Any:
        if 1 < width < x.shape[2]:
            x = layers.ZeroPadding2D(((0, 0), (width // 2, width // 2)))(x)
        return activated(layers.DepthwiseConv2D((length, width), use_bias=False)(x))

    def activated(x: Any) -> Any:
        return layers.ReLU()(layers.BatchNormalization(momentum=0.98)(x))

    plane = shape.frequency_kernel > 0
    first = (shape.first_kernel, shape.frequency_kernel or coefficients)
    inputs = Input((shape.window_frames, coefficients, 1))
    x = layers.Conv2D(shape.channels, first, (shape.stride, 2) if plane else shape.stride)(inputs)
    x = activated(x)
    for length in shape.kernels:
        x = depthwise(x, length, 3 if plane else 1)
        x = activated(layers.Conv2D(shape.channels, 1, use_bias=False)(x))
    x = depthwise(x, shape.head, x.shape[2])
    return Model(inputs, layers.Conv2D(classes, 1)(x))


def random_model(
    front_end: FrontEnd, shape: Shape, keywords: int = 3, stride: int | None = None
) -> ModelFile:
    """Return a model whose outputs vary and whose keywords are detected now and then.

    Args:
        front_end: settings; mean and scale are computed.
        shape: of the network.
        keywords: how many.
        stride: frames per step, if not that of the network itself.
    """
    frames = Mfcc(front_end).push(synthetic_audio(20, seed=1))
    mean, scale = frames.mean(axis=0), 1 / frames.std(axis=0)
    content = _random_network(shape, (frames - mean) * scale, keywords + 1)
    config = ModelConfig(
        keywords=tuple(f'word "{n}" \u00e9?' for n in range(keywords)),
        thresholds=(0.5,) * keywords,
        stride=stride or shape.stride,
        front_end=replace(front_end, mean=tuple(map(float, mean)), scale=tuple(map(float, scale))),
        smoothing=Smoothing(smooth_steps=3, max_steps=2, refractory_steps=5),
        # Opens and closes many times in synthetic_audio.
        gate=GateConfig(noise_floor_ms=300, pre_roll_ms=90, hangover_ms=150),
    )
    thresholds = _reached(ModelFile("test", content, config))
    config = replace(config, thresholds=thresholds)
    from kws.training.quantise import embed

    return ModelFile.parse(embed(content, config), "test.tflite")


def random_committee(
    front_end: FrontEnd,
    shapes: tuple[Shape, ...],
    phases: tuple[int, ...],
    first_stage: bool = False,
) -> ModelFile:
    """Return a committee whose first member often suspects, and whose others seldom agree."""
    first = random_model(front_end, shapes[0], stride=1)
    frames = Mfcc(first.config.front_end).push(synthetic_audio(20, seed=1))
    contents = [
        _random_network(shape, frames, len(first.config.classes), seed, limit=3.0)
        for seed, shape in enumerate(shapes)
    ]
    from kws.training.quantise import embed, pack_committee

    def packed(config: ModelConfig, bounds: Sequence[float]) -> ModelFile:
        packed = pack_committee(contents, config, phases=phases, bounds=bounds)
        if first_stage:
            settings = CommitteeConfig(tuple(bounds), phases, first_stage=True)
            packed = embed(packed, replace(config, committee=settings))
        return ModelFile.parse(packed, "test.tflite")

    config = replace(first.config, smoothing=Smoothing(4, 2, 5))
    averages, _ = Committee(packed(config, (1e-4,) * 3), DsCnn).push(frames)
    _, of_first = Committee(packed(config, (1.0,) * 3), DsCnn).push(frames)
    bounds, thresholds = (
        np.quantile(a / 32768, q, axis=0) for a, q in ((of_first, 0.8), (averages, 0.9))
    )
    config = replace(config, thresholds=tuple(map(float, thresholds)))
    return packed(config, tuple(map(float, bounds)))


def _random_network(
    shape: Shape,
    frames: npt.NDArray[np.float32],
    classes: int,
    seed: int = 0,
    limit: float = 0.0,
) -> bytes:
    """Return a network, quantised, whose outputs on frames vary.

    limit: range of the quantised input, if not that of the frames.
    """
    tensorflow()
    import keras

    from kws.training.quantise import quantise

    keras.utils.set_random_seed(7 + seed)
    network = _network(shape, frames.shape[1], classes)
    views = np.lib.stride_tricks.sliding_window_view(frames, shape.window_frames, axis=0)
    windows = views.swapaxes(1, 2)[:: max(1, len(views) // 100)].astype(np.float32)
    if limit:
        windows = np.clip(windows, -limit, limit)
        windows[0, 0, :2] = -limit, limit
    random = np.random.default_rng(5 + seed)
    for variable in network.variables:
        if variable.name in ("gamma", "beta"):
            low, high = (0.5, 1.5) if variable.name == "gamma" else (-0.3, 0.3)
            variable.assign(random.uniform(low, high, variable.shape))
    for _ in range(100):  # moves the normalisations' averages to what the data has
        network(windows[..., None], training=True)
    return quantise(network, windows)


def _reached(model: ModelFile) -> tuple[float, ...]:
    """Return thresholds that one step in twenty reaches."""
    network = DsCnn(model)
    scores = network.push(Mfcc(model.config.front_end).push(synthetic_audio(20, seed=1)))
    posterior = Posterior(model.config, network.score_scale, network.window_frames)
    thresholds = np.quantile(posterior.smooth(scores) / 32768, 0.95, axis=0)
    return tuple(float(min(1.0, max(1e-4, level))) for level in thresholds)
