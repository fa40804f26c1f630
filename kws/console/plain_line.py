"""Print lines that hold names of files."""

from __future__ import annotations

from rich.console import Console


def print_line(line: str, console: Console) -> None:
    """Print a line as it is: not wrapped, no meaning of brackets, no emoji for :on:."""
    console.print(line, soft_wrap=True, highlight=False, markup=False, emoji=False)
