"""Run the pipeline in C on this machine, where kws was built with a compiler.

The classes have the verbs of kws.mfcc, kws.ds_cnn and kws.spotter and give the same bits. A model
is handed over at run time. Spotters of one model share its weights and tables, which the engine
only reads. Other threads run while the engine works; an object serves one thread at a time.
"""

from __future__ import annotations

import numpy as np

from kws.config import MICRO, FrontEnd, ModelConfig
from kws.engine.c_layout import check
from kws.engine.front_end_layout import (
    fixed_front_end_values,
    front_end_values,
    kept_bytes,
    micro_front_end_values,
    work_bytes,
)
from kws.engine.lowering import read
from kws.engine.native_struct import NativeStruct, shared_model
from kws.engine.network import plan
from kws.engine.network_values import network_values
from kws.fixed_mfcc import dequantise
from kws.fixed_mfcc_tables import FixedFrontEndTables
from kws.mfcc_tables import FrontEndTables
from kws.model_file import ModelFile
from kws.posterior import ONE, Detection, quantise_threshold
from kws.types import Frames, Samples, StepScores

try:
    from kws.engine._c_engine import ffi, lib

    AVAILABLE = True
    INT8, INT16, FLOAT = (ffi.typeof(f"{item}[]") for item in ("int8_t", "int16_t", "float"))
except ImportError:  # built without a compiler
    AVAILABLE = False

SHORT = 64  # detections, room kept for pushes of usual length


class NativeMfcc:
    """Extract MFCC features in C, as kws.mfcc.Mfcc does."""

    def __init__(self, spec: FrontEnd) -> None:
        self.spec = spec
        self._tables = NativeStruct("kws_mfcc_tables", front_end_values(FrontEndTables(spec)))
        self._memory = ffi.new("float[]", work_bytes(spec) // 4)
        self._pending = ffi.new("int16_t[]", spec.window)
        self._mfcc = ffi.new("kws_mfcc *")
        lib.kws_mfcc_init(self._mfcc, self._tables.pointer, self._memory, self._pending)

    def reset(self) -> None:
        """Forget the stream."""
        lib.kws_mfcc_reset(self._mfcc)

    def push(self, samples: Samples) -> Frames:
        """Take int16 samples [n]; return the frames they complete, [frames, coefficients]."""
        samples = np.ascontiguousarray(samples, np.int16)
        count = samples.size
        frames = np.empty((count // self.spec.hop + 1, self.spec.coefficients), np.float32)
        completed = lib.kws_mfcc_push_block(
            self._mfcc, ffi.from_buffer(INT16, samples), count, ffi.from_buffer(FLOAT, frames)
        )
        return frames[:completed]


class NativeFixedMfcc:
    """Extract MFCC features in fixed point in C, as kws.fixed_mfcc.FixedMfcc does."""

    def __init__(self, spec: FrontEnd, scale: float, zero_point: int) -> None:
        """Set up the tables; scale, zero_point: the quantisation of the network's input."""
        self.spec, self._quantisation = spec, (scale, zero_point)
        values = fixed_front_end_values(FixedFrontEndTables(spec, scale, zero_point))
        self._tables = NativeStruct("kws_fixed_mfcc_tables", values)
        self._memory = ffi.new("int32_t[]", work_bytes(spec) // 4)
        self._pending = ffi.new("int16_t[]", spec.window)
        self._mfcc = ffi.new("kws_fixed_mfcc *")
        lib.kws_fixed_mfcc_init(self._mfcc, self._tables.pointer, self._memory, self._pending)

    def reset(self) -> None:
        """Forget the stream."""
        lib.kws_fixed_mfcc_reset(self._mfcc)

    def push(self, samples: Samples) -> Frames:
        """Take int16 samples [n]; return the frames they complete, [frames, coefficients]."""
        samples = np.ascontiguousarray(samples, np.int16)
        count = samples.size
        frames = np.empty((count // self.spec.hop + 1, self.spec.coefficients), np.int8)
        completed = lib.kws_fixed_mfcc_push_block(
            self._mfcc, ffi.from_buffer(INT16, samples), count, ffi.from_buffer(INT8, frames)
        )
        return dequantise(frames[:completed], *self._quantisation)


class NativeMicroFrontend:
    """Extract the features of TFLM's microfrontend in C, as kws.micro_frontend does."""

    def __init__(self) -> None:
        self._tables = NativeStruct("kws_micro_frontend_tables", micro_front_end_values())
        self._memory = ffi.new("uint32_t[]", work_bytes(MICRO) // 4)
        self._kept = ffi.new("uint32_t[]", kept_bytes(MICRO) // 4)
        self._frontend = ffi.new("kws_micro_frontend *")
        lib.kws_micro_frontend_init(self._frontend, self._tables.pointer, self._memory, self._kept)

    def reset(self) -> None:
        """Forget the stream."""
        lib.kws_micro_frontend_reset(self._frontend)

    def push(self, samples: Samples) -> Frames:
        """Take int16 samples [n]; return the frames they complete, [frames, coefficients]."""
        samples = np.ascontiguousarray(samples, np.int16)
        count = samples.size
        frames = np.empty((count // MICRO.hop + 1, MICRO.coefficients), np.float32)
        completed = lib.kws_micro_frontend_push_block(
            self._frontend, ffi.from_buffer(INT16, samples), count, ffi.from_buffer(FLOAT, frames)
        )
        return frames[:completed]


class NativeDsCnn:
    """Score feature frames with the network of a model in C, as kws.ds_cnn.DsCnn does."""

    def __init__(self, model: ModelFile) -> None:
        network = read(model.content, model.name)
        check(model.name, model.config, network)
        memory = plan(network, phases=network.phases(model.config.stride))
        self._network = NativeStruct("kws_network", network_values(network, memory))
        self._memory = ffi.new("uint32_t[]", -(-memory.total // 4))
        self._ds_cnn = ffi.new("kws_ds_cnn *")
        lib.kws_ds_cnn_init(self._ds_cnn, self._network.pointer, self._memory)
        self.window_frames, self.coefficients = network.window_frames, network.frame_values
        self.classes, self.score_scale = network.classes, network.score_scale
        self.stride = model.config.stride

    def reset(self) -> None:
        """Forget the stream."""
        lib.kws_ds_cnn_reset(self._ds_cnn)

    def push(self, frames: Frames) -> StepScores:
        """Take frames [n, coefficients]; return the scores they complete, [steps, classes].

        Raises:
            ValueError: the frames have another number of coefficients.
        """
        if frames.ndim != 2 or frames.shape[1] != self.coefficients:
            raise ValueError(f"frames of shape {frames.shape} are not [n, {self.coefficients}]")
        frames = np.ascontiguousarray(frames, np.float32)
        scores = np.empty((len(frames), self.classes), np.int8)
        steps = lib.kws_ds_cnn_push_block(
            self._ds_cnn,
            ffi.from_buffer(FLOAT, frames),
            len(frames),
            ffi.from_buffer(INT8, scores),
        )
        return scores[:steps]


class NativeSpotter:
    """Detect keywords in a stream in C, as kws.spotter.NumpySpotter does."""

    def __init__(self, model: ModelFile) -> None:
        """Set up the stages of a model and prime them."""
        self._model = shared_model(model)
        self.window_frames = self._model.window_frames
        self._hop, self._pre_roll = model.config.front_end.hop, self._model.pre_roll
        self._memory = ffi.new("uint32_t[]", self._model.memory_bytes // 4)
        self._spotter = ffi.new("kws_spotter *")
        self._detections = ffi.new("kws_detection[]", SHORT)
        lib.kws_spotter_init(self._spotter, self._model.pointer, self._memory)
        self._spotter.committee.every_average = True  # `scores` has them
        self.use_thresholds(model.config)
        self.reset()

    def reset(self) -> None:
        """Forget the stream and prime the stages with the silence of a receptive field."""
        lib.kws_spotter_reset(self._spotter)

    def push(self, samples: Samples) -> list[Detection]:
        """Take int16 samples [n] at 16 kHz; return the detections they complete."""
        samples = np.ascontiguousarray(samples, np.int16)
        count = samples.size
        steps = count // self._hop + self._pre_roll + 2  # with at most a detection each
        detections = self._detections if steps <= SHORT else ffi.new("kws_detection[]", steps)
        found = lib.kws_spotter_push(
            self._spotter, ffi.from_buffer(INT16, samples), count, detections, steps
        )
        if found == 0:
            return []
        return [
            Detection(
                detections[i].sample,
                self.config.keywords[detections[i].keyword],
                detections[i].confidence / ONE,
            )
            for i in range(found)
        ]

    def use_thresholds(self, config: ModelConfig) -> None:
        """Use the thresholds of these settings from the next step on; forget nothing."""
        self._thresholds = ffi.new("uint16_t[]", [quantise_threshold(t) for t in config.thresholds])
        self._spotter.posterior.thresholds = self._thresholds
        self.config = config

    @property
    def scores(self) -> dict[str, float]:
        """Return the greatest smoothed posterior of each keyword, 0..1, in the latest push."""
        return {
            keyword: lib.kws_spotter_score(self._spotter, index) / ONE
            for index, keyword in enumerate(self.config.keywords)
        }
