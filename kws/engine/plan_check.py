"""Prove that what the C engine is given stays within its memory and its arrays.

This is the last check before the engine runs a plan or the exporter writes it, and it relies on
none of those before: it reads nothing but the values of the structs, by field name, and knows what
the kernels read and write.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import Any

import numpy as np

from kws.engine.c_headers import constants, structs
from kws.errors import KwsError

MAX_MEMORY_BYTES = 1 << 26

Values = Mapping[str, Any]
_RANGES = {
    f"{sign}int{bits}_t": (0, 2**bits - 1) if sign else (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
    for sign in ("", "u")
    for bits in (8, 16, 32)
}


def check_plan(struct: str, values: Values) -> None:
    """Refuse the values of a kws_model, kws_network or kws_mfcc_tables that do not fit together.

    Raises:
        KwsError: an offset, a size, a number or an array is not what the engine takes it for.
    """
    _numbers(struct, values)
    _CHECKS[struct](values)


def _require(holds: object, what: str) -> None:
    if not holds:
        raise KwsError(f"the plan for the C engine is wrong: {what}")


def _numbers(struct: str, values: Values) -> None:
    """Prove that each number fits its field."""
    for name, field in structs()[struct].fields.items():
        value, where = values[name], f"{struct}.{name}"
        if isinstance(value, list) and field.c_type in structs():
            for each in value:
                _numbers(field.c_type, each)
        elif isinstance(value, dict):
            _numbers(field.c_type, value)
        elif field.c_type in _RANGES and not field.pointer and not isinstance(value, str):
            low, high = _RANGES[field.c_type]
            _require(low <= value <= high, f"{where} is {value}")
        elif field.c_type == "float":
            _require(np.all(np.isfinite(value)), f"{where} is not finite")


def _length(values: Values, field: str, length: int) -> None:
    found = np.size(values[field])
    _require(found == length, f"{found} values of {field} are not {length}")


def _layer(layer: Values) -> None:
    """Prove that a layer reads within its input and its arrays."""
    _require(
        min(layer[n] for n in ("time_kernel", "time_stride", "bins", "channels")) >= 1
        and min(layer[n] for n in ("frequency_kernel", "frequency_stride", "output_bins")) >= 1
        and layer["time_padding_before"] < layer["time_kernel"],
        "a kernel, stride or size is 0, or a padding as long as its kernel",
    )
    reach = (layer["output_bins"] - 1) * layer["frequency_stride"] + layer["frequency_kernel"]
    _require(reach <= layer["bins"], "a kernel reaches beyond its bins")
    outputs, channels, kind = layer["output_channels"], layer["channels"], layer["kind"]
    taps = layer["time_kernel"] * layer["frequency_kernel"]
    if kind == "KWS_CONVOLUTION":
        _length(layer, "weights", outputs * _padded_depth(layer))
    elif kind == "KWS_DEPTHWISE":
        _length(layer, "weights", -(-channels // 4) * 4 * taps)
    if kind in ("KWS_CONVOLUTION", "KWS_DEPTHWISE"):
        _length(layer, "bias", outputs)
        _length(layer, "multiplier", outputs)
        _length(layer, "shifts", 2 * outputs)
        _require(np.all((layer["shifts"] >= 1) & (layer["shifts"] <= 31)), "a shift is not 1 to 31")
    if kind != "KWS_CONVOLUTION":
        _require(outputs == channels, f"{outputs} output channels are not {channels}")
    if kind == "KWS_SOFTMAX":
        _length(layer, "bias", 256)
        _require(layer["bins"] == layer["output_bins"] == taps == 1, "a softmax is not one vector")


def _padded_depth(layer: Values) -> int:
    depth = layer["time_kernel"] * layer["frequency_kernel"] * layer["channels"]
    return int(-(-depth // 8) * 8)


def _scratch_bytes(layer: Values) -> int:
    """Return the scratch memory that the kernel of a layer uses."""
    if layer["kind"] == "KWS_CONVOLUTION":
        bins = min(layer["output_bins"], constants()["KWS_BINS_AT_ONCE"])
        return 2 * _padded_depth(layer) * int(bins)
    taps = layer["time_kernel"] * layer["frequency_kernel"]
    return 12 * int(taps) + 80 if layer["kind"] == "KWS_DEPTHWISE" else 0


def _network(network: Values) -> None:
    layers = network["layers"]
    _require(
        len(layers) == network["layer_count"]
        and 1 <= len(layers) <= constants()["KWS_MAX_LAYERS"]
        and 1 <= network["phases"] <= constants()["KWS_MAX_PHASES"],
        "too many layers or phases",
    )
    written = network["frame_values"]
    for layer in layers:
        _layer(layer)
        padding = layer["frequency_padding"] * layer["channels"]
        _require(written + padding <= layer["bins"] * layer["channels"], "an input is too long")
        written = layer["output_bins"] * layer["output_channels"]
        phase = (network["phases"] - 1) * network["phase_frames"] if layer is layers[0] else 0
        wait = layer["time_kernel"] - layer["time_padding_before"] + phase
        _require(1 <= wait <= 255, f"a layer waits for {wait} inputs")
    _require(written == network["classes"], f"{written} outputs are not the classes")
    _rings(network)


def _rings(network: Values) -> None:
    """Prove that scratch memory and input time steps lie within the memory, and apart."""
    phases_at = network["phases_at"]
    free = network["scratch_at"] + max(map(_scratch_bytes, network["layers"]))
    areas = []
    for layer in network["layers"]:
        at, size = layer["input_at"], layer["bins"] * layer["channels"]
        areas.append((at, at + layer["time_kernel"] * size, at < phases_at))
    ends = (phases_at + network["phase_bytes"], phases_at)
    _require(free <= phases_at, "scratch memory overlaps the phases")
    _require(network["scratch_at"] % 4 == phases_at % 4 == 0, "memory is not aligned")
    _require(
        all(free <= start and end <= ends[shared] for start, end, shared in areas),
        "input time steps lie outside their memory",
    )
    _require(
        all(not one[2] or not two[2] or _apart(one, two) for one, two in pairwise(areas)),
        "input and output of a layer overlap",
    )
    kept = sorted(area for area in areas if not area[2])
    _require(all(_apart(one, two) for one, two in pairwise(kept)), "input time steps overlap")
    shared = [layer for layer, area in zip(network["layers"], areas, strict=True) if area[2]]
    _require(all(layer["time_kernel"] == 1 for layer in shared), "shared memory keeps time steps")
    _require(network["phases"] == 1 or not areas[0][2], "phases overwrite the frame")
    _require(network["memory_bytes"] <= MAX_MEMORY_BYTES, "there is too much memory")
    end = phases_at + network["phases"] * network["phase_bytes"]
    _require(end <= network["memory_bytes"], "the phases lie outside the memory")


def _apart(one: tuple[int, int, bool], two: tuple[int, int, bool]) -> bool:
    return one[1] <= two[0] or two[1] <= one[0]


def _front_end(tables: Values) -> None:
    points, filters = tables["points"], tables["mel_filters"]
    _require(1 <= tables["hop"] <= tables["window"] <= 2 * points, "hop, window and FFT do not fit")
    _length(tables, "hann", tables["window"])
    _length(tables, "digit_reversal", points)
    _require(np.all(tables["digit_reversal"] < points), "an FFT index is too large")
    _length(tables, "twiddles", points * 3 // 4 * 2)
    _length(tables, "split_twiddles", points // 2 * 2)
    first, count = tables["mel_first"].astype(int), tables["mel_count"].astype(int)
    _length(tables, "mel_first", filters)
    _length(tables, "mel_count", filters)
    _length(tables, "mel_weights", int(count.sum()))
    _require((first + count).max() <= tables["last_bin"] + 1, "a mel filter reads too far")
    _require(tables["last_bin"] <= points, "the last bin is beyond the FFT")
    _length(tables, "dct", tables["coefficients"] * (filters // 2))
    _length(tables, "bias", tables["coefficients"])


def _model(model: Values) -> None:
    network, front_end = model["network"], model["front_end"]
    posterior, gate = model["posterior"], model["gate"]
    _network(network)
    _front_end(front_end)
    keywords = posterior["keywords"]
    _require(
        len(model["keywords"]) == keywords == network["classes"] - 1, "keywords are not classes"
    )
    _require(front_end["coefficients"] == network["frame_values"], "frames are not coefficients")
    _length(posterior, "thresholds", keywords)
    _length(posterior, "exponentials", 256)
    _length(model, "sensitivities", constants()["KWS_SENSITIVITIES"] * keywords)
    steps = posterior["smooth_steps"] + posterior["max_steps"] + 2
    _require(min(posterior["smooth_steps"], posterior["max_steps"]) >= 1, "no step is smoothed")
    _require(
        gate["hop"] == front_end["hop"] and min(gate["pre_roll"], gate["step"]) >= 1, "the gate"
    )
    front_end_work = 4 * (2 * front_end["points"] + 2 + front_end["mel_filters"])
    _require(front_end_work <= network["phases_at"], "the front end overwrites the network's past")
    kept = gate["hop"] * gate["pre_roll"] if gate["on"] else 0
    parts = (  # offset, bytes, alignment
        (0, network["memory_bytes"], 4),
        (model["frame_at"], 4 * front_end["coefficients"], 4),
        (model["posterior_at"], 4 * keywords + 2 * keywords * steps, 4),
        (model["pending_at"], 2 * front_end["window"], 2),
        (model["gate_at"], 2 * kept, 2),
        (model["scores_at"], network["classes"], 1),
        (model["memory_bytes"], 0, 4),
    )
    for (at, size, _), (following, _, alignment) in pairwise(parts):
        _require(at + size <= following, "parts of the memory overlap")
        _require(following % alignment == 0, "a part of the memory is not aligned")


_CHECKS: dict[str, Callable[[Values], None]] = {
    "kws_model": _model,
    "kws_network": _network,
    "kws_mfcc_tables": _front_end,
}
