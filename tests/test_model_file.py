"""Test how models are found and loaded; tests of the command line load damaged ones."""

from __future__ import annotations

import logging
import os
from pathlib import Path

import pytest

from kws.errors import KwsError
from kws.model_file import ModelFile, find, shipped


def test_the_base_model_is_found_by_its_former_name(caplog):
    with caplog.at_level(logging.INFO, "kws"):
        assert ModelFile.load("trunk") == ModelFile.load("base")
    assert [record.getMessage() for record in caplog.records] == [
        "the model trunk is now called base"
    ]


def test_a_name_is_looked_up_and_a_path_is_taken_as_it_is(tmp_path):
    assert {"base", "esphome", "home"} <= set(shipped())
    assert find("home").is_file()
    assert find("elsewhere/home") == Path("elsewhere/home")
    with pytest.raises(
        KwsError, match=r"^no model named 'attic'; shipped are: base, esphome, home"
    ):
        find("attic")


def test_a_model_without_its_gate_differs_in_nothing_else():
    model = ModelFile.load()
    without = model.without_gate()
    assert model.config.gate.on
    assert not without.config.gate.on
    assert without.content == model.content
    assert without.config.to_dict() | {"gate": None} == model.config.to_dict() | {"gate": None}


def test_what_is_no_regular_file_is_not_read(tmp_path):
    os.mkfifo(tmp_path / "pipe.tflite")
    for path in (tmp_path / "pipe.tflite", "/dev/zero"):
        with pytest.raises(KwsError, match="not a regular file"):
            ModelFile.load(path)
    with pytest.raises(KwsError, match="Is a directory"):
        ModelFile.load(f"{tmp_path}/")
    with pytest.raises(KwsError, match=r"no model named|too long"):
        ModelFile.load("x" * 5000)


def test_a_file_larger_than_any_model_is_not_read(tmp_path):
    path = tmp_path / "large.tflite"
    with path.open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(KwsError, match="larger than a model"):
        ModelFile.load(path)
