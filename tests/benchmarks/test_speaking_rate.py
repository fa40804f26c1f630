"""Test the benchmark of speaking rates where a word has no recordings."""

from __future__ import annotations

import sys

import pytest
import speaking_rate


def test_a_word_without_recordings_is_passed_over(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(speaking_rate, "recordings_of", lambda *paths: {"lumen": []})
    monkeypatch.setattr(sys, "argv", ["speaking_rate.py", "data"])
    speaking_rate.main()
    assert capsys.readouterr().out.startswith("lumen: no recordings; passed over\n")
