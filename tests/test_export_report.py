"""The report of an export: what it says, that its figures hold, and that counting is optional."""

from __future__ import annotations

import os
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest
from command_line import kws
from conftest import skip_without
from small_models import plane, temporal

from kws.config import Gating
from kws.engine.lowering import read
from kws.export import cost, counting, export, footprint, power
from kws.export.c_source import detector_source
from kws.export.report import report
from kws.export.sketch import engine_sources, model_files
from kws.model_file import ModelFile

TOLERANCE = {"gate": 0.1, "front_end": 0.1, "network": 0.1, "posterior": 0.3}


def text_of(folder: Path) -> str:
    return " ".join((folder / "report.txt").read_text().split())


def table(text: str, title: str) -> dict[str, list[str]]:
    """A table of the text report: cells by the row's name."""
    rows = re.search(rf"^{title}\n-+\n\n(.*?)\n\n", text, re.MULTILINE | re.DOTALL)[1].splitlines()
    cells = (re.split(r"  +", row) for row in rows[1:])
    return {row[0]: row[1:] for row in cells}


class Page(HTMLParser):
    """Tags that are open, and whatever a page would fetch."""

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


def test_a_page_of_text_and_one_that_needs_nothing_else(exported: Path) -> None:
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


def test_the_parts_are_the_whole(exported: Path) -> None:
    text = (exported / "report.txt").read_text()
    for title in ("Flash", "RAM"):
        sizes = [int(cells[0].replace(",", "")) for cells in table(text, title).values()]
        assert sum(sizes[:-1]) == sizes[-1]
    parts = {name: int(cells[0].replace(",", "")) for name, cells in table(text, "RAM").items()}
    own = sum(n for name, n in parts.items() if not name.startswith(("sketch", "state", "in all")))
    (memory,) = re.findall(
        r"KWS_MODEL_MEMORY_BYTES (\d+)", (exported / "src" / "kws_model.h").read_text()
    )
    assert own == pytest.approx(int(memory), abs=4)
    assert parts["sketch's ring buffer"] == 2 * 4096


def test_power_by_hand() -> None:
    always = power.power(power.Range(0.0, 1.0))
    assert always.least == pytest.approx(3 * 2.35e-6)
    assert always.most == pytest.approx(3 * 3.3e-3)
    assert power.duty(10e6).least == pytest.approx(12 / 64)
    config = ModelFile.load("home").config
    gated = replace(config, gating=Gating(look_back_ms=300, hold_ms=700))
    assert power.open_share(gated, 0.0) == 0
    assert power.open_share(gated, 0.1) == pytest.approx(0.15)
    assert power.open_share(gated, 0.9) == 1
    assert power.open_share(replace(config, gating=Gating(on=False)), 0.0) == 1


@pytest.mark.parametrize(
    ("least", "most", "verdict"),
    [(0.01, 0.015, "below it"), (1.0, 9.0, "the range includes it"), (9.0, 9.5, "above it")],
)
def test_the_comparison_says_what_it_found(
    exported: Path, monkeypatch: pytest.MonkeyPatch, least: float, most: float, verdict: str
) -> None:
    monkeypatch.setattr(power, "CYCLES_PER_INSTRUCTION", (least, most))
    model = ModelFile.load("home")
    text = report(model, read(model.content, "home"), {})["report.txt"]
    assert verdict in " ".join(text.split())


def test_without_a_gate_silence_costs_what_speech_does() -> None:
    model = ModelFile.load("home")
    ungated = replace(model, config=replace(model.config, gating=Gating(on=False)))
    text = report(ungated, read(model.content, "home"), {})["report.txt"]
    assert "This model has no gate" in text
    powers = {cells[-1] for cells in table(text, "Average power of the processor").values()}
    assert len(powers) == 1


def counted_and_stored(model: ModelFile) -> tuple[counting.Count, cost.Costs, cost.Costs]:
    skip_without("an Arm compiler and QEMU", counting.available())
    sources = {path.name: path.read_text() for path in engine_sources()}
    network = read(model.content, "model")
    count = counting.count(sources | model_files(detector_source(model, network)))
    return count, cost.counted(count), cost.stored(network, model.config)


@pytest.mark.parametrize("name", ["home", "temporal", "plane"])
def test_the_stored_costs_are_what_is_counted(name: str) -> None:
    model = {"home": lambda: ModelFile.load("home"), "temporal": temporal, "plane": plane}[name]()
    count, counted, stored = counted_and_stored(model)
    for stage, tolerance in TOLERANCE.items():
        assert getattr(stored, stage) == pytest.approx(getattr(counted, stage), rel=tolerance), (
            stage
        )
    for share in (0.0, 0.1, 1.0):
        assert stored.per_second(model.config, share) == pytest.approx(
            counted.per_second(model.config, share), rel=0.1
        )
    code, state = cost.stored_flash()
    assert {k: n for k, n in count.flash.items() if k != "kws_model"} == pytest.approx(
        code, rel=0.05
    )
    assert count.state == state
    parts = footprint.flash(count.flash, model, read(model.content, "model"))
    assert sum(parts.values()) == pytest.approx(sum(count.flash.values()), abs=64)  # alignment


def test_a_count_is_said_to_be_one_and_repeats(tmp_path: Path) -> None:
    skip_without("an Arm compiler and QEMU", counting.available())
    folders = [tmp_path / name / "kws_home" for name in "ab"]
    for folder in folders:
        done = kws("export", "home", "--output", folder.parent)
        assert (done.returncode, done.stderr) == (0, "")
    assert "Counted on an emulated Cortex-M4F" in text_of(folders[0])
    for name in ("report.txt", "report.html", "kws_export.sha256"):
        assert (folders[0] / name).read_bytes() == (folders[1] / name).read_bytes()


@pytest.mark.parametrize("broken", [True, False], ids=["broken compiler", "no compiler"])
def test_where_nothing_can_be_counted_the_stored_costs_serve(tmp_path: Path, broken: bool) -> None:
    programs = tmp_path / "bin"
    programs.mkdir()
    for tool in counting.TOOLS if broken else ():
        (programs / tool).write_text("#!/bin/sh\nexit 1\n")
        (programs / tool).chmod(0o755)
    environment = {**os.environ, "PATH": str(programs)}
    done = kws("export", "home", "--output", tmp_path, env=environment)
    assert (done.returncode, done.stderr) == (0, "")
    assert "From stored costs" in text_of(tmp_path / "kws_home")
