"""Small models with random weights, made the way that kws train makes its own."""

from __future__ import annotations

from functools import cache

import numpy as np
import numpy.typing as npt
import pytest

from kws.config import SAMPLE_RATE, FrontEnd, ModelConfig, Smoothing
from kws.ds_cnn import DsCnn  # before tensorflow: the other way round the runtime fails
from kws.mfcc import Mfcc
from kws.model_file import ModelFile
from kws.posterior import Posterior

Samples = npt.NDArray[np.int16]


def synthetic_audio(seconds: float, seed: int = 0) -> Samples:
    """Noise, chirps, clicks, silence, DC, and clipping in turn, from -60 to beyond 0 dBFS."""
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


@cache
def temporal() -> ModelFile:
    """Coefficients as channels, convolved along time alone."""
    front_end = FrontEnd(low_hz=60, high_hz=7600, coefficients=20, log_offset=1e-3)
    return _model(front_end, channels=24, kernels=(3, 5), head=7)


@cache
def plane() -> ModelFile:
    """A plane of frequencies, a front end of other sizes, odd channels."""
    front_end = FrontEnd(400, 160, 1024, 26, 0, 8000, 13)
    return _model(
        front_end, channels=11, kernels=(3, 4), head=3, frequency_kernel=4, first_kernel=6
    )


@cache
def short_window() -> ModelFile:
    """The smallest transform, an odd window, one step per row, six keywords."""
    front_end = FrontEnd(101, 100, 128, 20, 100, 8000, 9, 1e-2)
    return _model(front_end, keywords=6, channels=8, kernels=(2,), head=2, stride=1)


def _model(front_end: FrontEnd, keywords: int = 3, **shape: object) -> ModelFile:
    pytest.importorskip("tensorflow")
    import keras

    from kws.training.convert import embed, quantise
    from kws.training.network import Architecture, build

    keras.utils.set_random_seed(7)
    architecture = Architecture(**shape)  # type: ignore[arg-type]
    rows = Mfcc(front_end).push(synthetic_audio(20, seed=1))
    mean, scale = rows.mean(axis=0), 1 / rows.std(axis=0)
    network = build(architecture, front_end, keywords + 1, architecture.window_rows)
    spans = np.lib.stride_tricks.sliding_window_view(rows, architecture.window_rows, axis=0)
    windows = ((spans.swapaxes(1, 2) - mean) * scale)[:: max(1, len(spans) // 100)]
    windows = windows.astype(np.float32)
    random = np.random.default_rng(5)
    for variable in network.variables:
        if variable.name in ("gamma", "beta"):
            low, high = (0.5, 1.5) if variable.name == "gamma" else (-0.3, 0.3)
            variable.assign(random.uniform(low, high, variable.shape))
    for _ in range(100):  # moves the normalisations' averages to what the data has
        network(windows[..., None], training=True)
    content = quantise(network, windows)
    config = ModelConfig(
        keywords=tuple(f'word "{n}" \u00e9?' for n in range(keywords)),
        thresholds=(0.5,) * keywords,
        stride=architecture.stride,
        front_end=FrontEnd(
            **{**vars(front_end), "mean": tuple(map(float, mean)), "scale": tuple(map(float, scale))}
        ),
        smoothing=Smoothing(smooth_steps=3, max_steps=2, refractory_steps=5),
    )
    thresholds = _reached(ModelFile("test", content, config), rows.shape[0])
    config = ModelConfig(**{**vars(config), "thresholds": thresholds})
    return ModelFile.parse(embed(content, config), "test.tflite")


def _reached(model: ModelFile, rows: int) -> tuple[float, ...]:
    """Thresholds that one step in twenty reaches."""
    network = DsCnn(model)
    scores = network.push(Mfcc(model.config.front_end).push(synthetic_audio(20, seed=1)))
    posterior = Posterior(model.config, network.score_scale, network.window_rows)
    levels = np.quantile(posterior.confidences(scores) / 32768, 0.95, axis=0)
    return tuple(float(min(1.0, max(1e-4, level))) for level in levels)
