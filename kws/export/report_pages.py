"""Tables with notes, as a page of text and as one self-contained HTML page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from textwrap import fill

from kws.console.html_page import html_page, made_by

WIDTH = 88  # characters of the text
COMMAND = "kws export"
BAR_WIDTH = 160  # px


@dataclass(frozen=True)
class Section:
    """A table, a bar for each of its first rows, and what is to be said of it."""

    title: str
    heads: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]
    bars: Sequence[float]  # 0..1
    notes: tuple[str, ...]


def text_page(title: str, about: str, sections: Sequence[Section]) -> str:
    """A page of plain text."""
    parts = [title, "=" * len(title), "", fill(about, WIDTH), ""]
    for section in sections:
        table = [section.heads, *section.rows]
        widths = [max(map(len, column)) for column in zip(*table, strict=True)]
        parts += [section.title, "-" * len(section.title), ""]
        for row in table:
            first, *others = (
                cell.rjust(width) if place else cell.ljust(width)
                for place, (cell, width) in enumerate(zip(row, widths, strict=True))
            )
            parts.append("  ".join((first, *others)).rstrip())
        parts.append("")
        parts += [fill(note, WIDTH) + "\n" for note in section.notes]
    return "\n".join((*parts, made_by(COMMAND), ""))


def web_page(title: str, about: str, sections: Sequence[Section]) -> str:
    """One page of HTML that needs nothing else."""
    return html_page(title, about, "\n".join(map(_section, sections)), COMMAND)


def _section(section: Section) -> str:
    heads = "".join(f"<th>{escape(head)}</th>" for head in section.heads)
    heads += "<th></th>" if section.bars else ""
    rows = []
    for place, row in enumerate(section.rows):
        cells = "".join(f"<td>{escape(cell)}</td>" for cell in row)
        bar = _bar(section.bars[place]) if place < len(section.bars) else ""
        rows.append(f"<tr>{cells}<td>{bar}</td></tr>" if section.bars else f"<tr>{cells}</tr>")
    notes = "\n".join(f"<p>{escape(note)}</p>" for note in section.notes)
    table = f"<table>\n<tr>{heads}</tr>\n" + "\n".join(rows) + "\n</table>"
    return f"<h2>{escape(section.title)}</h2>\n{table}\n{notes}"


def _bar(share: float) -> str:
    return (
        f'<svg width="{BAR_WIDTH}" height="12" role="img" aria-label="{share:.0%}">'
        f'<rect width="{share * BAR_WIDTH:.1f}" height="12"/></svg>'
    )
