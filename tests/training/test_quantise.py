"""Test quantisation and the embedded settings."""

from __future__ import annotations

import numpy as np
import pytest
from training_signals import FRONT_END

from kws.config import ModelConfig
from kws.errors import KwsError
from kws.model_file import ModelFile
from kws.training.recipe import Architecture


@pytest.fixture
def int8_model(tf) -> bytes:
    """A network that was never trained."""
    from kws.training.model import build_model
    from kws.training.quantise import quantise

    architecture = Architecture(channels=8, kernels=(3,), last_kernel=3)
    model = build_model(architecture, FRONT_END, 2, architecture.window_frames)
    windows = np.random.default_rng(6).normal(0, 1, (8, architecture.window_frames, 20))
    return quantise(model, windows.astype(np.float32))


def test_settings_are_embedded_and_protected_by_a_checksum(int8_model: bytes) -> None:
    from kws.training.quantise import embed

    config = ModelConfig(("grüße",), (0.5,), 2, FRONT_END, card={"figures": {"a": [1, 2.5]}})
    content = embed(int8_model, config)
    assert ModelFile.parse(content, "x.tflite").config == config
    assert len(content) < len(int8_model) + 1000
    other = ModelConfig(("b",), (0.25,), 2, FRONT_END)
    again = embed(content, other)
    assert ModelFile.parse(again, "x.tflite").config == other
    assert embed(again, config) == content
    for index in (len(content) // 3, len(content) // 2, len(content) - 9):
        damaged = bytearray(content)
        damaged[index] ^= 1
        with pytest.raises(KwsError, match=r"^x\.tflite: "):
            ModelFile.parse(bytes(damaged), "x.tflite")


def test_a_model_without_settings_is_refused(int8_model: bytes) -> None:
    with pytest.raises(KwsError, match="not one made by kws train"):
        ModelFile.parse(int8_model, "x.tflite")
