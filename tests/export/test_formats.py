"""Test the choice of a format, and of names for the models in it."""

from __future__ import annotations

from pathlib import Path

import pytest

from kws.commands.export import FORMATS as IN_HELP
from kws.errors import KwsError
from kws.export.formats import FORMATS, export_as
from kws.export.library_models import Chosen, load
from kws.model_file import CHECKSUM_ENTRY, CONFIG_ENTRY, find


def test_the_help_names_all_formats() -> None:
    assert IN_HELP.split(", ") == list(FORMATS)


def test_an_unknown_format_is_named_with_those_that_are_known(tmp_path: Path) -> None:
    with pytest.raises(KwsError, match="--format floppy: not one of arduino-sketch"):
        export_as("floppy", ["home"], (), tmp_path)


def test_names_are_as_many_as_models(tmp_path: Path) -> None:
    with pytest.raises(KwsError, match="--name: 1 given for 2 models"):
        export_as("arduino-sketch", ["home", "home"], ["one"], tmp_path)


@pytest.mark.parametrize("format_name", FORMATS)
def test_an_empty_name_is_refused(tmp_path: Path, format_name: str) -> None:
    for name in ("", " "):
        with pytest.raises(KwsError, match="--name: a name is empty"):
            export_as(format_name, ["home"], [name], tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_sketch_has_one_model(tmp_path: Path) -> None:
    with pytest.raises(KwsError, match="a sketch has one model"):
        export_as("arduino-sketch", ["home", "home"], (), tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_name_is_that_of_the_sketch(tmp_path: Path) -> None:
    written = export_as("arduino-sketch", ["home"], ["lamp"], tmp_path)
    assert tmp_path / "kws_lamp" / "kws_lamp.ino" in written


def test_an_unknown_arithmetic_is_named_with_those_that_are_known(tmp_path: Path) -> None:
    with pytest.raises(KwsError, match="arithmetic 'half' is not one of float, fixed"):
        export_as("arduino-sketch", ["home"], (), tmp_path, "half")


def test_committees_are_compiled_where_a_model_is_one(tmp_path: Path) -> None:
    """In a library, where any is."""
    for models, committee in ((["home-small"], 0), (["home-small", "home"], 1)):
        written = export_as("c", models, (), tmp_path / str(committee))
        (kinds,) = (path for path in written if path.name == "kws_kinds.h")
        assert f"#define KWS_COMMITTEE {committee}\n" in kinds.read_text()


def test_an_arithmetic_is_that_of_the_front_end(tmp_path: Path) -> None:
    """Of a board's sketch, of its report and of a page; the thresholds are those of the model."""
    for arithmetic, front_ends in (("float", 1), ("fixed", 2)):
        written = export_as("arduino-sketch", ["home"], (), tmp_path / arithmetic, arithmetic)
        files = {path.name: path.read_text() for path in written if path.suffix != ".html"}
        assert f"#define KWS_FRONT_ENDS {front_ends:#x}u" in files["kws_kinds.h"]
        fixed = arithmetic == "fixed"
        assert ("KWS_MODEL_FIXED_FRONT_END" in files["kws_model.h"]) == fixed
        assert ("front end, fixed point" in files["report.txt"]) == fixed
        assert "without a stored cost" not in files["report.txt"]
    sources = [tmp_path / of / "kws_home" / "src" / "kws_model.c" for of in ("float", "fixed")]
    thresholds = [
        path.read_text().partition("sensitivities[]")[2].split("}")[0] for path in sources
    ]
    assert thresholds[0] == thresholds[1]
    pages = [
        next(path for path in written if path.name == "model.bin").read_bytes()
        for written in (
            export_as("web", ["home"], (), tmp_path / f"{of}-page", of) for of in ("float", "fixed")
        )
    ]
    assert pages[0] != pages[1]


def test_a_library_may_have_models_of_both() -> None:
    models = load([Chosen("home"), Chosen("home", "lamp", "fixed")])
    assert ["FIXED_FRONT_END" in model.header for model in models] == [False, True]


def test_a_network_alone_has_no_front_end_and_no_name(tmp_path: Path) -> None:
    path = tmp_path / "network.tflite"
    content = find("home").read_bytes()
    for entry in (CONFIG_ENTRY, CHECKSUM_ENTRY):
        content = content.replace(entry.encode(), b"?" * len(entry))
    path.write_bytes(content)
    with pytest.raises(KwsError, match=r"--arithmetic: .* is a network alone"):
        export_as("arduino-sketch", [str(path)], (), tmp_path / "out", "fixed")
    with pytest.raises(KwsError, match=r"--name: .* is a network alone"):
        export_as("arduino-sketch", [str(path)], ["lamp"], tmp_path / "out")
    path.with_suffix(".json").write_text("{}")  # of something else
    written = export_as("arduino-sketch", [str(path)], (), tmp_path / "out")
    (kinds,) = (file for file in written if file.name == "kws_kinds.h")
    assert "#define KWS_COMMITTEE 0\n" in kinds.read_text()
