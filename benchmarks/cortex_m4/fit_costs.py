"""Count detectors of many shapes and fit a price to each of their operations.

    python benchmarks/cortex_m4/fit_costs.py        # writes kws/export/stored_costs.json

Needs what counting needs (tools/cortex_m4/counting.py). Prices are non-negative and minimise the
relative errors (non-negative least squares). The stored errors are the maximum of each stage over
detectors that took no part in the fit (cross-validation of nine folds); the stored prices are
fitted to all.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import numpy.typing as npt
from scipy.optimize import nnls

from kws.config import ARITHMETICS, FrontEnd, ModelConfig, Smoothing
from kws.engine.c_headers import constants
from kws.engine.lowering import read_all
from kws.engine.network import KINDS as KINDS_OF_LAYERS
from kws.engine.network import Layer, Network
from kws.export.c_source import detector_source
from kws.export.cost import STORED
from kws.export.footprint import CODE
from kws.export.operation_counts import MICRO_FRAME, STAGES
from kws.export.sketch import KINDS, engine_files, engine_sources
from kws.model_file import ModelFile

sys.path.append(str(Path(__file__).parents[2] / "tools"))
from cortex_m4.counting import ARDUINO, build, count
from stateful_models import write_pair

FOLDS = 9
USUAL = ("KWS_DENSE", "KWS_CONVOLUTION", "KWS_DEPTHWISE")  # kinds that most models have

Operations = list[Counter[str]]  # of each detector


def main() -> None:
    """Count, fit and store."""
    operations: dict[str, Operations] = {stage: [] for stage in STAGES}
    counts: dict[str, list[float]] = {stage: [] for stage in STAGES}
    of_arithmetic: dict[str, dict[str, str]] = {}  # the latest model
    for config, network in detectors():
        sizes, source = detector_source(ModelFile("fitted", b"", config), network)
        arithmetic = config.front_end.arithmetic
        files = of_arithmetic[arithmetic] = {"kws_model.h": sizes, "kws_model.c": source}
        counted = count(engine_files([network], [arithmetic], committee=True) | files)
        for stage in ("front_end",) if arithmetic == "fixed" else STAGES:
            stage_operations = STAGES[stage]
            operations[stage].append(stage_operations(network, config))
            counts[stage].append(getattr(counted.costs, stage))
    prices, errors = {}, {}
    for stage in STAGES:
        prices[stage] = fit(operations[stage], counts[stage])
        residuals = np.abs(held_out(operations[stage], counts[stage]) / counts[stage] - 1)
        errors[stage] = round(float(residuals.max()), 3)
        print(f"{stage}: off by {residuals.mean():.1%} on average, {errors[stage]:.1%} at most")
    prices["front_end"][MICRO_FRAME] = price_of_micro_front_end()
    flash, kinds = flash_of_kinds(of_arithmetic["float"])
    table = {
        "made_by": "python benchmarks/cortex_m4/fit_costs.py",
        "compiler": f"{counted.compiler}, {ARDUINO}",
        "errors": errors,
        "instructions": prices,
        "flash": flash,
        "kinds": kinds,
        "fixed_front_end": flash_of_fixed_front_end(of_arithmetic["fixed"]),
        "micro_front_end": flash_of_micro_front_end(of_arithmetic["float"]),
        "without_committee": flash_without_committee(of_arithmetic["float"]),
    }
    STORED.write_text(json.dumps(table, indent=1) + "\n", "utf-8")


def flash_of_kinds(files: dict[str, str]) -> tuple[dict[str, int], dict[str, int]]:
    """Return the engine's bytes by source file, and what the kernels of each kind of layers add.

    files: a detector's model.
    """
    bits = {f"KWS_{kind}": 1 << constants()[f"KWS_{kind}"] for kind in ("DENSE", *KINDS_OF_LAYERS)}
    usual = {name: bits[name] for name in USUAL}
    everything = linked(files, sum(usual.values()))
    base, total = Counter(everything), sum(everything.values())
    kinds = {
        kind: sum(linked(files, sum(usual.values()) | bit).values()) - total
        for kind, bit in bits.items()
    }
    for kind, bit in usual.items():  # what they share is of the engine
        saved = Counter(everything)
        saved.subtract(linked(files, sum(usual.values()) - bit))
        kinds[kind] = sum(saved.values())
        base.subtract(saved)
    return dict(base), kinds


def flash_of_fixed_front_end(files: dict[str, str]) -> dict[str, int]:
    """Return the bytes of a front end in fixed point by source file; files: a model that has it."""
    bits = sum(1 << constants()[kind] for kind in USUAL)
    flash = linked(files, bits, front_ends=2)
    return {file: flash.get(file, 0) for file in CODE["code of the front end"]}


def flash_of_micro_front_end(files: dict[str, str]) -> dict[str, int]:
    """Return the bytes of the files that TFLM's microfrontend changes; files: any model."""
    bits = sum(1 << constants()[kind] for kind in USUAL)
    flash = linked(files, bits, front_ends=4, committee=0)
    names = (*CODE["code of the front end"], "posterior", "spotter")
    return {file: flash.get(file, 0) for file in names}


def price_of_micro_front_end() -> float:
    """Return the instructions of a frame of TFLM's microfrontend, which has one shape."""
    with TemporaryDirectory() as folder:
        model = ModelFile.load(write_pair(Path(folder)))
    (network,) = read_all(model)
    sizes, source = detector_source(model, network)
    files = engine_files([network], ["micro"], committee=False)
    counted = count(files | {"kws_model.h": sizes, "kws_model.c": source})
    return round(counted.costs.front_end)


def flash_without_committee(files: dict[str, str]) -> dict[str, int]:
    """Return the bytes of the files that committees change, where they are not compiled."""
    bits = sum(1 << constants()[kind] for kind in USUAL)
    flash = linked(files, bits, committee=0)
    return {file: flash.get(file, 0) for file in ("committee", "posterior", "spotter")}


def linked(
    files: dict[str, str], kinds: int, front_ends: int = 1, committee: int = 1
) -> dict[str, int]:
    """Return the engine's bytes by source file.

    Args:
        files: A detector's model.
        kinds: Bits of the kinds of layers that are compiled, KWS_KINDS.
        front_ends: Bits of the front ends, KWS_FRONT_ENDS.
        committee: Whether committees are compiled, KWS_COMMITTEE.
    """
    engine = {path.name: path.read_text("utf-8") for path in engine_sources()}
    values = f"{kinds:#x}u", f"{front_ends}u", committee
    macros = zip(("KWS_KINDS", "KWS_FRONT_ENDS", "KWS_COMMITTEE"), values, strict=True)
    used = {KINDS: "".join(f"#define {name} {value}\n" for name, value in macros)}
    # A model that lacks what it needs is not compiled otherwise.
    files = {name: text.replace("#error", "// #error") for name, text in files.items()}
    with TemporaryDirectory() as folder:
        _, flash = build(engine | used | files, ARDUINO, Path(folder))
    return {file: size for file, size in flash.items() if file != "kws_model"}


def fit(operations: Operations, counts: list[float]) -> dict[str, float]:
    """Fit a price to each operation, given the operations and the count of each detector."""
    names = sorted({name for row in operations for name, times in row.items() if times})
    matrix = np.array([[row[name] for name in names] for row in operations], float)
    relative = matrix / np.array(counts)[:, None]
    scale = np.abs(relative).max(axis=0)
    scale[scale == 0] = 1
    solution, _ = nnls(relative / scale, np.ones(len(counts)))
    return {name: round(value, 3) for name, value in zip(names, solution / scale, strict=True)}


def held_out(operations: Operations, counts: list[float]) -> npt.NDArray[np.float64]:
    """Predict the count of each detector from a fit to the other folds."""
    predicted = np.empty(len(counts))
    for fold in range(FOLDS):
        others = [i for i in range(len(counts)) if i % FOLDS != fold]
        prices = fit([operations[i] for i in others], [counts[i] for i in others])
        for i in range(fold, len(counts), FOLDS):
            predicted[i] = sum(n * prices.get(name, 0) for name, n in operations[i].items())
    return predicted


def detectors() -> Iterator[tuple[ModelConfig, Network]]:
    """Yield front ends and networks of many shapes, by turns temporal and two-dimensional.

    Those of every sixth are yielded in fixed point as well.
    """
    random = np.random.default_rng(1)
    for index in range(72):
        fft = (128, 256, 512, 1024, 2048)[index % 5]
        window = int(random.integers(fft // 2 + 1, fft + 1))
        front_end = FrontEnd(
            window,
            int(random.integers(max(100, window // 3), window + 1)) if window > 100 else window,
            fft,
            2 * int(random.integers(8, 33)),
            float(random.integers(0, 200)),
            float(random.integers(3000, 8001)),
            int(random.integers(6, 16)),
        )
        smoothing = Smoothing(int(random.integers(1, 12)), int(random.integers(1, 6)), 50)
        keywords = tuple(f"word {n}" for n in range(int(random.integers(1, 12))))
        build = two_dimensional if index % 2 else temporal
        layers = tuple(build(front_end, len(keywords) + 1, random, index))
        network = Network(layers, 1, front_end.coefficients, 0.1, 0, len(keywords) + 1, 0.1)
        network = replace(network, window_frames=network.receptive_field)
        thresholds = (0.9,) * len(keywords)
        for arithmetic in ARITHMETICS if index % 6 == 0 else ARITHMETICS[:1]:
            in_it = replace(front_end, arithmetic=arithmetic)
            yield ModelConfig(keywords, thresholds, network.stride, in_it, smoothing), network


def temporal(
    front_end: FrontEnd, classes: int, random: np.random.Generator, index: int
) -> Iterator[Layer]:
    """Yield the layers of a network that takes coefficients as channels: one frequency bin."""
    channels, stride = int(random.integers(8, 90)), 1 + index // 2 % 2
    coefficients = front_end.coefficients
    kernel = (int(random.integers(2, 8)), coefficients)
    yield convolution(random, kernel, (coefficients, 1), (1, channels), stride)
    for _ in range(int(random.integers(1, 5))):
        yield depthwise(random, (int(random.integers(2, 12)), 1), (1, channels))
        wider = channels if index % 3 else int(random.integers(8, 90))
        yield convolution(random, (1, 1), (1, channels), (1, wider))
        channels = wider
    yield depthwise(random, (int(random.integers(2, 8)), 1), (1, channels))
    yield convolution(random, (1, 1), (1, channels), (1, classes))


def two_dimensional(
    front_end: FrontEnd, classes: int, random: np.random.Generator, index: int
) -> Iterator[Layer]:
    """Yield the layers of a network of two or more frequency bins with few channels."""
    channels, width = int(random.integers(4, 40)), int(random.integers(2, 5))
    bins, stride = front_end.coefficients - width + 1, 1 + index // 2 % 2
    kernel = (int(random.integers(2, 11)), width)
    yield convolution(random, kernel, (front_end.coefficients, 1), (bins, channels), stride)
    for _ in range(int(random.integers(1, 4))):
        yield depthwise(random, (int(random.integers(2, 5)), 3), (bins + 2, channels))
        yield convolution(random, (1, 1), (bins, channels), (bins, channels))
    yield depthwise(random, (int(random.integers(2, 8)), bins), (bins, channels))
    yield convolution(random, (1, 1), (1, channels), (1, classes))


def convolution(
    random: np.random.Generator,
    kernel: tuple[int, int],
    shape: tuple[int, int],
    output_shape: tuple[int, int],
    time_stride: int = 1,
) -> Layer:
    """Make a convolution with random weights.

    Args:
        random: Source of the weights.
        kernel: Time steps and frequency bins.
        shape: Frequency bins and channels of an input time step.
        output_shape: Frequency bins and channels of an output time step.
        time_stride: Time steps of the input per time step of the output.
    """
    depth = kernel[0] * kernel[1] * shape[1]
    weights = random.integers(-127, 128, (output_shape[1], depth), np.int8)
    weights = np.pad(weights, ((0, 0), (0, -depth % 8)))
    return layer("CONVOLUTION", kernel, shape, output_shape, weights, time_stride)


def depthwise(
    random: np.random.Generator, kernel: tuple[int, int], shape: tuple[int, int]
) -> Layer:
    """Make a depthwise convolution with random weights; kernel, shape: see convolution()."""
    bins, channels = shape
    packed = (-(-channels // 4), kernel[0] * kernel[1], 4)
    weights = random.integers(-127, 128, packed, np.int8)
    return layer("DEPTHWISE", kernel, shape, (bins - kernel[1] + 1, channels), weights)


def layer(
    kind: str,
    kernel: tuple[int, int],
    shape: tuple[int, int],
    output_shape: tuple[int, int],
    weights: npt.NDArray[np.int8],
    time_stride: int = 1,
) -> Layer:
    """Make a layer without padding whose outputs are about as large as its inputs."""
    return Layer(
        kind=kind,
        time_kernel=kernel[0],
        time_stride=time_stride,
        time_padding_before=0,
        time_padding_after=0,
        frequency_kernel=kernel[1],
        frequency_stride=1,
        frequency_padding=0,
        bins=shape[0],
        channels=shape[1],
        output_bins=output_shape[0],
        output_channels=output_shape[1],
        zero_point=0,
        output_zero_point=0,
        activation_min=-128,
        activation_max=127,
        weights=weights,
        bias=np.zeros(output_shape[1], np.int32),
        multiplier=np.full(output_shape[1], 1 << 30, np.int32),
        shift=np.full(output_shape[1], -8, np.int8),
    )


if __name__ == "__main__":
    main()
