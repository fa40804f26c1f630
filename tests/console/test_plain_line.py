"""Test lines that hold names of files."""

from __future__ import annotations

import io

import numpy as np
from rich.console import Console

from kws.console.plain_line import print_line
from kws.recorder.session import PromptScreen


def test_a_long_name_with_brackets_is_one_line_as_it_is() -> None:
    printed = io.StringIO()
    line = f"wrote /tmp/a:on:b/[bold]/[/x]/{'long/' * 30}word[1].tflite, 14416 bytes"
    print_line(line, Console(file=printed, width=80))
    assert printed.getvalue() == f"{line}\n"


def test_a_prompt_of_a_recording_is_as_it_is() -> None:
    screen = PromptScreen()
    screen.prompt("Read: [bold] a:on:b")
    screen.show_level(np.ones(100, np.int16))
    shown = "".join(segment.text for segment in screen._console.render(screen))
    assert shown.splitlines()[0] == "Read: [bold] a:on:b"
