"""Describe a model for `kws info`: its settings, its cost and its card."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from kws.backend import DEFAULT_BACKEND
from kws.calibration_card import CARD_KEY as CALIBRATION_KEY
from kws.calibration_card import calibration_lines
from kws.config import MICRO_FRONTEND, SAMPLE_RATE, FrontEnd, ModelConfig
from kws.engine.lowering import read
from kws.engine.network import Network
from kws.errors import KwsError
from kws.foreign_text import printable
from kws.model_file import ModelFile
from kws.sensitivity import CARD_KEY, operating_points

BACKEND_NAMES = {"c": "C", "numpy": "NumPy"}


def as_dict(model: ModelFile) -> dict[str, Any]:
    """Return all that a model file contains and what follows from it, as plain values for JSON."""
    return {
        "name": model.name,
        "bytes": len(model.content),
        "sha256": model.sha256,
        "backend": DEFAULT_BACKEND,
        "multiply_accumulates_per_second": cost_per_second(model),
        **model.config.to_dict(),
        CARD_KEY: model.config.card.get(CARD_KEY, {}),
    }


def as_text(model: ModelFile) -> str:
    """Return the description of a model as text: settings in words, then what the card knows."""
    config = model.config
    front, smoothing, gate = config.front_end, config.smoothing, config.gate
    keywords = zip(config.keywords, config.thresholds, strict=True)
    cost = cost_per_second(model)
    calibration = list(calibration_lines(config))
    lines = {
        "model": printable(model.name),
        "keywords": ", ".join(
            f"{name} (threshold {threshold:.3f})" for name, threshold in keywords
        ),
        "sensitivity": _sensitivities(config),
        "gate": f"opens {gate.margin_db:g} dB above the noise floor, pre-roll "
        f"{gate.pre_roll_ms} ms, hangover {gate.hangover_ms} ms"
        if gate.on
        else "off",
        "front end": _front_end(front),
        "network": f"one step every {1000 * config.step_seconds:g} ms, "
        + (
            f"{cost / 1e6:.2f} million multiply-accumulates per second" if cost else "cannot stream"
        ),
        **_committee(model),
        "smoothing": f"mean of {smoothing.smooth_steps} steps, maximum of {smoothing.max_steps}, "
        f"refractory time {smoothing.refractory_steps * config.step_seconds:g} s",
        "backend": BACKEND_NAMES[DEFAULT_BACKEND],
        "size": f"{len(model.content)} bytes",
        "sha256": model.sha256,
        **({"calibration": calibration} if calibration else {}),
        **_known({k: v for k, v in config.card.items() if k not in (CARD_KEY, CALIBRATION_KEY)}),
    }
    return "\n".join(_outline(lines, ""))


def _front_end(front: FrontEnd) -> str:
    """Return what a front end computes, in words."""
    window, hop = (1000 * samples / SAMPLE_RATE for samples in (front.window, front.hop))
    bands = f"{front.mel_filters} mel filters from {front.low_hz:g} to {front.high_hz:g} Hz"
    if front.kind == MICRO_FRONTEND:
        return f"TFLM's microfrontend: window {window:g} ms, hop {hop:g} ms, {bands}"
    fixed = ", in fixed point" if front.arithmetic == "fixed" else ""
    return f"window {window:g} ms, hop {hop:g} ms, {bands}, {front.coefficients} MFCCs{fixed}"


def _committee(model: ModelFile) -> dict[str, str]:
    """Return a line on the committee of a model, where it has one."""
    config = model.config
    if config.committee is None:
        return {}
    bounds = zip(config.keywords, config.committee.bounds, strict=True)
    woken = ", ".join(f"{name} from {bound:.3f}" for name, bound in bounds)
    phases = ", ".join(map(str, config.committee.phases))
    networks = len(config.committee.phases)
    found = f"{networks} network{'s' if networks > 1 else ''}, phases {phases}; "
    if config.committee.first_stage:
        found += "the first, a first stage, always runs and wakes the others, which decide,"
    else:
        found += "one phase of the first always runs and wakes the others"
    return {"committee": f"{found} where it suspects {woken}"}


def _sensitivities(config: ModelConfig) -> list[str] | str:
    """Return a line for each operating point: what it stands for, and its thresholds."""
    points = operating_points(config)
    return [
        f"{name}: at most {point.false_alarms_per_hour:g} false alarms per hour of each keyword, "
        + ", ".join(f"{t:.3f}" for t in point.thresholds)
        for name, point in points.items()
    ] or "normal; the model stores no other"


def cost_per_second(model: ModelFile) -> int | None:
    """Return the multiply-accumulates per second of streaming; None where a network cannot.

    Those of a committee are what always runs.
    """
    try:
        network = read(model.content, model.name)
    except KwsError:
        return None
    steps = network.stride / model.config.stride if model.config.committee else 1
    return round(cost_per_step(network) / model.config.step_seconds / steps)


def cost_per_step(network: Network) -> int:
    """Return the multiply-accumulates from one step of a stream to the next."""
    total, time_steps = 0, network.stride  # of the layer's input, per step of the network
    for layer in network.layers:
        time_steps //= layer.time_stride
        inputs = {"CONVOLUTION": layer.channels, "DEPTHWISE": 1}.get(layer.kind, 0)
        kernel = layer.time_kernel * layer.frequency_kernel * inputs
        total += time_steps * layer.output_bins * layer.output_channels * kernel
    return total


def _known(values: dict[str, Any]) -> dict[str, Any]:
    """Return a nested mapping without figures that were not measured."""
    nested = {key: _known(v) if isinstance(v, dict) else v for key, v in values.items()}
    return {key: value for key, value in nested.items() if value is not None and value != {}}


def _outline(values: dict[str, Any], indent: str) -> Iterator[str]:
    """Yield the lines of a nested mapping, one value each."""
    width = max((len(str(key)) for key, value in values.items() if _is_leaf(value)), default=0)
    for key, value in values.items():
        if isinstance(value, dict):
            yield f"{indent}{key}:"
            yield from _outline(value, indent + "  ")
        elif isinstance(value, list | tuple):
            yield f"{indent}{key}:"
            for item in value:
                nested = isinstance(item, dict)
                yield from _outline(item, indent + "  ") if nested else [f"{indent}  {item}"]
        else:
            yield f"{indent}{key:{width}}  {value}"


def _is_leaf(value: object) -> bool:
    return not isinstance(value, dict | list | tuple)
