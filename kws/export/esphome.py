"""Export a model as a microWakeWord v2 pair, which ESPHome and Home Assistant's devices run."""

from __future__ import annotations

import json
import logging
import re
import unicodedata
from collections.abc import Sequence
from pathlib import Path

from kws.config import MICRO, ModelConfig
from kws.engine.c_layout import check
from kws.engine.lowering import read
from kws.engine.model_check import proven
from kws.engine.operator_check import Step
from kws.engine.streaming_writer import streaming
from kws.errors import KwsError
from kws.export.exported_folder import write
from kws.export.library_models import Chosen
from kws.micro_wake_word import HIGHEST_CUTOFF, QUANTISATION, quantisation
from kws.model_file import ESPHOME_BASE, ModelFile

MAX_STATES = 20  # resource variables that ESPHome has room for
MINIMUM_ESPHOME = "2024.7.0"
AUTHOR, WEBSITE = "kws", "https://pypi.org/project/kws/"
# TFLM's arena: what it keeps of each operator and each tensor, on a 64-bit machine, bytes.
OPERATOR_BYTES, TENSOR_BYTES, ARENA_BYTES = 100, 50, 4096

log = logging.getLogger(__name__)


def esphome(chosen: Sequence[Chosen], output: Path) -> list[Path]:
    """Write a pair, NAME.json and NAME.tflite, for each model; return the paths written.

    Raises:
        KwsError: If a model is not of the microfrontend, one keyword and one network, or its
            network is not one that microWakeWord can run.
    """
    files: dict[str, str | bytes] = {}
    for each in chosen:
        model = ModelFile.load(each.model).with_arithmetic(each.arithmetic)
        name = file_name(each.name or model.name)
        if f"{name}.json" in files:
            raise KwsError(f"--format esphome: two models are called {name}; choose with --name")
        network, manifest = pair(model, name)
        files[f"{name}.tflite"] = network
        files[f"{name}.json"] = json.dumps(manifest, indent=2, ensure_ascii=False) + "\n"
    return write(output, files, shared=True)


def pair(model: ModelFile, name: str) -> tuple[bytes, dict[str, object]]:
    """Return the network that keeps its past itself, and the manifest of a pair."""
    config, where = model.config, model.name
    if config.micro_wake_word:
        raise KwsError(f"{where}: is a microWakeWord model already, which ESPHome runs as it is")
    _check(config, where)
    network = read(model.content, where)
    check(where, config, network)
    if network.phases(config.stride) != 1:
        raise KwsError(f"{where}: runs at several phases, microWakeWord at one (phases = 1)")
    first, steps = proven(model.content, where)
    states = _check_steps(steps, where)
    if quantisation(first) != QUANTISATION:
        raise KwsError(f"{where}: its input is not quantised as microWakeWord's is")
    manifest = {
        "type": "micro",
        "wake_word": config.keywords[0],
        "author": AUTHOR,
        "website": WEBSITE,
        "model": f"{name}.tflite",
        "trained_languages": list(config.card.get("languages", [])),
        "version": 2,
        "micro": {
            "probability_cutoff": _cutoff(config.thresholds[0], where),
            "feature_step_size": 1000 * MICRO.hop // 16_000,
            "sliding_window_size": config.smoothing.smooth_steps,
            "tensor_arena_size": _arena(steps, states, network.stride),
            "minimum_esphome_version": MINIMUM_ESPHOME,
        },
    }
    return streaming(first, steps, network.stride, sigmoid=True), manifest


def file_name(name: str) -> str:
    """Return the name of a model as a file name that ESPHome takes: lower case, underscores."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "_", plain).strip("_") or "wake_word"


def _check(config: ModelConfig, where: str) -> None:
    """Refuse settings that a pair cannot have."""
    if config.front_end != MICRO:
        raise KwsError(
            f"{where}: not trained on the microfrontend; kws train or kws new with --init"
            f" {ESPHOME_BASE} does"
        )
    if len(config.keywords) != 1:
        raise KwsError(
            f"{where}: has {len(config.keywords)} keywords, a microWakeWord model has one; train"
            " each alone"
        )
    if config.committee is not None:
        raise KwsError(f"{where}: is a committee, a microWakeWord model one network")
    if config.smoothing.max_steps != 1:
        raise KwsError(f"{where}: takes a maximum of averages, which microWakeWord does not")


def _check_steps(steps: list[Step], where: str) -> int:
    """Refuse a network that cannot be written as a stream; return its bytes of past time steps."""
    if steps[-1].operator.name in ("SOFTMAX", "LOGISTIC"):
        raise KwsError(f"{where}: its network ends in a {steps[-1].operator.name}, not in logits")
    states = [step for step in steps if step.kernel[0] > step.operator.options.stride[0]]
    if len(states) > MAX_STATES:
        raise KwsError(f"{where}: {len(states)} layers with a past are more than {MAX_STATES}")
    for step in steps:
        if step.kernel[0] < step.operator.options.stride[0]:
            raise KwsError(f"{where}: a layer's stride is longer than its kernel")
    return sum(step.kernel[0] * step.source.plane[1] * step.source.plane[2] for step in states)


def _cutoff(threshold: float, where: str) -> float:
    """Return the cutoff of a threshold, one that the network's probabilities can exceed.

    Their means end at 255 / 256 and have to exceed the cutoff. ESPHome takes it in 1/255, rounded
    down, so that there the highest one is exceeded, too.
    """
    cutoff = round(threshold, 4)
    if cutoff > HIGHEST_CUTOFF:
        log.warning(
            "%s: the threshold %.4g is more than a pair's probabilities reach; its"
            " probability_cutoff is %g, so that it detects a little more",
            *(where, cutoff, HIGHEST_CUTOFF),
        )
    return min(cutoff, HIGHEST_CUTOFF)


def _arena(steps: list[Step], states: int, stride: int) -> int:
    """Return the bytes that TFLM needs at most for the network, rounded up."""
    largest = max(
        2 * max(step.kernel[0], stride) * step.padded[1] * step.source.plane[2]
        + step.output.plane[1] * step.output.plane[2]
        for step in steps
    )
    channels = sum(8 * step.output.plane[2] for step in steps)  # multiplier and shift
    operators = 5 + 6 * len(steps)
    tensors = 12 + 10 * len(steps)
    kept = operators * OPERATOR_BYTES + tensors * TENSOR_BYTES
    return -(-(ARENA_BYTES + 2 * states + largest + channels + kept) // 1024) * 1024
