"""Test the settings of a model: ranges, JSON, and files of format 1."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from command_line import ROOT

from kws.config import FORMAT, FrontEnd, GateConfig, ModelConfig, Smoothing
from kws.errors import KwsError
from kws.model_file import CONFIG_ENTRY, ModelFile, metadata

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
    assert spec.hop_seconds == 0.02


def test_settings_survive_json():
    assert ModelConfig.from_dict(json.loads(json.dumps(CONFIG.to_dict()))) == CONFIG


def test_only_a_front_end_in_fixed_point_is_said_to_be_in_an_arithmetic():
    assert "arithmetic" not in CONFIG.to_dict()["front_end"]
    fixed = replace(CONFIG, front_end=replace(CONFIG.front_end, arithmetic="fixed"))
    assert fixed.to_dict()["front_end"]["arithmetic"] == "fixed"
    assert ModelConfig.from_dict(json.loads(json.dumps(fixed.to_dict()))) == fixed


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
        ({"arithmetic": "double"}, "arithmetic 'double' is not one of float, fixed"),
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
        ({"keywords": ("a", "a")}, "listed twice"),
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
        ({"format": 3}, "format 3 is not 1 or 2"),
        ({"format": None}, "format None is not 1 or 2"),
        ({"colour": "red"}, "unknown key 'colour'"),
        ({"front_end": {"windows": 480}}, "front_end: unknown key 'windows'"),
        ({"front_end": {"window": "wide"}}, "front_end: window is not a whole number"),
        ({"front_end": None}, "front_end is not a table"),
        ({"front_end": {"arithmetic": 1}}, "front_end: arithmetic is not a text"),
        ({"smoothing": [1, 2]}, "smoothing is not a table"),
        ({"keywords": None}, "keywords is not a list of texts"),
        ({"thresholds": ["high", "low"]}, "thresholds is not a list of numbers"),
        ({"stride": None}, "stride is not a whole number"),
    ],
)
def test_settings_of_another_shape_are_refused_in_one_line(change, complaint):
    with pytest.raises(KwsError, match=f"^model settings: {complaint}") as refused:
        ModelConfig.from_dict({**CONFIG.to_dict(), **change})
    assert "\n" not in str(refused.value)


def test_a_missing_setting_is_refused():
    values = CONFIG.to_dict()
    del values["keywords"]
    with pytest.raises(KwsError, match=r"^model settings: keywords is missing$"):
        ModelConfig.from_dict(values)


FORMAT_1 = CONFIG.to_dict() | {
    "format": 1,
    "gating": {
        "on": True,
        "margin_db": 6.0,
        "least": 3.0,
        "background_ms": 1500,
        "look_back_ms": 300,
        "hold_ms": 900,
    },
}
del FORMAT_1["gate"]


def test_settings_of_format_1_are_read():
    gate = GateConfig(
        True, 6.0, min_level=3.0, noise_floor_ms=1500, pre_roll_ms=300, hangover_ms=900
    )
    assert ModelConfig.from_dict(FORMAT_1) == replace(CONFIG, gate=gate)
    without = {key: value for key, value in FORMAT_1.items() if key != "gating"}
    assert ModelConfig.from_dict(without).gate == GateConfig()


# The shipped files that were written in that format.
OF_FORMAT_1 = [ROOT / "models" / "base.tflite", *sorted(ROOT.glob("models/home.folds/*.tflite"))]


@pytest.mark.parametrize("path", OF_FORMAT_1, ids=lambda path: path.stem)
def test_the_shipped_files_of_format_1_give_the_same_settings_in_this_format(path):
    stored = json.loads(metadata(path.read_bytes(), str(path))[CONFIG_ENTRY])
    assert stored["format"] == 1
    config = ModelFile.load(path).config
    now = config.to_dict()
    assert now["format"] == FORMAT
    assert ModelConfig.from_dict(json.loads(json.dumps(now))) == config
    if old := stored.pop("gating", None):
        assert list(old.values()) == list(now["gate"].values())
    del stored["format"]
    assert json.loads(json.dumps({key: now[key] for key in stored})) == stored


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"hold_ms": 10_001}, "hold_ms 10001 is not 0 to 10,000"),
        ({"least": -1.0}, "least -1.0 is not 0 to 1000"),
        ({"background_ms": 1.5}, "gating: background_ms is not a whole number"),
        ({"look_back_ms": None}, "gating: look_back_ms is not a whole number"),
        ({"hangover_ms": 900}, "gating: unknown key 'hangover_ms'"),
    ],
)
def test_a_mistake_in_format_1_is_reported_by_the_key_that_the_file_has(change, complaint):
    with pytest.raises(KwsError, match=f"^model settings: {complaint}$"):
        ModelConfig.from_dict(FORMAT_1 | {"gating": FORMAT_1["gating"] | change})


@pytest.mark.parametrize(
    ("values", "complaint"),
    [
        (FORMAT_1 | {"gating": []}, "gating is not a table"),
        (FORMAT_1 | {"gate": {}}, "unknown key 'gate'"),
        (FORMAT_1 | {"format": 2}, "unknown key 'gating'"),
        ([1], "they are not a table"),
    ],
)
def test_each_format_has_its_own_names(values, complaint):
    with pytest.raises(KwsError, match=f"^model settings: {complaint}$"):
        ModelConfig.from_dict(values)
