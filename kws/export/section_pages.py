"""Lay out the sections of a report as a page of text and as a page of HTML."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from textwrap import fill

from kws.console.html_page import html_page, made_by

COMMAND = "kws export"
TEXT_WIDTH = 88  # characters
BAR_WIDTH = 160  # px


@dataclass(frozen=True)
class Section:
    """Hold a table, a bar for each of its first rows, and notes."""

    title: str
    heads: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]
    bars: Sequence[float]  # 0..1
    notes: tuple[str, ...]


def text_page(title: str, about: str, sections: Sequence[Section]) -> str:
    """Return sections as a page of plain text."""
    parts = [title, "=" * len(title), "", fill(about, TEXT_WIDTH), ""]
    for section in sections:
        table = [section.heads, *section.rows]
        widths = [max(map(len, column)) for column in zip(*table, strict=True)]
        parts += [section.title, "-" * len(section.title), ""]
        for row in table:
            first, *others = (
                text.rjust(width) if index else text.ljust(width)
                for index, (text, width) in enumerate(zip(row, widths, strict=True))
            )
            parts.append("  ".join((first, *others)).rstrip())
        parts.append("")
        parts += [fill(note, TEXT_WIDTH) + "\n" for note in section.notes]
    return "\n".join((*parts, made_by(COMMAND), ""))


def web_page(title: str, about: str, sections: Sequence[Section]) -> str:
    """Return sections as one self-contained page of HTML."""
    return html_page(title, about, "\n".join(map(_section, sections)), COMMAND)


def _section(section: Section) -> str:
    """Return a section as HTML."""
    heads = "".join(f"<th>{escape(head)}</th>" for head in section.heads)
    heads += "<th></th>" if section.bars else ""
    rows = []
    for index, row in enumerate(section.rows):
        texts = "".join(f"<td>{escape(text)}</td>" for text in row)
        bar = _bar(section.bars[index]) if index < len(section.bars) else ""
        rows.append(f"<tr>{texts}<td>{bar}</td></tr>" if section.bars else f"<tr>{texts}</tr>")
    notes = "\n".join(f"<p>{escape(note)}</p>" for note in section.notes)
    table = f"<table>\n<tr>{heads}</tr>\n" + "\n".join(rows) + "\n</table>"
    return f"<h2>{escape(section.title)}</h2>\n{table}\n{notes}"


def _bar(share: float) -> str:
    """Return a bar as SVG, share in 0..1."""
    return (
        f'<svg width="{BAR_WIDTH}" height="12" role="img" aria-label="{share:.0%}">'
        f'<rect width="{share * BAR_WIDTH:.1f}" height="12"/></svg>'
    )
