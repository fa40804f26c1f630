"""Prove that what the C engine is given stays within its memory and its arrays.

This is the last check before the engine runs a plan or the exporter writes it, and it relies on
none of those before: it reads nothing but the values of the structs, by field name, and knows what
the kernels read and write.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import numpy as np

from kws.engine.c_headers import constants, structs
from kws.engine.front_end_plan_check import (
    check_fixed_front_end,
    check_front_end,
    check_micro_front_end,
)
from kws.engine.network_plan_check import (
    Values,
    check_length,
    check_network,
    require,
    transient_end,
)

MAX_ITEMS = 255  # layers, members

Part = tuple[int, int, int]  # of the memory: offset, bytes, alignment
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


def _numbers(struct: str, values: Values) -> None:
    """Prove that each number fits its field."""
    for name, field in structs()[struct].fields.items():
        value, where = values[name], f"{struct}.{name}"
        if isinstance(value, list) and field.c_type in structs():
            require(len(value) <= MAX_ITEMS, f"{where} has {len(value)} items")
            for each in value:
                _numbers(field.c_type, each)
        elif isinstance(value, dict):
            _numbers(field.c_type, value)
        elif field.c_type in _RANGES and not field.pointer and not isinstance(value, str):
            low, high = _RANGES[field.c_type]
            require(low <= value <= high, f"{where} is {value}")
        elif field.c_type == "float":
            require(np.all(np.isfinite(value)), f"{where} is not finite")


def _model(model: Values) -> None:
    network, posterior, gate = model["network"], model["posterior"], model["gate"]
    check_network(network)
    front_end, work, kept_words = _front_end(model)
    keywords, background = posterior["keywords"], 0 if posterior["sigmoid"] else 1
    require(
        len(model["keywords"]) == keywords == network["classes"] - background,
        "keywords are not classes",
    )
    require(front_end["coefficients"] == network["frame_values"], "frames are not coefficients")
    check_length(posterior, "thresholds", keywords)
    if posterior["sigmoid"]:
        require(not model["committee"]["member_count"], "a committee has no sigmoids")
        require(model["micro_front_end"], "another front end than that of microWakeWord")
    else:
        _exponentials(posterior)
    check_length(model, "sensitivities", constants()["KWS_SENSITIVITIES"] * keywords)
    steps = posterior["smooth_steps"] + posterior["max_steps"] + 3
    require(min(posterior["smooth_steps"], posterior["max_steps"]) >= 1, "no step is smoothed")
    require(
        gate["hop"] == front_end["hop"] and min(gate["pre_roll"], gate["step"]) >= 1, "the gate"
    )
    require(work <= network["phases_at"], "the front end overwrites the network's past")
    kept = gate["hop"] * gate["pre_roll"] if gate["on"] else 0
    parts = (  # offset, bytes, alignment
        *_network_parts(model),
        (model["frame_at"], 4 * front_end["coefficients"], 4),
        (model["posterior_at"], 4 * keywords + 2 * keywords * steps, 4),
        (model["pending_at"], 4 * kept_words + 2 * front_end["window"], 4 if kept_words else 2),
        (model["gate_at"], 2 * kept, 2),
        (model["scores_at"], network["classes"], 1),
        (model["memory_bytes"], 0, 4),
    )
    for (at, size, _), (following, _, alignment) in pairwise(parts):
        require(at + size <= following, "parts of the memory overlap")
        require(following % alignment == 0, "a part of the memory is not aligned")


def _front_end(model: Values) -> tuple[Values, int, int]:
    """Prove that a model has one front end; return it, its working memory, and words it keeps."""
    by_struct = {
        "kws_mfcc_tables": [model["front_end"]],
        "kws_fixed_mfcc_tables": [model["fixed_front_end"]],
        "kws_micro_frontend_tables": model["micro_front_end"],
    }
    found = [(s, each) for s, all_ in by_struct.items() for each in all_ if each["window"] > 0]
    require(len(found) == 1, f"there are {len(found)} front ends")
    ((struct, front_end),) = found
    others = [each for all_ in by_struct.values() for each in all_ if each is not front_end]
    require(
        not any(np.any(v) for each in others for v in each.values()), "there are two front ends"
    )
    _CHECKS[struct](front_end)
    if struct == "kws_micro_frontend_tables":
        return front_end, 4 * front_end["points"], front_end["coefficients"]
    return front_end, 4 * (2 * front_end["points"] + 2 + front_end["mel_filters"]), 0


def _network_parts(model: Values) -> list[Part]:
    """Return the parts of the memory of a network alone or of a committee."""
    committee = model["committee"]
    if committee["member_count"]:
        return _committee_parts(model)
    require(not any(committee.values()), "a committee without members")
    return [(0, model["network"]["memory_bytes"], 4)]


def _committee_parts(model: Values) -> list[Part]:
    """Prove that a committee fits together; return the parts of its memory."""
    committee, keywords = model["committee"], model["posterior"]["keywords"]
    members, stride = committee["members"], committee["stride"]
    first, window = members[0]["network"], committee["window_frames"]
    require(
        2 <= len(members) == committee["member_count"] <= constants()["KWS_MAX_MEMBERS"]
        and committee["keywords"] == keywords
        and min(stride, committee["smooth_steps"]) >= 1,
        "the committee's members, keywords or steps",
    )
    check_length(committee, "bounds", keywords)
    check_length(committee, "least_thresholds", keywords)
    first_stage = committee["first_stage"]
    require(first_stage in (0, 1), f"first_stage is {first_stage}")
    require(
        sum(m["count"] for m in members[first_stage:]) == committee["posteriors"],
        "posteriors are not counted",
    )
    parts = [(0, first["phases_at"], 4)]
    for member in members:
        _member(member, first, window, keywords)
        network = member["network"]
        parts.append((network["phases_at"], network["memory_bytes"] - network["phases_at"], 4))
    require(first["phases_at"] == model["network"]["phases_at"], "the first network is another")
    needed = window + (committee["smooth_steps"] - 1) * stride
    kept = committee["kept_frames"]
    require(needed <= kept < 1 << 15, f"{kept} kept frames are fewer than {needed}")
    parts += [(m["sums_at"], 4 * keywords + 2 * keywords * m["count"], 4) for m in members]
    states = structs()["kws_member_state"].size * len(members)
    return [
        *parts,
        (committee["members_at"], states, 2),
        (committee["averages_at"], 2 * 2 * keywords, 2),
        (committee["kept_at"], kept * first["frame_values"], 1),
        (committee["scores_at"], keywords + 1, 1),
    ]


def _exponentials(values: Values) -> None:
    """Prove that a table is as long as it is read, and that no sum of its entries is 0."""
    check_length(values, "exponentials", values["exponential_count"])
    require(
        values["exponential_count"] >= 1 and values["exponentials"][0] >= 1,
        "the exponential of the highest score is 0",
    )


def _member(member: Values, first: Values, window: int, keywords: int) -> None:
    """Prove that a member fits the first one's network."""
    network = member["network"]
    check_network(network)
    _exponentials(member)
    require(
        network["frame_values"] == first["frame_values"]
        and network["classes"] == keywords + 1
        and 1 <= network["window_frames"] <= window,
        "a member has other frames or classes, or a longer window",
    )
    require(transient_end(network) <= first["phases_at"], "scratch memory overlaps a network")
    require(
        member["every"] in (1, 2) and member["offset"] < member["every"] and member["count"],
        "a member's turns",
    )


_CHECKS: dict[str, Callable[[Values], None]] = {
    "kws_model": _model,
    "kws_network": check_network,
    "kws_mfcc_tables": check_front_end,
    "kws_fixed_mfcc_tables": check_fixed_front_end,
    "kws_micro_frontend_tables": check_micro_front_end,
}
