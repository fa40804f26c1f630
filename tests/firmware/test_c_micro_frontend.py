"""Compare detectors on TFLM's microfrontend in C with pymicro-features and Python, bit for bit."""

from __future__ import annotations

import json
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import soundfile
from c_programs import HOST, M4_ARDUINO, PROCESSORS, Target
from command_line import SAMPLES
from conftest import skip_without
from small_models import Samples

skip_without("the extra dev", all(map(find_spec, ("pymicro_features", "tensorflow"))))

from hostile_models import Network, sealed  # noqa: E402
from stateful_models import write_pair  # noqa: E402

from kws.config import MICRO, GateConfig, ModelConfig, Smoothing  # noqa: E402
from kws.engine.native import AVAILABLE  # noqa: E402
from kws.export.sketch import export  # noqa: E402
from kws.micro_frontend import MicroFrontend  # noqa: E402
from kws.model_file import ModelFile  # noqa: E402
from kws.posterior import ONE  # noqa: E402
from kws.spotter import NumpySpotter  # noqa: E402

OTHERS = [each for each in PROCESSORS if each.name in ("m0plus", "rv32imac", "big-endian")]


def signal() -> Samples:
    """Return 4 s: speech, silence, the least and the greatest samples, a tone, growing noise."""
    random = np.random.default_rng(8)
    parts = (
        soundfile.read(SAMPLES / "all_keywords.flac", dtype="int16")[0][12000:44000],
        np.zeros(1600),
        random.integers(-1, 2, 1600),
        random.choice([-32768, 32767], 1600),
        np.full(1600, -32768),
        np.round(32767 * np.sin(0.7 * np.arange(1600))),
        random.normal(0, np.geomspace(0.1, 30000, 24000)).clip(-32768, 32767),
    )
    return np.concatenate(parts).astype(np.int16)


def pair(folder: Path) -> Path:
    """Write a model of microWakeWord; return its path."""
    return write_pair(folder)


def attention(folder: Path) -> Path:
    """Write a model with products and joins; return its path."""
    return write_pair(folder, "attention")


def inception(folder: Path) -> Path:
    """Write a model with constants and branches; return its path."""
    return write_pair(folder, "inception")


def trained(folder: Path) -> Path:
    """Write a model of the form that kws trains on the microfrontend; return its path."""
    net = Network((1, 7, 40, 1), np.random.default_rng(1))
    quantisation = net.graph.tensors[net.last].quantization
    quantisation.scale, quantisation.zeroPoint = np.array([26 / 255], np.float32), [-128]
    plain = {"padding": 1, "strideH": 1, "strideW": 1}
    plain |= {"dilationHFactor": 1, "dilationWFactor": 1, "scale": 0.4, "zero": 0}
    weights = net.weights(6, 5, 40, 1, channels=6)
    net.add("CONV_2D", (1, 3, 1, 6), weights, "Conv2DOptions", **plain)
    weights = net.weights(3, 3, 1, 6, channels=3)
    net.add("CONV_2D", (1, 1, 1, 3), weights, "Conv2DOptions", **plain)
    config = ModelConfig(
        keywords=("one", "two"),
        thresholds=(0.4, 0.4),
        stride=1,
        front_end=MICRO,
        smoothing=Smoothing(2, 2, 5),
        gate=GateConfig(noise_floor_ms=300, pre_roll_ms=90, hangover_ms=150),
    )
    path = folder / "trained.tflite"
    path.write_bytes(sealed(net.model, json.dumps(config.to_dict()).encode()))
    return path


def compare(path: Path, target: Target, folder: Path) -> None:
    """Assert that frames and detections of an export are those of Python."""
    model, samples, order = ModelFile.load(path), signal(), target.byte_order
    export(path, folder / "c")
    binary = target.build(folder / "c", "trace_micro_frontend")
    found = target.run(binary, samples.astype(f"{order}i2").tobytes(), folder)
    frames = MicroFrontend().push(samples)
    count = len(frames)
    assert len(np.unique(frames)) > 200
    assert int(np.frombuffer(found[-4:], f"{order}u4")[0]) == count == 398
    values = np.frombuffer(found[: 4 * frames.size], f"{order}f4").reshape(frames.shape)
    np.testing.assert_array_equal(values, frames)
    records = np.frombuffer(found[4 * frames.size : -4], f"{order}u4").reshape(-1, 4)
    expected = [
        (d.sample, model.config.keywords.index(d.keyword), round(d.confidence * ONE))
        for d in NumpySpotter(model).push(samples)
    ]
    assert [(low + (high << 32), k, c) for low, high, k, c in records.tolist()] == expected
    assert len(expected) > 2


@pytest.mark.parametrize("write", [pair, trained, attention, inception])
def test_here(write: Callable[[Path], Path], tmp_path: Path) -> None:
    compare(write(tmp_path), HOST, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("target", [M4_ARDUINO, *OTHERS], ids=lambda target: target.name)
def test_on_other_processors(target: Target, tmp_path: Path) -> None:
    compare(pair(tmp_path), target, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("target", [M4_ARDUINO, *OTHERS], ids=lambda target: target.name)
def test_networks_that_branch_on_other_processors(target: Target, tmp_path: Path) -> None:
    write = attention if target.name in (M4_ARDUINO.name, "m0plus") else inception
    compare(write(tmp_path), target, tmp_path)


@pytest.mark.skipif(not AVAILABLE, reason="kws was installed without a C compiler")
def test_the_division_into_pushes_changes_nothing() -> None:
    from kws.engine.native import NativeMicroFrontend

    samples, frontend = signal(), NativeMicroFrontend()
    expected = MicroFrontend().push(samples).tobytes()
    for _ in range(2):
        parts = np.split(samples, [1, 479, 480, 481, 1000, 30_000])
        assert np.concatenate([frontend.push(part) for part in parts]).tobytes() == expected
        frontend.reset()
