"""A trained network to an int8 .tflite that carries its settings."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf
from tensorflow.lite.python import schema_py_generated as schema
from tensorflow.lite.tools import flatbuffer_utils

from kws.config import ModelConfig
from kws.model_file import CHECKSUM_ENTRY, CONFIG_ENTRY, LANE_ENTRY, PLACEHOLDER, checksum


def quantise(model: keras.Model, features: npt.NDArray[np.float32]) -> bytes:
    """Post-training quantisation to int8, per-channel weights.

    model: fixed window, [1, rows, coefficients, 1]; features: [n, rows, coefficients], typical
    inputs that set the ranges of the activations.
    """

    def typical() -> Iterator[list[npt.NDArray[np.float32]]]:
        for window in features:
            yield [window[None, :, :, None]]

    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = typical
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = converter.inference_output_type = tf.int8
    content: bytes = converter.convert()
    return content


def alike(networks: Sequence[bytes]) -> list[bytes]:
    """Networks whose scores are in steps of the same size: one posterior stage takes them all."""
    if len(networks) == 1:
        return list(networks)
    models = [_object(network) for network in networks]
    outputs = [m.subgraphs[0].tensors[m.subgraphs[0].outputs[0]].quantization for m in models]
    zeros = [0 if output.zeroPoint is None else output.zeroPoint[0] for output in outputs]
    ranges = list(zip(zeros, (output.scale[0] for output in outputs), strict=True))
    low = min((-128 - zero) * scale for zero, scale in ranges)
    high = max((127 - zero) * scale for zero, scale in ranges)
    scale = np.float32((high - low) / 255)
    for output in outputs:
        output.scale, output.zeroPoint = [scale], [round(-128 - low / scale)]
    return [_bytes(model) for model in models]


def embed(networks: Sequence[bytes], config: ModelConfig) -> bytes:
    """Put settings, checksum and the networks of further lanes into the .tflite of the first.

    They take the place of any that it carried.
    """
    first, *others = (_slim(network) for network in networks)
    entries = {LANE_ENTRY.format(lane): _bytes(other) for lane, other in enumerate(others, 1)}
    entries[CONFIG_ENTRY] = json.dumps(config.to_dict(), separators=(",", ":")).encode()
    entries[CHECKSUM_ENTRY] = PLACEHOLDER
    for name, data in entries.items():
        buffer = schema.BufferT()
        buffer.data = np.frombuffer(data, np.uint8)
        entry = schema.MetadataT()
        entry.name, entry.buffer = name, len(first.buffers)
        first.buffers.append(buffer)
        first.metadata.append(entry)
    whole = _bytes(first)
    return whole.replace(PLACEHOLDER, checksum(whole, PLACEHOLDER))


def _slim(network: bytes) -> schema.ModelT:
    """Without what no runtime reads, a fifth of the file: calibration ranges, long names, the
    scales of biases, which are the product of input's and weights', and metadata."""
    model = _object(network)
    (graph,) = model.subgraphs
    for index, tensor in enumerate(graph.tensors):
        tensor.name = str(index)
        if tensor.type == schema.TensorType.INT32:
            tensor.quantization = None
        elif tensor.quantization is not None:
            tensor.quantization.min = tensor.quantization.max = None
    model.signatureDefs, model.metadata = [], []
    # The buffers of metadata lie behind those of the tensors.
    del model.buffers[1 + max(tensor.buffer for tensor in graph.tensors) :]
    return model


def _object(network: bytes) -> schema.ModelT:
    return flatbuffer_utils.convert_bytearray_to_object(bytearray(network))


def _bytes(model: schema.ModelT) -> bytes:
    return bytes(flatbuffer_utils.convert_object_to_bytearray(model))
