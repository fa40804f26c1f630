"""Write a model as C: the structures of spotter.h and ds_cnn.h, filled in."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from textwrap import fill
from typing import Any

import numpy as np
import numpy.typing as npt

from kws import __version__
from kws.engine.c_layout import (
    LAYER_NUMBERS,
    Table,
    check,
    detector_memory,
    front_end_numbers,
    front_end_tables,
    gate_numbers,
    layer_tables,
    network_numbers,
    posterior_numbers,
    posterior_tables,
)
from kws.engine.network import Layer, Memory, Network, plan
from kws.gate import GateSettings
from kws.mfcc_tables import FrontEndTables
from kws.model_file import ModelFile

INCLUDES = '#include "kws_model.h"\n\n#include <stddef.h>\n\n'
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
            "KWS_MODEL_ROW_VALUES": network.row_values,
            "KWS_MODEL_CLASSES": network.classes,
        },
        "extern const kws_network kws_model_network;",
    )
    fields = struct(_network(network, memory), 1)
    source = f"const kws_network kws_model_network = {fields};\n"
    return sizes, INCLUDES + _layers(network, memory) + source


def detector_source(model: ModelFile, network: Network) -> tuple[str, str]:
    """Return the header and the source of a whole detector.

    Raises:
        KwsError: If the network does not fit the model's settings.
    """
    config = model.config
    check(model.name, config, network)
    gate = GateSettings.of(config, network.window_frames)
    phases = network.phases(config.stride)
    memory = detector_memory(
        config.front_end, network, len(config.keywords), config.smoothing, gate, phases
    )
    front_end = FrontEndTables(config.front_end)
    tables, settings = front_end_tables(front_end), posterior_tables(config, network)
    sizes = _header(
        '#include "spotter.h"',
        {
            "KWS_MODEL_MEMORY_BYTES": memory.total,
            "KWS_MODEL_HOP": config.front_end.hop,
            "KWS_MODEL_KEYWORDS": len(config.keywords),
        },
        "extern const kws_model kws_model_data;",
    )
    fields = {
        "name": string(model.name),
        "keywords": "keywords",
        "gate": struct(gate_numbers(gate), 2),
        "front_end": struct(front_end_numbers(front_end) | _names(tables), 2),
        "network": struct(_network(network, memory.network), 2),
        "posterior": struct(posterior_numbers(config, network) | _names(settings), 2),
        "priming_samples": config.priming_samples(network.window_frames),
        "row_at": memory.row_at,
        "posterior_at": memory.posterior_at,
        "pending_at": memory.pending_at,
        "gate_at": memory.gate_at,
        "scores_at": memory.scores_at,
        "memory_bytes": memory.total,
    }
    keywords = ", ".join(map(string, config.keywords))
    return sizes, "".join(
        (
            INCLUDES,
            f"static const char *const keywords[] = {{{keywords}}};\n\n",
            *(array(*table) for table in (*tables, *settings)),
            _layers(network, memory.network),
            f"const kws_model kws_model_data = {struct(fields, 1)};\n",
        )
    )


def _header(include: str, sizes: dict[str, int], declaration: str) -> str:
    """Return the text of kws_model.h."""
    defines = "".join(f"#define {name} {value}\n" for name, value in sizes.items())
    return (
        "#ifndef KWS_MODEL_H\n#define KWS_MODEL_H\n\n"
        '#ifdef __cplusplus\nextern "C" {\n#endif\n\n'
        f"{include}\n\n{defines}\n{declaration}\n\n"
        "#ifdef __cplusplus\n}\n#endif\n\n#endif\n"
    )


def _names(tables: Iterable[Table]) -> dict[str, object]:
    """Return the fields that point to arrays of the same names."""
    return {name: name for _, name, _ in tables}


def _network(network: Network, memory: Memory) -> dict[str, object]:
    """Return the fields of kws_network."""
    return {"layers": "layers", **network_numbers(network, memory)}


def _layers(network: Network, memory: Memory) -> str:
    """Return the arrays of every layer, then the layers, as C."""
    text, rows = "", []
    for index, (layer, columns) in enumerate(zip(network.layers, memory.columns, strict=True)):
        dense = _dense(layer)
        fields: dict[str, object] = {"kind": f"KWS_{'DENSE' if dense else layer.kind}"}
        fields |= {name: getattr(layer, name) for name in LAYER_NUMBERS}
        fields["columns"] = columns
        for c_type, name, values in layer_tables(layer, exported_weights(layer)):
            fields[name] = f"{name}_{index}" if values.size else "NULL"
            if values.size:
                # The kernels read weights in words.
                aligned = "__attribute__((aligned(4)))" if name == "weights" else ""
                text += array(c_type, f"{name}_{index}", values, aligned)
        rows.append(struct(fields, 2))
    return text + "static const kws_layer layers[] = {\n  " + ",\n  ".join(rows) + "};\n\n"


def exported_weights(layer: Layer) -> npt.NDArray[np.int8]:
    """Return a layer's weights in the order in which its kernel reads them."""
    return _paired(layer.weights) if _dense(layer) else layer.weights


def _dense(layer: Layer) -> bool:
    """Return whether kernels.h's kws_dense can run a layer: sums in 24 bits, pairs in 16."""
    if layer.kind != "CONVOLUTION" or layer.output_cells != 1:
        return False
    reach = np.abs(layer.weights.astype(np.int32)).sum(axis=1).max() * 128
    return bool(reach < 1 << 23 and layer.weights.min() > -128)


def _paired(weights: npt.NDArray[np.int8]) -> npt.NDArray[np.int8]:
    """Return weights [outputs, depth] in the order of kws_dense, as bytes."""
    outputs = np.pad(weights, ((0, -len(weights) % 4), (0, 0))).astype(np.int16)
    fours = outputs.reshape(-1, 2, 2, outputs.shape[1] // 4, 4)[..., (0, 2, 1, 3)]
    pairs = 256 * fours[:, :, 0] + fours[:, :, 1]  # [outputs / 4, pair, depth / 4, inputs]
    return pairs.swapaxes(1, 2).astype("<i2").reshape(-1).view(np.int8)


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
        for byte in text.encode()
    )
    return f'"{plain}"'


def comment(text: str) -> str:
    """Return text such that it cannot end a C comment."""
    return text.replace("*/", "* /").replace("\n", " ")
