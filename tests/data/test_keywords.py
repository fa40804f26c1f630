"""Test the folder names of keywords."""

from __future__ import annotations

import pytest

from kws.data.keywords import folder_name
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
