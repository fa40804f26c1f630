"""Test the folder names of keywords."""

from __future__ import annotations

import pytest

from kws.data.keywords import folder_name, keyword_folders
from kws.errors import KwsError


@pytest.mark.parametrize(
    ("text", "name"),
    [("Hey  Lumen", "hey_lumen"), ("hey_lumen", "hey_lumen"), ("it's", "it's"), ("größe", "größe")],
)
def test_the_folder_of_a_keyword(text, name):
    assert folder_name(text) == name


@pytest.mark.parametrize(
    "text", ["", "  ", "_", "../x", "a/b", ".hidden", "a\0b", "-x", "_room_", "x" * 101]
)
def test_what_is_not_a_keyword(text):
    with pytest.raises(KwsError, match="keyword"):
        folder_name(text)


def test_a_folder_whose_name_no_model_can_hold_is_passed_over(tmp_path, caplog):
    """Keep keywords of every script, with joiners between letters, too."""
    names = ["\u0645\u06cc\u200c\u062e", "नमस्ते", "k" * 101, "a\x1b[2J", "ok"]
    kept = keyword_folders([tmp_path / name for name in names])
    assert len(kept) == 3
    assert sum("passed over" in line for line in caplog.messages) == 2
