"""Test the choice of a format, and of names for the models in it."""

from __future__ import annotations

from pathlib import Path

import pytest

from kws.commands.export import FORMATS as IN_HELP
from kws.errors import KwsError
from kws.export.formats import FORMATS, export_as


def test_the_help_names_all_formats() -> None:
    assert IN_HELP.split(", ") == list(FORMATS)


def test_an_unknown_format_is_named_with_those_that_are_known(tmp_path: Path) -> None:
    with pytest.raises(KwsError, match="--format floppy: not one of arduino-sketch"):
        export_as("floppy", ["home"], (), tmp_path)


def test_names_are_as_many_as_models(tmp_path: Path) -> None:
    with pytest.raises(KwsError, match="--name: 1 given for 2 models"):
        export_as("arduino-sketch", ["home", "home"], ["one"], tmp_path)


def test_a_sketch_has_one_model(tmp_path: Path) -> None:
    with pytest.raises(KwsError, match="a sketch has one model"):
        export_as("arduino-sketch", ["home", "home"], (), tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_name_is_that_of_the_sketch(tmp_path: Path) -> None:
    written = export_as("arduino-sketch", ["home"], ["lamp"], tmp_path)
    assert tmp_path / "kws_lamp" / "kws_lamp.ino" in written
