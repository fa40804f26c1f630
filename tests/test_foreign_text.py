"""Test the bounds of texts and settings from outside."""

from __future__ import annotations

import json

import pytest

from kws.foreign_text import bounded, is_printable, parse_json


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
