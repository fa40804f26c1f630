"""A trained network to an int8 .tflite that carries its settings."""

from __future__ import annotations

import json
from collections.abc import Iterator

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf
from tensorflow.lite.python import schema_py_generated as schema
from tensorflow.lite.tools import flatbuffer_utils

from kws.config import ModelConfig
from kws.model_file import CHECKSUM_ENTRY, CONFIG_ENTRY, PLACEHOLDER, checksum


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


def embed(content: bytes, config: ModelConfig) -> bytes:
    """Put settings and checksum into a .tflite, in place of any that it carried."""
    model = flatbuffer_utils.convert_bytearray_to_object(bytearray(content))
    entries = {
        CONFIG_ENTRY: json.dumps(config.to_dict(), separators=(",", ":")).encode(),
        CHECKSUM_ENTRY: PLACEHOLDER,
    }
    _slim(model)
    for name, data in entries.items():
        buffer = schema.BufferT()
        buffer.data = np.frombuffer(data, np.uint8)
        entry = schema.MetadataT()
        entry.name, entry.buffer = name, len(model.buffers)
        model.buffers.append(buffer)
        model.metadata.append(entry)
    whole = bytes(flatbuffer_utils.convert_object_to_bytearray(model))
    return whole.replace(PLACEHOLDER, checksum(whole, PLACEHOLDER))


def _slim(model: schema.ModelT) -> None:
    """Drop what no runtime reads, a fifth of the file: calibration ranges, long names, the scales
    of biases, which are the product of input's and weights', and metadata."""
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
