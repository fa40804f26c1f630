"""Print lines that hold names of files."""

from __future__ import annotations

from rich.console import Console

from kws.foreign_text import printable


def print_line(line: str, console: Console) -> None:
    """Print a line as it is: not wrapped, no meaning of brackets, no emoji for :on:.

    What controls a terminal is not printed as it is.
    """
    shown = "\n".join(map(printable, line.split("\n")))
    console.print(shown, soft_wrap=True, highlight=False, markup=False, emoji=False)
