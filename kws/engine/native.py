"""The road in C on this machine, where kws was built with a compiler: the verbs of kws.mfcc,
kws.ds_cnn and kws.spotter, and the same bits. A model's weights are handed over at run time.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from dataclasses import fields

import numpy as np
import numpy.typing as npt

from kws.config import FrontEnd, Smoothing
from kws.engine.c_layout import (
    LAYER_NUMBERS,
    DetectorMemory,
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
from kws.engine.lowering import read
from kws.engine.network import Memory, Network
from kws.gate import GateSettings
from kws.mfcc_tables import FrontEndTables
from kws.model_file import ModelFile
from kws.posterior import ONE, Detection

try:
    from kws.engine._native import Engine

    AVAILABLE = True
except ImportError:  # built without a compiler
    AVAILABLE = False

_TYPES = {"float": "f4", "int8_t": "i1", "uint8_t": "u1", "uint16_t": "u2"}
_TYPES |= {"int32_t": "i4", "uint32_t": "u4"}
_KINDS = {"CONVOLUTION": 0, "DEPTHWISE": 2, "AVERAGE": 3, "SOFTMAX": 4}  # enum kws_layer_kind
_NO_SMOOTHING = Smoothing(1, 1, 1)


class NativeMfcc:
    """kws.mfcc.Mfcc in C."""

    def __init__(self, spec: FrontEnd) -> None:
        self.spec = spec
        memory = detector_memory(spec, None, 0, _NO_SMOOTHING, None)
        gate = bytes(4 * len(fields(GateSettings)))  # none of all three
        network, posterior = bytes(4 * 12), bytes(4 * 6)
        self._engine = Engine(gate + _front_end(spec) + network + posterior + _offsets(memory, 0))

    def reset(self) -> None:
        """Forget the stream."""
        self._engine.reset()

    def push(self, samples: npt.NDArray[np.int16]) -> npt.NDArray[np.float32]:
        """Take int16 samples [n]; return the rows they complete, [rows, coefficients]."""
        rows = self._engine.rows(np.ascontiguousarray(samples, np.int16))
        return np.frombuffer(rows, np.float32).reshape(-1, self.spec.coefficients)


class NativeDsCnn:
    """kws.ds_cnn.DsCnn in C."""

    def __init__(self, model: ModelFile) -> None:
        network = read(model.content, model.name)
        self._engine = _engine(model, network, 0)
        self.window_frames, self.coefficients = network.window_frames, network.row_values
        self.classes, self.score_scale = network.classes, network.score_scale
        self.stride = model.config.stride

    def reset(self) -> None:
        """Forget the stream."""
        self._engine.reset()

    def push(self, rows: npt.NDArray[np.float32]) -> npt.NDArray[np.int8]:
        """Take rows [n, coefficients]; return the scores they complete, [steps, classes]."""
        scores = self._engine.scores(np.ascontiguousarray(rows, np.float32))
        return np.frombuffer(scores, np.int8).reshape(-1, self.classes)


class NativeSpotter:
    """kws.spotter.NumpySpotter in C."""

    def __init__(self, model: ModelFile) -> None:
        self.config = model.config
        network = read(model.content, model.name)
        priming = model.config.priming_samples(network.window_frames)
        self._engine = _engine(model, network, priming)
        self.window_frames = network.window_frames

    def reset(self) -> None:
        """Forget the stream and prime the stages with the silence of a receptive field."""
        self._engine.reset()

    def push(self, samples: npt.NDArray[np.int16]) -> list[Detection]:
        """Take int16 samples [n] at 16 kHz; return the detections they complete."""
        return [
            Detection(sample, self.config.keywords[keyword], confidence / ONE)
            for sample, keyword, confidence in self._engine.push(
                np.ascontiguousarray(samples, np.int16)
            )
        ]

    @property
    def scores(self) -> dict[str, float]:
        """Return the greatest smoothed posterior of each keyword, 0..1, in the latest push."""
        peaks = (peak / ONE for peak in self._engine.peaks())
        return dict(zip(self.config.keywords, peaks, strict=True))


def _engine(model: ModelFile, network: Network, priming: int) -> Engine:
    """Set up all stages of a model, primed with so many samples of silence."""
    config = model.config
    check(model.name, config, network)
    gate = GateSettings.of(config, network.window_frames)
    phases = network.phases(config.stride)
    memory = detector_memory(
        config.front_end, network, len(config.keywords), config.smoothing, gate, phases
    )
    return Engine(
        _numbers(gate_numbers(gate).values())
        + _front_end(config.front_end)
        + _network(network, memory.network)
        + _numbers(posterior_numbers(config, network).values())
        + _arrays(posterior_tables(config, network))
        + _offsets(memory, priming)
    )


def _front_end(spec: FrontEnd) -> bytes:
    tables = FrontEndTables(spec)
    arrays = front_end_tables(tables)
    weights = next(values.size for _, name, values in arrays if name == "mel_weights")
    return _numbers([*front_end_numbers(tables).values(), weights]) + _arrays(arrays)


def _network(network: Network, memory: Memory) -> bytes:
    plan = _numbers(network_numbers(network, memory).values())
    for layer, columns in zip(network.layers, memory.columns, strict=True):
        arrays = layer_tables(layer, layer.weights)
        plan += _numbers(
            [
                _KINDS[layer.kind],
                *(getattr(layer, name) for name in LAYER_NUMBERS),
                columns,
                *(values.size for _, _, values in arrays[:3]),
            ]
        )
        plan += _arrays(arrays)
    return plan


def _offsets(memory: DetectorMemory, priming: int) -> bytes:
    return _numbers(
        [
            priming,
            memory.row_at,
            memory.posterior_at,
            memory.pending_at,
            memory.gate_at,
            memory.scores_at,
            memory.total,
        ]
    )


def _numbers(values: Iterable[int | np.float32]) -> bytes:
    """32-bit numbers, native byte order."""
    return b"".join(
        struct.pack("=f" if isinstance(value, np.float32) else "=i", value) for value in values
    )


def _arrays(tables: Iterable[Table]) -> bytes:
    """Arrays, each padded to 4 bytes."""
    raw = (values.astype(_TYPES[c_type]).tobytes() for c_type, _, values in tables)
    return b"".join(part + bytes(-len(part) % 4) for part in raw)
