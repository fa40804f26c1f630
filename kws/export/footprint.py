"""Compute the flash and the RAM that an exported detector takes, by part."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from kws.atomic_write import encoded
from kws.config import ModelConfig
from kws.engine.c_headers import POINTER_BYTES, structs
from kws.engine.c_layout import Values, detector_memory, model_values
from kws.engine.network import Network
from kws.export.c_source import exported_layer
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
SAMPLE_BYTES = 2


def flash(code: Mapping[str, int], model: ModelFile, network: Network) -> Sizes:
    """Return the bytes of flash by part; code: bytes of the engine's code by source file."""
    parts = {part: sum(code.get(file, 0) for file in files) for part, files in CODE.items()}
    values = model_values(model.name, model.config, network)
    layers = list(map(exported_layer, network.layers, values["network"]["layers"]))
    weights = sum(layer["weights"].nbytes for layer in layers)
    names = (model.name, *model.config.keywords)
    return parts | {
        "network's weights": weights,
        "network's biases and scales": sum(map(_array_bytes, layers)) - weights,
        "front end's tables": _array_bytes(values["front_end"]),
        "posterior's tables": _array_bytes(values["posterior"]),
        "network's layers": structs()["kws_layer"].size * len(layers),
        "settings and names": structs()["kws_model"].size
        + POINTER_BYTES * len(model.config.keywords)
        + sum(len(encoded(name)) + 1 for name in names),
    }


def ram(sketch: Mapping[str, int], config: ModelConfig, network: Network) -> Sizes:
    """Return the bytes of static RAM by part.

    Args:
        sketch: Samples of the sketch's buffers by name.
        config: The model's settings.
        network: The model's network.
    """
    memory = detector_memory(config, network)
    shared, frame = memory.network.phases_at, memory.posterior_at - memory.frame_at
    return {
        "scratch memory of front end and network": shared,
        "network's past time steps": memory.frame_at - shared,
        "feature frame and scores": frame + memory.total - memory.scores_at,
        "posterior's averages": memory.pending_at - memory.posterior_at,
        "front end's pending samples": memory.gate_at - memory.pending_at,
        "gate's pre-roll": memory.scores_at - memory.gate_at,
        "state of the stages": structs()["kws_spotter"].size,
    } | {f"sketch's {name}": SAMPLE_BYTES * samples for name, samples in sketch.items()}


def _array_bytes(values: Values) -> int:
    """Return the size of all arrays of a struct."""
    return sum(value.nbytes for value in values.values() if isinstance(value, np.ndarray))
