"""Test what the report of an export says, and that its sums hold."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest
from small_models import first_network

from kws.config import GateConfig
from kws.engine.lowering import read
from kws.export import cost
from kws.export.board_report import report
from kws.export.sketch import export
from kws.model_file import ModelFile


def table(text: str, title: str) -> dict[str, list[str]]:
    """Return a table of the text report: texts by the row's name."""
    rows = re.search(rf"^{title}\n-+\n\n(.*?)\n\n", text, re.MULTILINE | re.DOTALL)[1].splitlines()
    texts = (re.split(r"  +", row) for row in rows[1:])
    return {name: others for name, *others in texts}


class Page(HTMLParser):
    """Collect the tags that are open, and what a page would fetch."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.links += [value or "" for name, value in attrs if name in ("src", "href")]
        if tag not in ("meta", "rect"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag != "rect":
            assert self.open.pop() == tag


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return export("home", tmp_path_factory.mktemp("export"))[0].parent


def test_pages_of_text_and_of_self_contained_html(exported: Path) -> None:
    content = (exported / "report.html").read_text()
    page = Page()
    page.feed(content)
    assert page.open == []
    assert page.links == []
    assert "url(" not in content
    text = (exported / "report.txt").read_text()
    assert max(map(len, text.splitlines())) <= 88
    for title in ("Flash", "RAM", "Instructions", "Per second of audio", "Average power"):
        assert title in text
        assert title in content
    assert ModelFile.load("home").sha256 in text
    assert "From stored costs" in text
    assert "python benchmarks/cortex_m4/count.py" in " ".join(text.split())


def test_the_parts_sum_to_the_total(exported: Path) -> None:
    text = (exported / "report.txt").read_text()
    for title in ("Flash", "RAM"):
        sizes = [int(texts[0].replace(",", "")) for texts in table(text, title).values()]
        assert sum(sizes[:-1]) == sizes[-1]
    parts = {name: int(texts[0].replace(",", "")) for name, texts in table(text, "RAM").items()}
    other = ("sketch", "state", "total")
    of_model = sum(n for name, n in parts.items() if not name.startswith(other))
    header = (exported / "src" / "kws_model.h").read_text()
    (memory,) = re.findall(r"KWS_MODEL_MEMORY_BYTES (\d+)", header)
    assert of_model == pytest.approx(int(memory), abs=4)
    (samples,) = re.findall(r"KWS_MODEL_RING_SAMPLES (\d+)", header)
    assert parts["sketch's ring buffer"] == 2 * int(samples)


@pytest.mark.parametrize(
    ("minimum", "maximum", "verdict"),
    [(0.01, 0.015, "below it"), (1.0, 9.0, "the range includes it"), (9.0, 9.5, "above it")],
)
def test_the_comparison_follows_the_figures(
    exported: Path, monkeypatch: pytest.MonkeyPatch, minimum: float, maximum: float, verdict: str
) -> None:
    monkeypatch.setattr(cost, "CYCLES_PER_INSTRUCTION", (minimum, maximum))
    model = first_network(ModelFile.load("home"))
    text = report(model, read(model.content, "home"))["report.txt"]
    assert verdict in " ".join(text.split())


def test_the_processors_share_is_apart_from_the_boards(exported: Path) -> None:
    rows = table((exported / "report.txt").read_text(), "Average power of the board")
    low = {part: [int(n) for n in texts[0].split(" to ")] for part, texts in rows.items()}
    for end in (0, -1):
        assert sum(watts[end] for watts in low.values()) - low["total"][end] == pytest.approx(
            low["total"][end], abs=3
        )
    processor = low["processor, the detector alone"][-1]
    assert rows["processor, the detector alone"][1] == f"{processor / low['total'][-1]:.0%}"
    of_processor = table((exported / "report.txt").read_text(), "Average power of the processor")
    assert of_processor["10%"][-1] == rows["processor, the detector alone"][0]


def test_without_a_gate_silence_costs_as_much_as_speech() -> None:
    model = first_network(ModelFile.load("home"))
    ungated = replace(model, config=replace(model.config, gate=GateConfig(on=False)))
    text = report(ungated, read(model.content, "home"))["report.txt"]
    assert "This model has no gate" in text
    powers = {texts[-1] for texts in table(text, "Average power of the processor").values()}
    assert len(powers) == 1
