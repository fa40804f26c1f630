"""Print names of files and keywords as they are: no meaning of brackets, no emoji for :on:."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from rich.console import Console
from rich.text import Text

from kws.foreign_text import printable


def print_line(line: str, console: Console) -> None:
    """Print a line as it is, not wrapped, but for what controls a terminal."""
    shown = "\n".join(map(printable, line.split("\n")))
    console.print(shown, soft_wrap=True, highlight=False, markup=False, emoji=False)


def plain_cells(texts: Iterable[str]) -> Iterator[Text]:
    """Yield the cells of a row of a table, as they are."""
    return map(Text, texts)


def plain_title(text: str) -> Text:
    """Return the title of a table, as it is."""
    return Text(text, "table.title")
