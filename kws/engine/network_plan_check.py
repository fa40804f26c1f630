"""Prove that the layers of a network stay within their memory and their arrays.

plan_check.py says what it rests on.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import numpy as np

from kws.engine.c_headers import constants, structs
from kws.errors import KwsError

MAX_MEMORY_BYTES = 1 << 26
MAX_LAYER_WEIGHTS = 1 << 25  # with the zeros that the kernels read
OF_TWO = ("KWS_ADD", "KWS_RECALL", "KWS_MULTIPLY", "KWS_JOIN")  # kinds that take two inputs
WITH_CONSTANTS = ("KWS_ADD", "KWS_MULTIPLY")  # those of them that the second may be a constant of

Values = Mapping[str, Any]


def require(holds: object, what: str) -> None:
    """Raise KwsError with what is wrong unless what it is about holds."""
    if not holds:
        raise KwsError(f"the plan for the C engine is wrong: {what}")


def check_length(values: Values, field: str, length: int) -> None:
    """Prove that an array has so many values."""
    found = np.size(values[field])
    require(found == length, f"{found} values of {field} are not {length}")


def _layer(layer: Values) -> None:
    """Prove that a layer reads within its input and its arrays."""
    require(
        min(layer[n] for n in ("time_kernel", "time_stride", "bins", "channels")) >= 1
        and min(layer[n] for n in ("frequency_kernel", "frequency_stride", "output_bins")) >= 1
        and layer["time_padding_before"] < layer["time_kernel"],
        "a kernel, stride or size is 0, or a padding as long as its kernel",
    )
    reach = (layer["output_bins"] - 1) * layer["frequency_stride"] + layer["frequency_kernel"]
    outputs, channels, kind = layer["output_channels"], layer["channels"], layer["kind"]
    fits = reach <= layer["bins"] or kind in ("KWS_RECALL", "KWS_MULTIPLY")
    require(fits, "a kernel reaches beyond its bins")
    taps = layer["time_kernel"] * layer["frequency_kernel"]
    if kind == "KWS_CONVOLUTION":
        require(outputs * _padded_depth(layer) <= MAX_LAYER_WEIGHTS, "a layer is too large")
        check_length(layer, "weights", outputs * _padded_depth(layer))
    elif kind == "KWS_DEPTHWISE":
        check_length(layer, "weights", -(-channels // 4) * 4 * taps)
    elif kind == "KWS_TABLE":
        check_length(layer, "weights", 256)
    for length in _requantised(layer):
        check_length(layer, "multiplier", length)
        check_length(layer, "shifts", length)
        shifts = layer["shifts"]
        require(np.all((shifts >= -30) & (shifts <= 30)), "a shift is not -30 to 30")
        if kind not in OF_TWO:
            check_length(layer, "bias", length)
    if kind in OF_TWO:
        check_length(layer, "bias", 4 if kind in WITH_CONSTANTS else 2)
    if kind not in ("KWS_CONVOLUTION", "KWS_RECALL", "KWS_JOIN"):
        require(outputs == channels, f"{outputs} output channels are not {channels}")
    if kind == "KWS_SOFTMAX":
        check_length(layer, "bias", 256)
        require(layer["bins"] == layer["output_bins"] == taps == 1, "a softmax is not one vector")
    if kind in ("KWS_TABLE", "KWS_KEEP", *OF_TWO):
        one = layer["frequency_kernel"] == layer["time_stride"] == 1
        newest = layer["time_padding_before"] == layer["time_kernel"] - 1
        same = layer["bins"] == layer["output_bins"] or kind in ("KWS_RECALL", "KWS_MULTIPLY")
        require(one and newest and same, "a layer is not one output for each input value")


def _requantised(layer: Values) -> list[int]:
    """Return how many multipliers and shifts a layer has, nothing where it has none."""
    lengths: dict[str, Any] = {"KWS_MEAN": 1, "KWS_ADD": 3, "KWS_MULTIPLY": 1}
    lengths |= dict.fromkeys(("KWS_CONVOLUTION", "KWS_DEPTHWISE"), layer["output_channels"])
    return [lengths[kind] for kind in (layer["kind"],) if kind in lengths]


def _second_inputs(network: Values) -> None:
    """Prove that what a layer takes besides its input is a constant, or kept in a ring like its."""
    layers = network["layers"]
    for index, layer in enumerate(layers):
        if layer["kind"] not in OF_TWO:
            continue
        back = int(layer["bias"][1])
        require(0 <= back <= index, "a layer takes what no layer before it keeps")
        kept = layers[index - back]
        if back == 0:
            constant = layer["kind"] in WITH_CONSTANTS
            require(constant, "a layer takes what no layer before it keeps")
            check_length(layer, "weights", layer["bins"] * layer["channels"])
        else:
            require(
                kept["kind"] == "KWS_KEEP"
                and kept["input_at"] >= network["phases_at"]
                and kept["time_kernel"] == layer["time_kernel"],
                "a layer takes what no layer before it keeps",
            )
        _second_input(layer, kept)


def _second_input(layer: Values, kept: Values) -> None:
    """Prove that a layer reads within the time step that another one keeps, or itself."""
    kind, size = layer["kind"], kept["bins"] * kept["channels"]
    bins, channels = layer["bins"], layer["channels"]
    if kind in WITH_CONSTANTS:
        bin_step, channel_step = (int(step) for step in layer["bias"][2:])
        furthest = (bins - 1) * bin_step + (channels - 1) * channel_step
        taken = min(bin_step, channel_step) >= 0 and furthest < size
        time_steps, rest = divmod(layer["output_bins"], bins)
        taken = taken and rest == 0 and time_steps <= layer["time_kernel"]
        added = kind == "KWS_ADD"
        bounded = not added or np.all(layer["shifts"] <= (0, 0, 30))
        require(bounded, "a layer adds numbers that overflow")
    elif kind == "KWS_JOIN":
        taken = size == bins * (layer["output_channels"] - channels)
    else:
        taken = size == layer["output_bins"] * layer["output_channels"]
    require(taken, "a layer takes what no layer before it keeps")
    require(-128 <= layer["bias"][0] <= 127, "a zero point is not in int8")


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


def check_network(network: Values) -> None:
    """Prove that the layers of a network read and write within their memory and arrays."""
    layers = network["layers"]
    require(
        len(layers) == network["layer_count"]
        and 1 <= len(layers) <= constants()["KWS_MAX_LAYERS"]
        and 1 <= network["phases"] <= constants()["KWS_MAX_PHASES"],
        "too many layers or phases",
    )
    written = network["frame_values"]
    for layer in layers:
        _layer(layer)
        padding = layer["frequency_padding"] * layer["channels"]
        require(written + padding <= layer["bins"] * layer["channels"], "an input is too long")
        written = layer["output_bins"] * layer["output_channels"]
        phase = (network["phases"] - 1) * network["phase_frames"] if layer is layers[0] else 0
        wait = layer["time_kernel"] - layer["time_padding_before"] + phase
        require(1 <= wait <= 255, f"a layer waits for {wait} inputs")
    require(written == network["classes"], f"{written} outputs are not the classes")
    _second_inputs(network)
    _rings(network)


def transient_end(network: Values) -> int:
    """Return where the memory ends that outlives no step, which networks share."""
    layers, phases_at = network["layers"], network["phases_at"]
    scratch = network["scratch_at"] + max(map(_scratch_bytes, layers))
    shared = [layer for layer in layers if layer["input_at"] < phases_at]
    ends = [each["input_at"] + each["bins"] * each["channels"] for each in shared]
    return int(max(scratch, *ends) if ends else scratch)


def _rings(network: Values) -> None:
    """Prove that scratch memory and input time steps lie within the memory, and apart."""
    phases_at = network["phases_at"]
    free = network["scratch_at"] + max(map(_scratch_bytes, network["layers"]))
    areas = []
    for layer in network["layers"]:
        at, size = layer["input_at"], layer["bins"] * layer["channels"]
        areas.append((at, at + layer["time_kernel"] * size, at < phases_at))
    ends = (phases_at + network["phase_bytes"], phases_at)
    require(free <= phases_at, "scratch memory overlaps the phases")
    require(network["scratch_at"] % 4 == phases_at % 4 == 0, "memory is not aligned")
    require(
        all(free <= start and end <= ends[shared] for start, end, shared in areas),
        "input time steps lie outside their memory",
    )
    require(
        all(not one[2] or not two[2] or _apart(one, two) for one, two in pairwise(areas)),
        "input and output of a layer overlap",
    )
    kept = sorted(area for area in areas if not area[2])
    require(all(_apart(one, two) for one, two in pairwise(kept)), "input time steps overlap")
    shared = [layer for layer, area in zip(network["layers"], areas, strict=True) if area[2]]
    require(all(layer["time_kernel"] == 1 for layer in shared), "shared memory keeps time steps")
    require(network["phases"] == 1 or not areas[0][2], "phases overwrite the frame")
    require(network["memory_bytes"] <= MAX_MEMORY_BYTES, "there is too much memory")
    end, states_at = phases_at + network["phases"] * network["phase_bytes"], network["states_at"]
    states = structs()["kws_layer_state"].size * network["phases"] * len(network["layers"])
    require(
        end <= states_at and states_at + states <= network["memory_bytes"],
        "the phases or their states lie outside the memory",
    )


def _apart(one: tuple[int, int, bool], two: tuple[int, int, bool]) -> bool:
    return one[1] <= two[0] or two[1] <= one[0]
