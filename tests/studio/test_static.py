"""Test that the pages are in the package, and need nothing from elsewhere."""

from __future__ import annotations

import configparser
import re
from pathlib import Path

import pytest
from command_line import ROOT

STATIC = ROOT / "kws" / "studio" / "static"
FILES = sorted(STATIC.iterdir())


def test_all_files_are_packaged() -> None:
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg")
    patterns = setup["options.package_data"]["kws.studio"].split(",")
    packaged = {path for pattern in patterns for path in STATIC.parent.glob(pattern.strip())}
    assert set(FILES) == packaged
    assert {path.suffix for path in FILES} == {".css", ".html", ".js", ".svg"}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_nothing_is_fetched_from_elsewhere(path: Path) -> None:
    content = path.read_text("utf-8").replace('xmlns="http://www.w3.org/2000/svg"', "")
    assert not re.search(r"https?://|[\"'(]//", content)
    assert len(content.splitlines()) <= 250


@pytest.mark.parametrize("path", sorted(STATIC.glob("page_*.js")), ids=lambda path: path.name)
def test_texts_are_in_one_place(path: Path) -> None:
    """A text has a capital and a space, or is said to screen readers; codes have neither."""
    literals = re.findall(r'"([^"\n]*)"', path.read_text("utf-8"))
    assert not [text for text in literals if re.match(r"[A-Z].* ", text)]


def test_names_are_never_markup() -> None:
    for path in FILES:
        assert not re.search(
            r"innerHTML|outerHTML|insertAdjacentHTML|document\.write", path.read_text()
        )
