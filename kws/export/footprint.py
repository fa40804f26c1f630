"""Compute the flash and the RAM that an exported detector takes, by part."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from kws.atomic_write import encoded
from kws.committee import members_of
from kws.config import ModelConfig
from kws.engine.c_headers import POINTER_BYTES, structs
from kws.engine.c_layout import detector_memory, model_values
from kws.engine.network import Network
from kws.engine.network_values import Values
from kws.export.c_kinds import exported_layer
from kws.export.c_source import FRONT_ENDS, MICRO_TABLES
from kws.model_file import ModelFile

Sizes = dict[str, int]  # bytes by part
CODE = {  # the engine's source files by part
    "code of the gate": ("gate",),
    "code of the front end": (
        *("mfcc", "fft", "micro_fft", "micro_frontend"),
        *("fixed_window", "fixed_fft", "fixed_mel", "fixed_m4", "fixed_mve", "fixed_mfcc"),
    ),
    "code of the network": (
        "ds_cnn",
        "kernels",
        "kernels_dsp",
        "kernels_m4",
        "kernels_mve",
        "pooling",
        "elementwise",
    ),
    "code of the posterior stage": ("posterior",),
    "code of the committee": ("committee",),
    "code of ring buffer and spotter": ("ring_buffer", "spotter"),
    "compiler's library": ("library",),
}
SAMPLE_BYTES = 2


def flash(
    code: Mapping[str, int], model: ModelFile, network: Network, others: Sequence[Network] = ()
) -> Sizes:
    """Return the bytes of flash by part; code: bytes of the engine's code by source file.

    others: the networks of a committee after the first, whose weights are counted by themselves.
    """
    parts = {part: sum(code.get(file, 0) for file in files) for part, files in CODE.items()}
    values = model_values(model.name, model.config, network, others)
    micro_bytes = structs()[MICRO_TABLES].size
    layers: list[Values] = []
    further: list[Values] = []
    found = _networks(model.config, values, (network, *others))
    for number, each in enumerate((network, *others)):
        exported = map(exported_layer, each.layers, found[number]["layers"])
        (further if number else layers).extend(exported)
    weights = sum(layer["weights"].nbytes for layer in layers)
    committee = values["committee"]
    members, structs_of = committee["members"], structs()
    count = sum(len(member["network"]["layers"]) for member in members) or len(layers)
    names = (model.name, *model.config.keywords)
    return parts | {
        "network's weights": weights,
        "network's biases and scales": sum(map(_array_bytes, layers)) - weights,
        "front end's tables": sum(_array_bytes(values[name]) for name in FRONT_ENDS)
        + sum(_array_bytes(each) + micro_bytes for each in values["micro_front_end"]),
        "posterior's tables": _array_bytes(values["posterior"]),
        "further networks": sum(map(_array_bytes, further)),
        "committee's tables": _array_bytes(committee)
        + sum(_array_bytes(member) + structs_of["kws_member"].size for member in members),
        "network's layers": structs_of["kws_layer"].size * count,
        "settings and names": structs_of["kws_model"].size
        + POINTER_BYTES * len(model.config.keywords)
        + sum(len(encoded(name)) + 1 for name in names),
    }


def ram(
    sketch: Mapping[str, int], config: ModelConfig, network: Network, others: Sequence[Network] = ()
) -> Sizes:
    """Return the bytes of static RAM by part.

    Args:
        sketch: Samples of the sketch's buffers by name.
        config: The model's settings.
        network: The model's network.
        others: Those of a committee after the first.
    """
    memory, committee = detector_memory(config, network, others), {}
    shared, frame = memory.network.phases_at, memory.posterior_at - memory.frame_at
    past = memory.network.total
    if memory.committee:
        of = memory.committee
        committee = {
            "further members' past time steps": of.networks[-1].total - past,
            "members' averages": of.kept_at - of.networks[-1].total,
            "kept frames": of.total - of.kept_at,
        }
    return {
        "scratch memory of front end and network": shared,
        "network's past time steps": past - shared,
        **committee,
        "feature frame and scores": frame + memory.total - memory.scores_at,
        "posterior's averages": memory.pending_at - memory.posterior_at,
        "front end's pending samples": memory.gate_at - memory.pending_at,
        "gate's pre-roll": memory.scores_at - memory.gate_at,
        "state of the stages": structs()["kws_spotter"].size,
    } | {f"sketch's {name}": SAMPLE_BYTES * samples for name, samples in sketch.items()}


def _networks(
    config: ModelConfig, values: Values, networks: Sequence[Network]
) -> dict[int, Values]:
    """Return the values of each network by its number: those of its first member."""
    if config.committee is None:
        return {0: values["network"]}
    members = members_of(config, [network.stride for network in networks])
    pairs = zip(members, values["committee"]["members"], strict=True)
    return {member.network: fields["network"] for member, fields in pairs}


def _array_bytes(values: Values) -> int:
    """Return the size of all arrays of a struct."""
    return sum(value.nbytes for value in values.values() if isinstance(value, np.ndarray))
