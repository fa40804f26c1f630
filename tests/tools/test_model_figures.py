"""Test that the pages have the figures of the shipped models, as the tool writes them."""

from __future__ import annotations

import re
from typing import Any

import pytest
from command_line import ROOT
from model_figures import (
    CONDITIONS,
    comparison,
    condition_misses,
    memory,
    pages,
    percent,
    table,
    with_block,
)

from kws.calibration_card import calibration_of
from kws.model_file import ModelFile

HOME, SMALL = ModelFile.load("home"), ModelFile.load("home-small")
SHARES = {"its thresholds": 0.5, "4 alarms": 0.2, "20 alarms": 0.1}  # missed, in a test


def results(missed: int, heading: str = "its thresholds") -> dict[str, Any]:
    """Return results of the benchmark in which each condition has so many misses."""
    figures = {"count": missed, "recordings": 200, "interval": [0.012, 0.1]}
    conditions = {name: {**figures, "rate": missed / 200} for name in CONDITIONS}
    return {heading: {"conditions": conditions, "kinds": {}}}


def block(path: str, name: str) -> list[list[str]]:
    """Return the cells of a block's table, without its head."""
    page = (ROOT / path).read_text("utf-8")
    found = re.search(rf"<!-- {name}: .*? -->\n(.*?)<!-- end of {name} -->", page, re.DOTALL)
    assert found
    return [line.strip("| \n").split(" | ") for line in found[1].strip().splitlines()[2:]]


def words(path: str) -> str:
    """Return the text of a page on one line."""
    return " ".join((ROOT / path).read_text("utf-8").split())


def test_the_pages_are_as_the_tool_makes_them() -> None:
    made = pages(HOME, SMALL, {})
    cards = {"models/home.md", "models/home-small.md"}
    assert set(made) == {"README.md", "docs/architecture.md", *cards}
    for path, text in made.items():
        assert (ROOT / path).read_text("utf-8") == text, "run python tools/model_figures.py"


def test_misses_by_condition_come_from_the_results_of_the_benchmark() -> None:
    made = condition_misses({"low": results(10), "normal": results(1)})
    head, _, clean, *_ = made.splitlines()
    assert head == "| missed of 200, % (95 %) | low | normal |"
    assert clean == "| clean | 5.0 (1.2 to 10.0) | 0.5 (1.2 to 10.0) |"
    assert len(made.splitlines()) == 2 + len(CONDITIONS)
    page = pages(HOME, SMALL, {"low": results(10)})["models/home.md"]
    assert "| clean | 5.0 (1.2 to 10.0) |\n" in page


def test_the_small_one_is_compared_with_home() -> None:
    home, small = (
        {heading: results(round(factor * 200 * share), heading)[heading]
         for heading, share in SHARES.items()}
        for factor in (0.5, 1)
    )  # fmt: skip
    made = comparison(home, small).splitlines()
    assert made[0] == (
        "| missed of 200, % | 4 alarms: home | home-small | 20 alarms: home | home-small"
        " | *normal*: home | home-small |"
    )
    assert made[2] == "| clean | 10.0 | 20.0 | 5.0 | 10.0 | 25.0 | 50.0 |"
    assert made[-1] == "| mean | 10.0 | 20.0 | 5.0 | 10.0 | 25.0 | 50.0 |"
    assert len(made) == 3 + len(CONDITIONS)
    page = pages(HOME, SMALL, {"normal": home}, small)["models/home-small.md"]
    assert made[2] in page


def test_the_comparison_is_of_the_models_that_are_shipped() -> None:
    """The benchmark takes minutes: here its columns are compared with what the cards have."""
    *rows, mean = block("models/home-small.md", "comparison")
    assert [row[0] for row in rows] == list(CONDITIONS.values())
    columns = [list(map(float, column)) for column in zip(*(row[1:] for row in rows), strict=True)]
    averages = [sum(column) / len(column) for column in columns]
    assert list(map(float, mean[1:])) == pytest.approx(averages, abs=0.1)
    at_normal = [float(row[2].partition(" ")[0]) for row in block("models/home.md", "conditions")]
    assert columns[4] == at_normal
    for column, model in zip(columns[4:], (HOME, SMALL), strict=True):
        clean = calibration(model, "normal")["clean"]
        assert column[0] == pytest.approx(100 * clean.missed / clean.utterances, abs=0.05)


def calibration(model: ModelFile, sensitivity: str) -> Any:
    """Return the misses of a model at a sensitivity, by condition."""
    card = calibration_of(model.config)
    assert card
    return card.points[sensitivity].misses


def test_pages_say_of_the_small_one_what_its_card_has() -> None:
    clean, *_, mean = (row[1:] for row in block("models/home-small.md", "comparison"))
    assert float(clean[2]) == float(clean[0]) == 0
    normal, high = (calibration(SMALL, name) for name in ("normal", "high"))
    shares = [100 * of.missed / of.utterances for of in (normal["clean"], normal["10 dB"])]
    page = words("docs/experiments/small_network.md")
    for sentence in (
        f"{clean[3]} % clean where home misses none",
        f"{mean[3]} % as the mean of {len(CONDITIONS)} conditions where home misses {mean[2]};",
        f"at 4 alarms {clean[1]} and {mean[1]} % against {clean[0]} and {mean[0]}.",
        "{:.1f} and {:.1f} % before".format(*shares),
    ):
        assert sentence in page
    home = calibration(HOME, "normal")["clean"]
    assert (
        f"{percent(shares[0] / 100)} missed instead of {100 * home.missed / home.utterances:.1f},"
        f" at 2.5 alarms {percent(high['clean'].missed / high['clean'].utterances)}"
    ) in words("README.md")


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
