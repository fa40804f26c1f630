"""Write a model as C: the structures of spotter.h and ds_cnn.h, filled in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from textwrap import fill
from typing import Any

import numpy as np
import numpy.typing as npt

from kws import __version__
from kws.atomic_write import encoded
from kws.committee import members_of
from kws.config import ModelConfig
from kws.engine.c_headers import structs
from kws.engine.c_layout import model_values
from kws.engine.network import Network, plan
from kws.engine.network_values import Values, network_values
from kws.engine.plan_check import check_plan
from kws.export.c_kinds import exported_layer, kinds_check
from kws.export.cost import ring_samples
from kws.model_file import ModelFile

INCLUDES = '#include "{name}.h"\n\n#include <stddef.h>\n\n'
# Fields of kws_model and their structs.
FRONT_ENDS = {"front_end": "kws_mfcc_tables", "fixed_front_end": "kws_fixed_mfcc_tables"}
MICRO_TABLES = "kws_micro_frontend_tables"
FRONT_END_MACROS = {"fixed": "FIXED_FRONT_END", "micro": "MICRO_FRONT_END"}  # in headers
NAME = "kws_model"  # of a model's files, data and macros
TEXT_WIDTH = 100


def header(name: str, digest: str) -> str:
    """Return the first lines of a generated file: what it was written from."""
    return (
        f"/* Written by kws {__version__} (kws export) from {comment(name)}; do not edit.\n"
        f" * sha256 {digest} */\n"
    )


def network_source(network: Network) -> tuple[str, str]:
    """Return the header and the source of a network alone."""
    memory = plan(network)
    sizes = _header(
        '#include "ds_cnn.h"',
        {
            "KWS_MODEL_MEMORY_BYTES": memory.total,
            "KWS_MODEL_WINDOW_FRAMES": network.window_frames,
            "KWS_MODEL_FRAME_VALUES": network.frame_values,
            "KWS_MODEL_CLASSES": network.classes,
        },
        "extern const kws_network kws_model_network;",
        NAME,
    )
    values = network_values(network, memory)
    check_plan("kws_network", values)
    layers, values = _layers(network, values)
    source = f"const kws_network kws_model_network = {struct(values, 1)};\n"
    needed = kinds_check([network], [], committee=False)
    return sizes, INCLUDES.format(name=NAME) + needed + layers + source


def detector_source(
    model: ModelFile, network: Network, others: Sequence[Network] = (), name: str = NAME
) -> tuple[str, str]:
    """Return the header and the source of a whole detector; others: further ones of a committee.

    name: of the header, the data and the macros (in capitals), a C identifier.

    Raises:
        KwsError: If the network does not fit the model's settings.
    """
    values = model_values(model.name, model.config, network, others)
    check_plan("kws_model", values)
    names = ", ".join(map(string, model.config.keywords))
    # A bit for each that the model stores; bit 1 is KWS_NORMAL.
    stored = sum(1 << i for i, row in enumerate(values["sensitivities"]) if row[0])
    members = len(values["committee"]["members"])
    front_end, committee = model.config.front_end.implementation, model.config.committee is not None
    sizes = _header(
        '#include "spotter.h"',
        ({f"{name.upper()}_MEMBERS": members} if members else {})
        | ({f"{name.upper()}_{FRONT_END_MACROS[front_end]}": 1} if front_end != "float" else {})
        | {
            f"{name.upper()}_MEMORY_BYTES": values["memory_bytes"],
            f"{name.upper()}_HOP": model.config.front_end.hop,
            f"{name.upper()}_KEYWORDS": len(model.config.keywords),
            f"{name.upper()}_KEYWORD_NAMES": names,
            f"{name.upper()}_SENSITIVITIES": stored,
            f"{name.upper()}_RING_SAMPLES": ring_samples([((network, *others), model.config)]),
        },
        f"extern const kws_model {name}_data;",
        name,
    )
    needed = kinds_check((network, *others), [front_end], committee)
    definitions = _definitions(model, (network, *others), values, (name, names))
    return sizes, INCLUDES.format(name=name) + needed + definitions


def _definitions(
    model: ModelFile, networks: tuple[Network, ...], values: Values, names: tuple[str, str]
) -> str:
    """Return the source of a detector; names: of the data, and of the keywords as C."""
    tables, front_ends = "", {}
    for field, name in FRONT_ENDS.items():
        arrays, named = _arrays(name, values[field])
        tables += arrays
        front_ends[field] = struct(named, 2)
    for each in values["micro_front_end"]:
        arrays, named = _arrays(MICRO_TABLES, each)
        tables += f"{arrays}static const {MICRO_TABLES} micro_front_end = {struct(named, 1)};\n\n"
    settings, posterior = _arrays("kws_posterior_settings", values["posterior"])
    if model.config.committee is None:
        layers, network_fields = _layers(networks[0], values["network"])
        _, committee = _arrays("kws_committee_settings", values["committee"])
    else:
        layers, network_fields, committee = _committee(model.config, networks, values["committee"])
    fields = values | {
        "name": string(model.name),
        "keywords": "keywords",
        "gate": struct(values["gate"], 2),
        **front_ends,
        "micro_front_end": "&micro_front_end" if values["micro_front_end"] else "NULL",
        "network": struct(network_fields, 2),
        "committee": struct(committee, 2),
        "posterior": struct(posterior, 2),
        "sensitivities": "sensitivities",
    }
    return "".join(
        (
            f"static const char *const keywords[] = {{{names[1]}}};\n\n",
            array("uint16_t", "sensitivities", values["sensitivities"]),
            tables,
            settings,
            layers,
            f"const kws_model {names[0]}_data = {struct(fields, 1)};\n",
        )
    )


def _header(include: str, sizes: Mapping[str, object], declaration: str, name: str) -> str:
    """Return the text of a model's header."""
    guard = f"{name.upper()}_DATA_H"  # KWS_GATE_H is the engine's
    defines = "".join(f"#define {name} {value}\n" for name, value in sizes.items())
    return (
        f"#ifndef {guard}\n#define {guard}\n\n"
        '#ifdef __cplusplus\nextern "C" {\n#endif\n\n'
        f"{include}\n\n{defines}\n{declaration}\n\n"
        "#ifdef __cplusplus\n}\n#endif\n\n#endif\n"
    )


def _arrays(name: str, values: Values, suffix: str = "") -> tuple[str, Values]:
    """Return the arrays of a struct as C, and its values with the names of these arrays."""
    text, named = "", dict(values)
    for field, value in values.items():
        if isinstance(value, np.ndarray):
            named[field] = f"{field}{suffix}" if value.size else "NULL"
            # The kernels read weights in words.
            aligned = "__attribute__((aligned(4)))" if field == "weights" else ""
            c_type = structs()[name].fields[field].c_type
            text += array(c_type, f"{field}{suffix}", value, aligned) if value.size else ""
        elif isinstance(value, list) and not value:
            named[field] = "NULL"
    return text, named


def _layers(
    network: Network, values: Values, names: tuple[str, str] = ("layers", ""), known: bool = False
) -> tuple[str, Values]:
    """Return the arrays of every layer and the layers as C, and the network's values with them.

    names: of the layers, and the suffix of the arrays; known: the arrays are there already.
    """
    text, layers = "", []
    for index, (layer, fields) in enumerate(zip(network.layers, values["layers"], strict=True)):
        suffix = f"{names[1]}_{index}"
        arrays, named = _arrays("kws_layer", exported_layer(layer, fields), suffix)
        text += "" if known else arrays
        layers.append(struct(named, 2))
    text += f"static const kws_layer {names[0]}[] = {{\n  " + ",\n  ".join(layers) + "};\n\n"
    return text, values | {"layers": names[0]}


def _committee(
    config: ModelConfig, networks: Sequence[Network], values: Values
) -> tuple[str, Values, Values]:
    """Return the members of a committee as C, the first one's network, and the committee."""
    text, members, known = "", [], set()
    plan_ = members_of(config, [network.stride for network in networks])
    first: Values = {}
    for index, (member, fields) in enumerate(zip(plan_, values["members"], strict=True)):
        number = member.network
        names = (f"layers_of_{index}", f"_of_{number}")
        layers, network = _layers(networks[number], fields["network"], names, number in known)
        known.add(number)
        arrays, named = _arrays("kws_member", fields, f"_of_member_{index}")
        text += layers + arrays
        members.append(struct(named | {"network": struct(network, 3)}, 2))
        first = first or network
    text += "static const kws_member members[] = {\n  " + ",\n  ".join(members) + "};\n\n"
    arrays, named = _arrays("kws_committee_settings", values)
    return text + arrays, first, named | {"members": "members"}


def number(value: Any) -> str:
    """Return a number as C; a float with as many digits as it takes to be read back the same."""
    if isinstance(value, np.floating):
        text = f"{value:.9g}"
        return text + ("f" if set(text) & set(".en") else ".0f")
    return str(int(value))


def array(c_type: str, name: str, values: npt.NDArray[Any], attribute: str = "") -> str:
    """Return a constant array as C, flattened."""
    flat = ", ".join(map(number, values.reshape(-1)))
    body = fill(flat, TEXT_WIDTH, initial_indent="  ", subsequent_indent="  ")
    shape = "".join(f"[{size}]" for size in values.shape)
    declaration = " ".join(filter(None, (f"static const {c_type} {name}[]", attribute)))
    return f"{declaration} = {{ /* {shape} */\n{body}\n}};\n\n"


def struct(fields: Mapping[str, object], depth: int) -> str:
    """Return a designated initialiser as C; depth: its indentation in steps."""
    indent = "  " * depth
    lines = {
        name: number(value) if isinstance(value, np.generic) else value
        for name, value in fields.items()
    }
    return (
        "{\n"
        + "".join(f"{indent}.{name} = {value},\n" for name, value in lines.items())
        + indent[2:]
        + "}"
    )


def string(text: str) -> str:
    """Return text as a C string literal of its UTF-8 bytes."""
    plain = "".join(
        chr(byte) if 32 <= byte < 127 and chr(byte) not in '"\\?' else f"\\{byte:03o}"
        for byte in encoded(text)
    )
    return f'"{plain}"'


def comment(text: str) -> str:
    """Return text such that it cannot end a C comment."""
    return text.replace("*/", "* /").replace("\n", " ")
