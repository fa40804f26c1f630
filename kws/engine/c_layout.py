"""What the C engine is given, for the exporter and the native path alike: tables, numbers, and
where in a detector's working memory each part lies. firmware_export/src/spotter.h is the twin.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from kws.config import FrontEnd, ModelConfig, Smoothing
from kws.engine.network import Layer, Memory, Network, plan
from kws.errors import KwsError
from kws.gate import GateSettings
from kws.mfcc_tables import FrontEndTables
from kws.posterior import exp_table, quantise_threshold

Table = tuple[str, str, npt.NDArray[Any]]  # C type, name, values

LAYER_NUMBERS = (
    "time_kernel",
    "time_stride",
    "time_before",
    "time_after",
    "kernel",
    "stride",
    "cells_before",
    "cells",
    "channels",
    "output_cells",
    "output_channels",
    "zero",
    "output_zero",
    "least",
    "greatest",
)


@dataclass(frozen=True)
class DetectorMemory:
    """Byte offsets of a detector's parts; the front end's work lies at 0, where the network's
    does: never both are in use."""

    network: Memory
    row_at: int
    posterior_at: int
    pending_at: int
    gate_at: int
    scores_at: int
    total: int


def detector_memory(
    front_end: FrontEnd,
    network: Network | None,
    keywords: int,
    smoothing: Smoothing,
    gate: GateSettings | None,
    phases: int = 1,
) -> DetectorMemory:
    """Lay out the parts in order of alignment: words, half-words, bytes."""
    work = 4 * (front_end.fft + 2 + front_end.mel_filters)  # KWS_MFCC_WORK_BYTES
    memory = plan(network, work, phases) if network else Memory((), 0, work, 0, 1, work)
    posterior_at = memory.total + 4 * front_end.coefficients
    steps = smoothing.smooth_steps + smoothing.max_steps
    pending_at = posterior_at + 4 * keywords + 2 * keywords * (steps + 2)  # KWS_POSTERIOR_BYTES
    gate_at = pending_at + 2 * front_end.window
    pre_roll = gate.pre_roll if gate and gate.on else 0
    scores_at = gate_at + 2 * front_end.hop * pre_roll  # KWS_GATE_BYTES
    total = (scores_at + (network.classes if network else 0) + 3) & ~3
    return DetectorMemory(memory, memory.total, posterior_at, pending_at, gate_at, scores_at, total)


def check(name: str, config: ModelConfig, network: Network) -> None:
    """KwsError where a network cannot run as a stream or does not fit its model's settings."""
    if not network.streams:
        raise KwsError(
            f"{name}: the network does not stream: it pads along time, or its window of"
            f" {network.window_frames} rows is not the {network.receptive_field} that a step sees"
        )
    found = (network.row_values, network.classes)
    wanted = (config.front_end.coefficients, len(config.classes))
    if found != wanted or not network.phases(config.stride):
        raise KwsError(f"{name}: the network does not fit the model's own settings")


def gate_numbers(gate: GateSettings) -> dict[str, int]:
    """Scalars of kws_gate_settings, in its order."""
    return asdict(gate) | {"on": int(gate.on)}


def front_end_numbers(tables: FrontEndTables) -> dict[str, int | np.float32]:
    """Scalars of kws_mfcc_tables, in its order."""
    spec = tables.spec
    first, count, _ = tables.mel
    return {
        "window": spec.window,
        "hop": spec.hop,
        "points": tables.points,
        "last_bin": int((first + count - 1).max()),
        "mel_filters": spec.mel_filters,
        "coefficients": spec.coefficients,
        "log_offset": np.float32(spec.log_offset),
    }


def front_end_tables(tables: FrontEndTables) -> list[Table]:
    """Arrays of kws_mfcc_tables, in its order."""
    first, count, weights = tables.mel
    ragged = np.concatenate([weights[:n, filter_] for filter_, n in enumerate(count)])
    return [
        ("float", "hann", tables.window),
        ("uint16_t", "places", np.argsort(tables.order)),
        ("float", "twiddles", tables.twiddles[:, : tables.points * 3 // 4].T),
        ("float", "split_twiddles", tables.split_twiddles.T),
        ("uint16_t", "mel_first", first),
        ("uint16_t", "mel_count", count),
        ("float", "mel_weights", ragged),
        ("float", "dct", tables.dct),
        ("float", "bias", tables.bias),
    ]


def layer_tables(layer: Layer, weights: npt.NDArray[np.int8]) -> list[Table]:
    """Arrays of kws_layer, in its order."""
    return [
        ("int8_t", "weights", weights),
        ("int32_t", "bias", layer.bias),
        ("int32_t", "multiplier", layer.multiplier),
        ("uint8_t", "shifts", 1 + np.maximum(np.stack([layer.shift, -layer.shift], axis=1), 0)),
    ]


def network_numbers(network: Network, memory: Memory) -> dict[str, int | np.float32]:
    """Scalars of kws_network, in its order."""
    return {
        "layer_count": len(network.layers),
        "row_values": network.row_values,
        "window_frames": network.window_frames,
        "classes": network.classes,
        "row_zero": network.row_zero,
        "row_gain": np.float32(1) / np.float32(network.row_scale),
        "phases": memory.phases,
        "phase_frames": network.stride // memory.phases,
        "scratch": memory.scratch,
        "rings": memory.rings,
        "phase_bytes": memory.phase_bytes,
        "memory_bytes": memory.total,
    }


def posterior_numbers(config: ModelConfig, network: Network) -> dict[str, int]:
    """Scalars of kws_posterior_settings, in its order."""
    front_end, smoothing = config.front_end, config.smoothing
    return {
        "keywords": len(config.keywords),
        "smooth_steps": smoothing.smooth_steps,
        "max_steps": smoothing.max_steps,
        "refractory_steps": smoothing.refractory_steps,
        "step_samples": config.stride * front_end.hop,
        "first_samples": (network.window_frames - 1) * front_end.hop + front_end.window,
    }


def posterior_tables(config: ModelConfig, network: Network) -> list[Table]:
    """Arrays of kws_posterior_settings, in its order."""
    return [
        ("uint16_t", "levels", np.array([quantise_threshold(t) for t in config.thresholds])),
        ("uint32_t", "exponentials", exp_table(network.score_scale)),
    ]
