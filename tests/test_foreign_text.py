"""Test the bounds of texts and settings from outside."""

from __future__ import annotations

import json
from importlib.util import find_spec

import pytest
from conftest import skip_without

from kws.errors import KwsError
from kws.foreign_text import bounded, is_printable, parse_json
from kws.model_file import ModelFile


@pytest.mark.parametrize(
    "text",
    [
        "hey lumen",
        "señor",
        "sen\u0303or",
        "привет",
        "नमस्ते",
        "สวัสดี",
        "\u0645\u06cc\u200c\u062e",
        "你好",
        "a" * 100,
        "👋🏽",
    ],
)
def test_names_of_any_script_are_printable(text):
    assert is_printable(text)


@pytest.mark.parametrize("code", [*range(32), *range(127, 160), 0x202E, 0x2028, 0x2029, 0xD800])
def test_what_controls_a_terminal_is_not(code):
    assert not is_printable(f"a{chr(code)}b")


def test_a_card_of_any_values_is_read_back():
    card = {
        "licence\n": "line\r\nline \x1b[2J" + "x" * 1000,
        "numbers": (float("nan"), float("inf"), 1, 0.5, True, None, 1 << 80),
        "é": {"folder": object()},
    }
    kept = bounded(card)
    assert parse_json(json.dumps(kept).encode(), "card") == kept
    assert kept["licence"].startswith("line line [2J")
    assert kept["numbers"] == [None, None, 1, 0.5, True, None, str(1 << 80)]


@pytest.mark.parametrize(
    ("place", "raw", "problem"),
    [
        ("stride", "1e999", "is not within"),
        ("stride", "NaN", "is not within"),
        ("stride", "9" * 4000, "is not within"),
        ("stride", "9" * 9000, ""),
        ("stride", "[" * 200_000, ""),
        ("stride", "[" * 50 + "]" * 50, "nested more than 16 deep"),
        ("stride", "true", "stride is not a whole number"),
        ("keywords", '["a\\nb", "c"]', "not printable"),
        ("keywords", '["\\u001b[2J", "c"]', "not printable"),
        ("keywords", '["a\\u0000", "c"]', "not printable"),
        ("keywords", '["\\ud800", "c"]', "not printable"),
        ("keywords", '["\\u202eb", "c"]', "not printable"),
        ("keywords", json.dumps(["k" * 101, "c"]), "too long"),
        ("keywords", json.dumps(["k" * 100_000, "c"]), "too long"),
        ("card", '{"data": "x\\u001b]0;y"}', "not printable"),
        ("card", '{"a\\r": 1}', "not printable"),
        ("card", json.dumps({"data": "x" * 501}), "too long"),
        ("card", json.dumps(["x"] * 200_000), "more than"),
        ("format", json.dumps("x" * 300), "is not 1 or 2"),
    ],
)
def test_settings(place, raw, problem):
    skip_without("TensorFlow, whose schema is needed", find_spec("tensorflow"))
    from hostile_models import sealed, settings_of, small_model, unpacked

    model = unpacked(small_model())
    values = json.loads(settings_of(model)) | {place: "@raw@"}
    content = sealed(model, json.dumps(values).replace('"@raw@"', raw).encode())
    with pytest.raises(KwsError) as raised:
        ModelFile.parse(content, "x.tflite")
    assert str(raised.value).startswith("x.tflite: model settings: ")
    assert problem in str(raised.value)
    assert str(raised.value).isprintable()
    assert len(str(raised.value)) < 300
