"""Test that the pages have the figures of the shipped model, as the tool writes them."""

from __future__ import annotations

import pytest
from command_line import ROOT
from model_figures import CONDITIONS, condition_misses, memory, pages, table, with_block

from kws.model_file import ModelFile


def test_the_pages_are_as_the_tool_makes_them() -> None:
    made = pages(ModelFile.load("home"), {})
    assert set(made) == {"README.md", "models/home.md", "docs/architecture.md"}
    for path, text in made.items():
        assert (ROOT / path).read_text("utf-8") == text, "run python tools/model_figures.py"


def test_misses_by_condition_come_from_the_results_of_the_benchmark() -> None:
    def results(missed: int) -> dict:
        figures = {"count": missed, "recordings": 200, "interval": [0.012, 0.1]}
        conditions = {name: {**figures, "rate": missed / 200} for name in CONDITIONS}
        return {"its thresholds": {"conditions": conditions, "kinds": {}}}

    made = condition_misses({"low": results(10), "normal": results(1)})
    head, _, clean, *_ = made.splitlines()
    assert head == "| missed of 200, % (95 %) | low | normal |"
    assert clean == "| clean | 5.0 (1.2 to 10.0) | 0.5 (1.2 to 10.0) |"
    assert len(made.splitlines()) == 2 + len(CONDITIONS)
    page = pages(ModelFile.load("home"), {"low": results(10)})["models/home.md"]
    assert "| clean | 5.0 (1.2 to 10.0) |\n" in page


def test_a_block_is_replaced_and_a_page_without_it_is_refused() -> None:
    start, end = "<!-- it: made by tools/model_figures.py -->\n", "<!-- end of it -->\n"
    page = with_block(f"a\n{start}old\n{end}b\n", "it", "new\n")
    assert page == f"a\n{start}\nnew\n\n{end}b\n"
    assert with_block(page, "it", "new\n") == page
    for without in ("a\nb\n", f"a\n{start}b\n"):
        with pytest.raises(SystemExit, match="no block 'it'"):
            with_block(without, "it", "new\n")


def test_the_memory_is_that_of_the_section_on_ram() -> None:
    rows = "kept frames     3,056  6.6%\ntotal  46,400  17.7% of the board\n"
    report = f"Flash\n-\ncode  9  1%\n\nRAM\n---\n{rows}\nInstructions\n---\nhop  5  1%\n"
    parts = [("kept frames", "3,056"), ("total", "46,400")]
    assert memory(report) == table(["part", "bytes"], parts)
