"""Test lines that hold names of files."""

from __future__ import annotations

import io

from rich.console import Console

from kws.console.plain_line import print_line


def test_a_long_name_with_brackets_is_one_line_as_it_is() -> None:
    printed = io.StringIO()
    line = f"wrote /tmp/[bold]/[/x]/{'long/' * 30}word[1].tflite, 14416 bytes"
    print_line(line, Console(file=printed, width=80))
    assert printed.getvalue() == f"{line}\n"
