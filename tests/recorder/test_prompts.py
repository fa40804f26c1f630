"""The texts that a speaker is asked to read."""

from __future__ import annotations

import pytest

from kws.errors import KwsError
from kws.recorder import prompts


def test_a_text_to_read_contains_no_keyword():
    asked = prompts.reading_prompts(
        ["Go there.", "They are good.", "We go home."], ["go", "smart mirror"]
    )
    assert [prompt.text for prompt in asked] == ["Read: They are good."]
    assert len(prompts.reading_prompts(prompts.TEXTS, [])) == len(prompts.TEXTS)
    with pytest.raises(KwsError, match="no text to read"):
        prompts.reading_prompts(["Go."], ["go"])
