"""Give a model as the values of the C engine's structs, by field name.

The native backend and the exporter fill the structs with them. firmware_export/src/spotter.h and
the headers that it includes state the structs; here is where their values come from, and where in
the working memory of a detector each part lies.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from kws.config import FrontEnd, ModelConfig
from kws.engine.c_headers import structs
from kws.engine.network import Layer, Memory, Network, plan
from kws.errors import KwsError
from kws.gate import GateSettings
from kws.mfcc_tables import FrontEndTables
from kws.posterior import exp_table, quantise_threshold
from kws.sensitivity import NORMAL, SENSITIVITIES, operating_points

Values = dict[str, Any]  # of a struct by field: numbers, arrays, texts, values of other structs

_TYPES = {"float": np.float32, "int8_t": np.int8, "uint8_t": np.uint8, "uint16_t": np.uint16}
_TYPES |= {"int32_t": np.int32, "uint32_t": np.uint32}


@dataclass(frozen=True)
class DetectorMemory:
    """Hold the layout of a detector's working memory, in bytes.

    The front end's working memory lies at 0, as the network's scratch does: they are never in use
    at the same time.
    """

    network: Memory
    frame_at: int
    posterior_at: int
    pending_at: int
    gate_at: int
    scores_at: int
    total: int


def detector_memory(config: ModelConfig, network: Network) -> DetectorMemory:
    """Lay out the parts of a detector in order of alignment: words, half-words, bytes."""
    front_end, smoothing = config.front_end, config.smoothing
    gate, keywords = GateSettings.of(config, network.window_frames), len(config.keywords)
    memory = plan(network, mfcc_work_bytes(front_end), network.phases(config.stride))
    posterior_at = memory.total + 4 * front_end.coefficients
    steps = smoothing.smooth_steps + smoothing.max_steps
    pending_at = posterior_at + 4 * keywords + 2 * keywords * (steps + 2)  # KWS_POSTERIOR_BYTES
    gate_at = pending_at + 2 * front_end.window
    scores_at = gate_at + 2 * front_end.hop * (gate.pre_roll if gate.on else 0)  # KWS_GATE_BYTES
    total = (scores_at + network.classes + 3) & ~3
    return DetectorMemory(memory, memory.total, posterior_at, pending_at, gate_at, scores_at, total)


def mfcc_work_bytes(front_end: FrontEnd) -> int:
    """Return the size of the front end's working memory, KWS_MFCC_WORK_BYTES."""
    return 4 * (front_end.fft + 2 + front_end.mel_filters)


def check(name: str, config: ModelConfig, network: Network) -> None:
    """Refuse a network that cannot run as a stream or does not fit its model's settings.

    Raises:
        KwsError: it cannot, or does not.
    """
    if not network.streams:
        raise KwsError(
            f"{name}: the network does not stream: it pads along time, or its window of"
            f" {network.window_frames} frames is not its receptive field of"
            f" {network.receptive_field}"
        )
    found = (network.frame_values, network.classes)
    expected = (config.front_end.coefficients, len(config.classes))
    if found != expected or not network.phases(config.stride):
        raise KwsError(f"{name}: the network does not fit the model's own settings")


def gate_values(gate: GateSettings) -> Values:
    """Return the values of kws_gate_settings."""
    return _ordered("kws_gate_settings", asdict(gate) | {"on": int(gate.on)})


def front_end_values(tables: FrontEndTables) -> Values:
    """Return the values of kws_mfcc_tables."""
    spec = tables.spec
    first, count, weights = tables.mel
    return _ordered(
        "kws_mfcc_tables",
        {
            "window": spec.window,
            "hop": spec.hop,
            "points": tables.points,
            "last_bin": int((first + count - 1).max()),
            "mel_filters": spec.mel_filters,
            "coefficients": spec.coefficients,
            "log_offset": np.float32(spec.log_offset),
            "hann": tables.window,
            "digit_reversal": np.argsort(tables.order),
            "twiddles": tables.twiddles[:, : tables.points * 3 // 4].T,
            "split_twiddles": tables.split_twiddles.T,
            "mel_first": first,
            "mel_count": count,
            "mel_weights": np.concatenate(
                [weights[:n, filter_] for filter_, n in enumerate(count)]
            ),
            "dct": tables.dct,
            "bias": tables.bias,
        },
    )


def layer_values(layer: Layer, offset: int) -> Values:
    """Return the values of kws_layer; offset: where in memory its input time steps lie, bytes."""
    numbers = {
        name: getattr(layer, name)
        for name, field in structs()["kws_layer"].fields.items()
        if not field.pointer and name not in ("kind", "input_at")
    }
    return _ordered(
        "kws_layer",
        numbers
        | {
            "kind": f"KWS_{layer.kind}",
            "input_at": offset,
            "weights": layer.weights,
            "bias": layer.bias,
            "multiplier": layer.multiplier,
            "shifts": 1 + np.maximum(np.stack([layer.shift, -layer.shift], axis=1), 0),
        },
    )


def network_values(network: Network, memory: Memory) -> Values:
    """Return the values of kws_network; its layers are a list of theirs."""
    return _ordered(
        "kws_network",
        {
            "layers": list(map(layer_values, network.layers, memory.inputs)),
            "layer_count": len(network.layers),
            "frame_values": network.frame_values,
            "window_frames": network.window_frames,
            "classes": network.classes,
            "input_zero_point": network.input_zero_point,
            "input_gain": np.float32(1) / np.float32(network.input_scale),
            "phases": memory.phases,
            "phase_frames": network.stride // memory.phases,
            "scratch_at": memory.scratch_at,
            "phases_at": memory.phases_at,
            "phase_bytes": memory.phase_bytes,
            "memory_bytes": memory.total,
        },
    )


def posterior_values(config: ModelConfig, network: Network) -> Values:
    """Return the values of kws_posterior_settings."""
    front_end, smoothing = config.front_end, config.smoothing
    return _ordered(
        "kws_posterior_settings",
        {
            "keywords": len(config.keywords),
            "smooth_steps": smoothing.smooth_steps,
            "max_steps": smoothing.max_steps,
            "refractory_steps": smoothing.refractory_steps,
            "step_samples": config.stride * front_end.hop,
            "first_samples": (network.window_frames - 1) * front_end.hop + front_end.window,
            "thresholds": np.array([quantise_threshold(t) for t in config.thresholds]),
            "exponentials": exp_table(network.score_scale),
        },
    )


def sensitivity_values(config: ModelConfig) -> npt.NDArray[np.int64]:
    """Return the thresholds of each sensitivity, Q15 [sensitivities, keywords]; 0: there is none.

    Those of "normal" are the thresholds in use.
    """
    points = operating_points(config)
    values = np.zeros((len(SENSITIVITIES), len(config.keywords)), np.int64)
    for row, name in zip(values, SENSITIVITIES, strict=True):
        thresholds = points[name].thresholds if name in points else ()
        for index, threshold in enumerate(config.thresholds if name == NORMAL else thresholds):
            row[index] = quantise_threshold(threshold)
    return values


def model_values(name: str, config: ModelConfig, network: Network) -> Values:
    """Return the values of kws_model.

    Raises:
        KwsError: the network cannot run as a stream, or does not fit the model's settings.
    """
    check(name, config, network)
    memory = detector_memory(config, network)
    return _ordered(
        "kws_model",
        {
            "name": name,
            "keywords": list(config.keywords),
            "gate": gate_values(GateSettings.of(config, network.window_frames)),
            "front_end": front_end_values(FrontEndTables(config.front_end)),
            "network": network_values(network, memory.network),
            "posterior": posterior_values(config, network),
            "sensitivities": sensitivity_values(config),
            "priming_samples": config.priming_samples(network.window_frames),
            "frame_at": memory.frame_at,
            "posterior_at": memory.posterior_at,
            "pending_at": memory.pending_at,
            "gate_at": memory.gate_at,
            "scores_at": memory.scores_at,
            "memory_bytes": memory.total,
        },
    )


def _ordered(struct: str, values: Values) -> Values:
    """Return values in the order of the header's fields, arrays in the types that it declares."""
    fields = structs()[struct].fields
    if set(fields) != set(values):
        raise ValueError(f"{struct}: {set(fields) ^ set(values)} stands on one side alone")
    return {
        name: values[name].astype(_TYPES[field.c_type])
        if isinstance(values[name], np.ndarray)
        else values[name]
        for name, field in fields.items()
    }
