"""Model settings: what is out of range is refused in one line, what is in range survives JSON."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from kws.config import FrontEnd, ModelConfig, Smoothing
from kws.errors import KwsError

CONFIG = ModelConfig(
    keywords=("computer", "smart mirror"),
    thresholds=(0.5, 0.75),
    stride=2,
    front_end=FrontEnd(mean=(0.5,) * 10, scale=(2.0,) * 10),
    smoothing=Smoothing(smooth_steps=4, max_steps=2, refractory_steps=10),
    card={"licence": "CC BY 4.0", "figures": {"miss rate": [0.01, 0.02]}},
)


def test_the_defaults_are_mlperf_tiny():
    spec = FrontEnd()
    assert (spec.window, spec.hop, spec.fft) == (480, 320, 512)
    assert (spec.mel_filters, spec.low_hz, spec.high_hz, spec.coefficients) == (40, 20, 4000, 10)
    assert spec.row_seconds == 0.02


def test_settings_survive_json():
    assert ModelConfig.from_dict(json.loads(json.dumps(CONFIG.to_dict()))) == CONFIG


def test_derived_values():
    assert CONFIG.classes == ("_background_", "computer", "smart mirror")
    assert CONFIG.step_seconds == 0.04


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"fft": 500}, "fft 500 "),
        ({"fft": 64}, "fft 64 "),
        ({"fft": 4096}, "fft 4096 "),
        ({"window": 513}, "window 513 "),
        ({"window": 15, "hop": 15}, "window 15 "),
        ({"hop": 481}, "hop 481 "),
        ({"hop": 15}, "hop 15 "),
        ({"mel_filters": 41}, "mel_filters 41 "),
        ({"mel_filters": 6, "coefficients": 6}, "mel_filters 6 "),
        ({"mel_filters": 130}, "mel_filters 130 "),
        ({"low_hz": -1.0}, "mel range -1.0 "),
        ({"low_hz": 4000.0}, "mel range 4000.0 "),
        ({"low_hz": float("nan")}, "mel range nan "),
        ({"high_hz": 8001.0}, "to 8001.0 "),
        ({"coefficients": 0}, "coefficients 0 "),
        ({"coefficients": 41}, "coefficients 41 "),
        ({"log_offset": 0.0}, "log_offset 0.0 "),
        ({"log_offset": 2.0}, "log_offset 2.0 "),
        ({"mean": (0.0,)}, "mean is not one per coefficient"),
        ({"scale": (1.0,) * 11}, "scale is not one per coefficient"),
        ({"mean": (float("nan"),) * 10}, "mean is not finite"),
        ({"scale": (float("inf"),) * 10}, "scale is not finite"),
    ],
)
def test_a_front_end_out_of_range_is_refused(change, complaint):
    with pytest.raises(KwsError, match=f"^model settings: .*{complaint}"):
        replace(FrontEnd(), **change)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"smooth_steps": 0}, "smooth_steps 0 "),
        ({"smooth_steps": 65}, "smooth_steps 65 "),
        ({"max_steps": 0}, "max_steps 0 "),
        ({"max_steps": 65}, "max_steps 65 "),
        ({"max_steps": 20, "refractory_steps": 19}, "refractory_steps 19 "),
        ({"refractory_steps": 10_001}, "refractory_steps 10001 "),
    ],
)
def test_a_smoothing_out_of_range_is_refused(change, complaint):
    with pytest.raises(KwsError, match=f"^model settings: {complaint}"):
        replace(Smoothing(), **change)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"keywords": (), "thresholds": ()}, "1 to 63 keywords"),
        ({"keywords": ("a", "a")}, "stands twice"),
        ({"keywords": ("a", " b")}, "padded"),
        ({"keywords": ("a", "")}, "empty"),
        ({"keywords": ("a", "_background_")}, "_background_"),
        ({"thresholds": (0.5,)}, "one per keyword"),
        ({"thresholds": (0.5, 0.0)}, "threshold"),
        ({"thresholds": (0.5, 1.01)}, "threshold"),
        ({"stride": 0}, "stride 0 "),
        ({"stride": 17}, "stride 17 "),
    ],
)
def test_a_model_out_of_range_is_refused(change, complaint):
    with pytest.raises(KwsError, match=f"^model settings: .*{complaint}"):
        replace(CONFIG, **change)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"format": 2}, "format 2 is not 1"),
        ({"format": None}, "format None is not 1"),
        ({"colour": "red"}, "ModelConfig does not know colour"),
        ({"front_end": {"windows": 480}}, "FrontEnd does not know windows"),
        ({"front_end": {"window": "wide"}}, "FrontEnd"),
        ({"front_end": None}, "FrontEnd is not a table"),
        ({"smoothing": [1, 2]}, "Smoothing is not a table"),
        ({"keywords": None}, "ModelConfig"),
        ({"thresholds": ["high", "low"]}, "ModelConfig"),
        ({"stride": None}, "ModelConfig"),
    ],
)
def test_settings_of_another_shape_are_refused_in_one_line(change, complaint):
    with pytest.raises(KwsError, match=f"^model settings: {complaint}") as refused:
        ModelConfig.from_dict({**CONFIG.to_dict(), **change})
    assert "\n" not in str(refused.value)


def test_a_missing_setting_is_refused():
    values = CONFIG.to_dict()
    del values["keywords"]
    with pytest.raises(KwsError, match="keywords"):
        ModelConfig.from_dict(values)
