"""Quantise a trained network to an int8 .tflite that carries its settings.

The statistics of its input features come from here, too.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf
from tensorflow.lite.python import schema_py_generated as schema
from tensorflow.lite.tools import flatbuffer_utils

from kws.committee import bounds_that_change_nothing, members_of
from kws.config import MICRO_FRONTEND, CommitteeConfig, FrontEnd, ModelConfig
from kws.engine.committee_check import check_committee, network_stride
from kws.errors import KwsError
from kws.foreign_text import parse_json
from kws.mfcc_tables import FrontEndTables
from kws.micro_frontend import MAX_FEATURE
from kws.model_file import (
    CHECKSUM_ENTRY,
    CONFIG_ENTRY,
    NETWORK_ENTRIES,
    PLACEHOLDER,
    checksum,
    metadata,
    networks_of,
)
from kws.sensitivity import least_thresholds
from kws.training.architecture import Architecture
from kws.training.features import dct_matrix

INPUT_RANGE = 6.0  # standard deviations that the int8 input spans; what is beyond saturates


def standardise(front_end: FrontEnd, log_mels: npt.NDArray[np.float16]) -> FrontEnd:
    """Return the front end with the mean and scale that give its coefficients mean 0, deviation 1.

    The microfrontend stays as it is. log_mels: frames of examples, [n, frames, filters].
    """
    if front_end.kind == MICRO_FRONTEND:
        return front_end
    frames = log_mels.astype(np.float32).reshape(-1, front_end.mel_filters)
    raw = frames @ dct_matrix(FrontEndTables(front_end))
    mean, deviation = raw.mean(axis=0), raw.std(axis=0)
    return replace(
        front_end,
        mean=tuple(np.round(mean, 4).tolist()),
        scale=tuple(np.round(1 / deviation, 4).tolist()),
    )


def representative_windows(
    log_mels: npt.NDArray[np.float16],
    labels: npt.NDArray[np.int8],
    tables: FrontEndTables,
    architecture: Architecture,
) -> npt.NDArray[np.float32]:
    """Return a window of features of each example, [n, frames, coefficients].

    The last step's window ends with the example. Windows of keyword examples end with the keyword:
    without them the quantisation ranges of the last layers would be too narrow for the scores that
    count. The extremes are INPUT_RANGE, of the microfrontend 0 and MAX_FEATURE, whatever the
    examples hold: the networks of a committee quantise their input equally, and that of a
    microWakeWord model is always the same.
    """
    micro = tables.spec.kind == MICRO_FRONTEND
    low, high = (0.0, MAX_FEATURE) if micro else (-INPUT_RANGE, INPUT_RANGE)
    dct = dct_matrix(tables)
    random = np.random.default_rng(0)
    windows = []
    for example, steps in zip(log_mels, labels, strict=True):
        candidates = np.flatnonzero(steps > 0) if steps.max() > 0 else np.arange(len(steps))
        later = len(steps) - 1 - int(random.choice(candidates))
        end = len(example) - later * architecture.stride
        frames = example[end - architecture.window_frames : end].astype(np.float32)
        windows.append(frames @ dct + tables.bias)
    clipped: npt.NDArray[np.float32] = np.clip(np.stack(windows), low, high)
    clipped.flat[clipped.argmin()], clipped.flat[clipped.argmax()] = low, high
    return clipped


def quantise(model: keras.Model, features: npt.NDArray[np.float32]) -> bytes:
    """Quantise to int8 after training, weights per channel, and return the .tflite.

    Args:
        model: A network of a fixed window, [1, frames, coefficients, 1].
        features: Representative windows, [n, frames, coefficients], which set the ranges of the
            activations.
    """

    def representative() -> Iterator[list[npt.NDArray[np.float32]]]:
        for window in features:
            yield [window[None, :, :, None]]

    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = representative
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = converter.inference_output_type = tf.int8
    content: bytes = converter.convert()
    return content


def embed(content: bytes, config: ModelConfig, networks: Sequence[bytes] | None = None) -> bytes:
    """Embed settings, the further networks of a committee and a checksum in a .tflite.

    They replace any that it carries; networks: .tflite files, None for those that it carries.
    """
    if networks is None:
        networks = networks_of(metadata(content, "the model")) if config.committee else ()
    entries = {CONFIG_ENTRY: json.dumps(config.to_dict(), separators=(",", ":")).encode()}
    entries |= dict(zip(NETWORK_ENTRIES, map(_bare, networks), strict=False))
    model = flatbuffer_utils.convert_bytearray_to_object(bytearray(content))
    _strip(model)
    for name, data in (entries | {CHECKSUM_ENTRY: PLACEHOLDER}).items():
        buffer = schema.BufferT()
        buffer.data = np.frombuffer(data, np.uint8)
        entry = schema.MetadataT()
        entry.name, entry.buffer = name, len(model.buffers)
        model.buffers.append(buffer)
        model.metadata.append(entry)
    file = bytes(flatbuffer_utils.convert_object_to_bytearray(model))
    return file.replace(PLACEHOLDER, checksum(file, PLACEHOLDER))


def pack_committee(
    networks: Sequence[bytes],
    config: ModelConfig,
    *,
    phases: Sequence[int] | None = None,
    bounds: Sequence[float] | None = None,
    where: str = "the committee",
) -> bytes:
    """Pack trained networks into one model file whose decision is that of their mean.

    Args:
        networks: .tflite files, that of the network that always runs first. They share the front
            end of `config`, its keywords and the quantisation of the input.
        config: settings of the model.
        phases: that run of each network, 1 or 2; None for all that it has.
        bounds: confidence of the first network's first phase, per keyword, that wakes the others;
            None for the greatest that change no decision at any threshold that `config` stores.
        where: what errors name.

    Raises:
        KwsError: the networks do not fit the settings or each other.
    """
    for number, content in enumerate(networks, start=1):
        if CONFIG_ENTRY in (entries := metadata(content, where)):
            other = ModelConfig.from_dict(parse_json(entries[CONFIG_ENTRY], "model settings"))
            if (other.front_end, other.keywords) != (config.front_end, config.keywords):
                raise KwsError(f"{where}: network {number} has another front end or other keywords")
    stride = config.stride
    possible = [network_stride(content, where) // stride for content in networks]
    phases = tuple(phases if phases is not None else possible)
    settings = CommitteeConfig((1.0,) * len(config.keywords), phases)
    unbound = replace(config, committee=settings)
    check_committee(unbound, networks, where)
    if bounds is None:
        members = members_of(unbound, [each * stride for each in possible])
        bounds = bounds_that_change_nothing(members, least_thresholds(unbound))
    settings = replace(settings, bounds=tuple(bounds))
    return embed(networks[0], replace(config, committee=settings), networks[1:])


def _bare(content: bytes) -> bytes:
    """Return a network without settings, checksum and what else no runtime reads."""
    model = flatbuffer_utils.convert_bytearray_to_object(bytearray(content))
    _strip(model)
    return bytes(flatbuffer_utils.convert_object_to_bytearray(model))


def _strip(model: schema.ModelT) -> None:
    """Remove what no runtime reads, a fifth of the file.

    That are calibration ranges, long names, metadata, and the scales of biases, which are the
    product of the input's and the weights' scales.
    """
    (graph,) = model.subgraphs
    for index, tensor in enumerate(graph.tensors):
        tensor.name = str(index)
        if tensor.type == schema.TensorType.INT32:
            tensor.quantization = None
        elif tensor.quantization is not None:
            tensor.quantization.min = tensor.quantization.max = None
    model.signatureDefs, model.metadata = [], []
    # The buffers of metadata follow those of the tensors.
    del model.buffers[1 + max(tensor.buffer for tensor in graph.tensors) :]
