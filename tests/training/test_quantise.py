"""Test quantisation and the embedded settings."""

from __future__ import annotations

import numpy as np
import pytest
from training_signals import FRONT_END

from kws.config import ModelConfig
from kws.errors import KwsError
from kws.mfcc_tables import FrontEndTables
from kws.model_file import ModelFile
from kws.training.architecture import Architecture


@pytest.fixture
def int8_model(tf) -> bytes:
    """A network that was never trained."""
    from kws.training.model import build_model
    from kws.training.quantise import quantise

    architecture = Architecture(channels=8, kernels=(3,), last_kernel=3)
    model = build_model(architecture, FRONT_END, 2, architecture.window_frames)
    windows = np.random.default_rng(6).normal(0, 1, (8, architecture.window_frames, 20))
    return quantise(model, windows.astype(np.float32))


@pytest.mark.parametrize("level", [0.01, 1.0, 30.0])
def test_few_examples_span_the_same_range_as_many(tf, level: float) -> None:
    """Networks of a committee, whose examples differ, quantise their input equally."""
    from kws.training.features import OVERSAMPLING
    from kws.training.quantise import INPUT_RANGE, representative_windows

    random = np.random.default_rng(3)
    architecture = Architecture(channels=8, kernels=(3,), last_kernel=3)
    steps = 4
    frames = (architecture.window_frames + steps * architecture.stride) * OVERSAMPLING
    log_mels = random.normal(0, level, (2, frames, FRONT_END.mel_filters)).astype(np.float16)
    labels = np.zeros((2, steps), np.int8)
    tables = FrontEndTables(FRONT_END)
    windows = representative_windows(log_mels, labels, tables, architecture)
    assert (windows.min(), windows.max()) == (-INPUT_RANGE, INPUT_RANGE)
    inside = np.abs(windows) < INPUT_RANGE
    assert inside.sum() >= windows.size - 2 or level > 1


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
