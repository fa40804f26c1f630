"""Give a network as the values of the C engine's structs, by field name."""

from __future__ import annotations

from typing import Any

import numpy as np

from kws.engine.c_headers import structs
from kws.engine.network import Layer, Memory, Network
from kws.posterior import exp_table

Values = dict[str, Any]  # of a struct by field: numbers, arrays, texts, values of other structs

_TYPES = {"float": np.float32, "int8_t": np.int8, "uint8_t": np.uint8, "int16_t": np.int16}
_TYPES |= {"uint16_t": np.uint16, "int32_t": np.int32, "uint32_t": np.uint32}


def layer_values(layer: Layer, offset: int) -> Values:
    """Return the values of kws_layer; offset: where in memory its input time steps lie, bytes."""
    numbers = {
        name: getattr(layer, name)
        for name, field in structs()["kws_layer"].fields.items()
        if not field.pointer and name not in ("kind", "input_at")
    }
    return ordered(
        "kws_layer",
        numbers
        | {
            "kind": f"KWS_{layer.kind}",
            "input_at": offset,
            "weights": layer.weights,
            "bias": layer.bias,
            "multiplier": layer.multiplier,
            "shifts": layer.shift,
        },
    )


def network_values(network: Network, memory: Memory) -> Values:
    """Return the values of kws_network; its layers are a list of theirs."""
    return ordered(
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
            "states_at": memory.states_at,
            "memory_bytes": memory.total,
        },
    )


def exponential_values(score_scale: float) -> Values:
    """Return the exponentials of scores and their count, up to the last that is not 0."""
    table = np.trim_zeros(exp_table(score_scale), "b")
    return {"exponential_count": len(table), "exponentials": table}


def nothing(struct: str) -> Values:
    """Return the values of a struct that a model does not have: 0 and no arrays."""
    fields = structs()[struct].fields
    return {name: [] if field.pointer else 0 for name, field in fields.items()}


def ordered(struct: str, values: Values) -> Values:
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
