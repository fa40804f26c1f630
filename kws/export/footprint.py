"""Compute the flash and the RAM that an exported detector takes, by part."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from kws.config import ModelConfig
from kws.engine.c_layout import (
    Table,
    detector_memory,
    front_end_tables,
    layer_tables,
    posterior_tables,
)
from kws.engine.network import Network
from kws.export.c_source import exported_weights
from kws.gate import GateSettings
from kws.mfcc_tables import FrontEndTables
from kws.model_file import ModelFile

Sizes = dict[str, int]  # bytes by part
CODE = {  # the engine's source files by part
    "code of the gate": ("gate",),
    "code of the front end": ("mfcc", "fft"),
    "code of the network": ("ds_cnn", "kernels", "kernels_dsp", "kernels_m4"),
    "code of the posterior stage": ("posterior",),
    "code of ring buffer and spotter": ("ring_buffer", "spotter"),
    "compiler's library": ("library",),
}
LAYER_BYTES, MODEL_BYTES, POINTER_BYTES = 40, 152, 4  # of a kws_layer, a kws_model
SAMPLE_BYTES = 2
BYTES = {"float": 4, "int8_t": 1, "uint8_t": 1, "uint16_t": 2, "int32_t": 4, "uint32_t": 4}


def flash(code: Mapping[str, int], model: ModelFile, network: Network) -> Sizes:
    """Return the bytes of flash by part; code: bytes of the engine's code by source file."""
    config = model.config
    parts = {part: sum(code.get(file, 0) for file in files) for part, files in CODE.items()}
    layers = [
        dict(_sizes(layer_tables(layer, exported_weights(layer)))) for layer in network.layers
    ]
    weights = sum(layer.pop("weights") for layer in layers)
    return parts | {
        "network's weights": weights,
        "network's biases and scales": sum(sum(layer.values()) for layer in layers),
        "front end's tables": _total(front_end_tables(FrontEndTables(config.front_end))),
        "posterior's tables": _total(posterior_tables(config, network)),
        "network's layers": LAYER_BYTES * len(layers),
        "settings and names": MODEL_BYTES
        + POINTER_BYTES * len(config.keywords)
        + sum(len(name.encode()) + 1 for name in (model.name, *config.keywords)),
    }


def memory(state: int, sketch: Mapping[str, int], config: ModelConfig, network: Network) -> Sizes:
    """Return the bytes of static RAM by part.

    Args:
        state: Bytes of kws_spotter.
        sketch: Samples of the sketch's buffers by name.
        config: The model's settings.
        network: The model's network.
    """
    at = detector_memory(
        config.front_end,
        network,
        len(config.keywords),
        config.smoothing,
        GateSettings.of(config, network.window_frames),
        network.phases(config.stride),
    )
    shared = at.network.rings
    return {
        "scratch memory of front end and network": shared,
        "network's past time steps": at.row_at - shared,
        "feature frame and scores": at.posterior_at - at.row_at + at.total - at.scores_at,
        "posterior's averages": at.pending_at - at.posterior_at,
        "front end's pending samples": at.gate_at - at.pending_at,
        "gate's pre-roll": at.scores_at - at.gate_at,
        "state of the stages": state,
    } | {f"sketch's {name}": SAMPLE_BYTES * samples for name, samples in sketch.items()}


def _sizes(tables: Iterable[Table]) -> Iterable[tuple[str, int]]:
    return ((name, BYTES[c_type] * values.size) for c_type, name, values in tables)


def _total(tables: Iterable[Table]) -> int:
    return sum(size for _, size in _sizes(tables))
