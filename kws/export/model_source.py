"""A model as C: the structures of spotter.h and ds_cnn.h, filled in."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version
from typing import Any

import numpy as np
import numpy.typing as npt

from kws.config import FrontEnd
from kws.errors import KwsError
from kws.export.c_text import array, comment, number, struct, words
from kws.mfcc_tables import FrontEndTables
from kws.model_file import ModelFile
from kws.network import Layer, Memory, Network, plan
from kws.posterior import exp_table, threshold_level

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
INCLUDES = '#include "kws_model.h"\n\n#include <stddef.h>\n\n'


def header(name: str, digest: str) -> str:
    """First lines of a generated file."""
    try:
        release = version("kws")
    except PackageNotFoundError:
        release = "(not installed)"
    return (
        f"/* Written by kws {release} (kws export) from {comment(name)}; do not edit.\n"
        f" * sha256 {digest} */\n"
    )


def network_source(name: str, network: Network) -> tuple[str, str]:
    """Header and source of a network alone."""
    memory = plan(network)
    sizes = _header(
        '#include "ds_cnn.h"',
        {
            "KWS_MODEL_MEMORY_BYTES": memory.total,
            "KWS_MODEL_WINDOW_ROWS": network.window_rows,
            "KWS_MODEL_ROW_VALUES": network.row_values,
            "KWS_MODEL_CLASSES": network.classes,
        },
        "extern const kws_network kws_model_network;",
    )
    fields = struct(_network(network, memory), 1)
    source = f"const kws_network kws_model_network = {fields};\n"
    return sizes, INCLUDES + _layers(network, memory) + source


def detector_source(model: ModelFile, network: Network) -> tuple[str, str]:
    """Header and source of a whole detector."""
    config, front_end = model.config, model.config.front_end
    _check(model, network)
    tables = FrontEndTables(front_end)
    work = 4 * (2 * tables.points + 2 + front_end.mel_filters)
    memory = plan(network, work)
    smoothing, keywords = config.smoothing, len(config.keywords)
    # Parts in order of alignment: words, half-words, bytes.
    row_at = memory.total
    posterior_at = row_at + 4 * front_end.coefficients
    steps = smoothing.smooth_steps + smoothing.max_steps
    pending_at = posterior_at + 4 * keywords + 2 * keywords * (steps + 1)
    scores_at = pending_at + 2 * front_end.window
    total = (scores_at + network.classes + 3) & ~3
    sizes = _header(
        '#include "spotter.h"',
        {
            "KWS_MODEL_MEMORY_BYTES": total,
            "KWS_MODEL_HOP": front_end.hop,
            "KWS_MODEL_KEYWORDS": keywords,
        },
        "extern const kws_model kws_model_data;",
    )
    fields = {
        "name": words(model.name),
        "keywords": "keywords",
        "front_end": struct(_front_end(front_end, tables), 2),
        "network": struct(_network(network, memory), 2),
        "posterior": struct(_posterior(model, network), 2),
        "pending_at": pending_at,
        "posterior_at": posterior_at,
        "row_at": row_at,
        "scores_at": scores_at,
        "memory_bytes": total,
    }
    source = (
        INCLUDES
        + f"static const char *const keywords[] = {{{', '.join(map(words, config.keywords))}}};\n\n"
        + _front_end_arrays(tables)
        + _posterior_arrays(model, network)
        + _layers(network, memory)
        + f"const kws_model kws_model_data = {struct(fields, 1)};\n"
    )
    return sizes, source


def _check(model: ModelFile, network: Network) -> None:
    """The network must be a stream and fit the model's settings."""
    config = model.config
    if not network.streams:
        raise KwsError(
            f"{model.name}: the network does not stream: it pads along time, or its window of"
            f" {network.window_rows} rows is not the {network.receptive_rows} that a step sees"
        )
    found = (network.stride, network.row_values, network.classes)
    if found != (config.stride, config.front_end.coefficients, len(config.classes)):
        raise KwsError(f"{model.name}: the network does not fit the model's own settings")


def _header(include: str, sizes: dict[str, int], declaration: str) -> str:
    defines = "".join(f"#define {name} {value}\n" for name, value in sizes.items())
    return (
        "#ifndef KWS_MODEL_H\n#define KWS_MODEL_H\n\n"
        '#ifdef __cplusplus\nextern "C" {\n#endif\n\n'
        f"{include}\n\n{defines}\n{declaration}\n\n"
        "#ifdef __cplusplus\n}\n#endif\n\n#endif\n"
    )


def _layers(network: Network, memory: Memory) -> str:
    """Arrays of every layer, then the layers."""
    text, rows = "", []
    for index, (layer, columns) in enumerate(zip(network.layers, memory.columns, strict=True)):
        names = {"kind": f"KWS_{'DENSE' if _dense(layer) else layer.kind}"}
        for kind, values in (
            ("int8_t weights", _paired(layer.weights) if _dense(layer) else layer.weights),
            ("int32_t bias", layer.bias),
            ("int32_t multiplier", layer.multiplier),
            ("uint8_t left", np.maximum(layer.shift, 0) + 1),
            ("uint8_t right", np.maximum(-layer.shift, 0) + 1),
        ):
            c_type, field = kind.split()
            names[field] = f"{field}_{index}" if values.size else "NULL"
            if values.size:
                text += array(c_type, names[field], values, _aligned(field))
        rows.append(struct(names | _layer(layer, columns), 2))
    return text + "static const kws_layer layers[] = {\n  " + ",\n  ".join(rows) + "};\n\n"


def _aligned(field: str) -> str:
    """Weights are read in words."""
    return "__attribute__((aligned(4)))" if field == "weights" else ""


def _layer(layer: Layer, columns: int) -> dict[str, object]:
    fields = {name: getattr(layer, name) for name in LAYER_NUMBERS}
    return fields | {"columns": columns}


def _dense(layer: Layer) -> bool:
    """Whether kernels.h's kws_dense can run it: sums within 24 bits, pairs within 16."""
    if layer.kind != "CONVOLUTION" or layer.output_cells != 1:
        return False
    reach = np.abs(layer.weights.astype(np.int32)).sum(axis=1).max() * 128
    return bool(reach < 1 << 23 and layer.weights.min() > -128)


def _paired(weights: npt.NDArray[np.int8]) -> npt.NDArray[np.int8]:
    """Rows [outputs, depth] in the order of kws_dense, as bytes."""
    outputs = np.pad(weights, ((0, -len(weights) % 4), (0, 0))).astype(np.int16)
    fours = outputs.reshape(-1, 2, 2, outputs.shape[1] // 4, 4)[..., (0, 2, 1, 3)]
    pairs = 256 * fours[:, :, 0] + fours[:, :, 1]  # [outputs / 4, pair, depth / 4, inputs]
    return pairs.swapaxes(1, 2).astype("<i2").reshape(-1).view(np.int8)


def _network(network: Network, memory: Memory) -> dict[str, object]:
    return {
        "layers": "layers",
        "layer_count": len(network.layers),
        "row_values": network.row_values,
        "window_rows": network.window_rows,
        "classes": network.classes,
        "row_zero": network.row_zero,
        "row_gain": number(np.float32(1) / np.float32(network.row_scale)),
        "scratch": memory.scratch,
        "memory_bytes": memory.total,
    }


def _front_end(spec: FrontEnd, tables: FrontEndTables) -> dict[str, object]:
    first, count, _ = tables.mel
    return {
        "window": spec.window,
        "hop": spec.hop,
        "points": tables.points,
        "last_bin": int((first + count - 1).max()),
        "mel_filters": spec.mel_filters,
        "coefficients": spec.coefficients,
        "log_offset": number(np.float32(spec.log_offset)),
        **{name: name for _, name, _ in _front_end_tables(tables)},
    }


def _front_end_arrays(tables: FrontEndTables) -> str:
    return "".join(array(*table) for table in _front_end_tables(tables))


def _front_end_tables(tables: FrontEndTables) -> list[tuple[str, str, npt.NDArray[Any]]]:
    """Type, name and values of each table of mfcc.h."""
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


def _posterior(model: ModelFile, network: Network) -> dict[str, object]:
    config, hop = model.config, model.config.front_end.hop
    return {
        "keywords": len(config.keywords),
        "smooth_steps": config.smoothing.smooth_steps,
        "max_steps": config.smoothing.max_steps,
        "refractory_steps": config.smoothing.refractory_steps,
        "step_samples": config.stride * hop,
        "first_samples": (network.window_rows - 1) * hop + config.front_end.window,
        "levels": "levels",
        "exponentials": "exponentials",
    }


def _posterior_arrays(model: ModelFile, network: Network) -> str:
    levels = np.array([threshold_level(t) for t in model.config.thresholds])
    exponentials = exp_table(network.score_scale)
    return array("uint16_t", "levels", levels) + array("uint32_t", "exponentials", exponentials)
