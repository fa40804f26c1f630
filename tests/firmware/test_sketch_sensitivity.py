"""The sensitivity of the sketch: settings.h chooses the same thresholds as kws listen."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import sketch_board
from command_line import all_keywords
from conftest import skip_without
from small_models import first_network
from waiting import PATIENCE

from kws.backend import Spotter
from kws.console.detection_lines import text_line
from kws.engine.lowering import read
from kws.export.c_source import detector_source
from kws.export.sketch import engine_files, model_files, sketch_files
from kws.model_file import ModelFile
from kws.sensitivity import Sensitivity, store

HOME = first_network(ModelFile.load("home"))
HIGH, LOW = (0.45, 0.5, 0.55, 0.6), (0.84, 0.999, 0.9, 0.7)


def write_sketch(folder: Path, **points: tuple[float, ...]) -> Path:
    """Write a sketch of home with operating points."""
    stored = {name: Sensitivity(thresholds, 0.5) for name, thresholds in points.items()}
    model = replace(HOME, config=store(HOME.config, stored))
    network = read(model.content, model.name)
    engine = engine_files([network], [model.config.front_end.arithmetic], committee=False)
    sources = engine | model_files(detector_source(model, network))
    for name, text in sketch_files("kws_home", sources).items():
        (folder / "kws_home" / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / "kws_home" / name).write_text(text, "utf-8")
    return folder / "kws_home"


@pytest.fixture(scope="module")
def sketch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_sketch(tmp_path_factory.mktemp("export"), low=LOW, high=HIGH)


def settings(sketch: Path, sensitivity: str, thresholds: str = "") -> None:
    """Change settings.h as a user does."""
    path = sketch / "settings.h"
    lines = path.read_text().splitlines()
    values = {"#define KWS_SENSITIVITY": sensitivity, "#define KWS_THRESHOLDS": thresholds}
    for start, value in values.items():
        [index] = [i for i, line in enumerate(lines) if line.startswith(start)]
        lines[index] = f"{start} {value}"
    path.write_text("\n".join(lines) + "\n")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("sensitivity", "thresholds", "overrides"),
    [
        ("KWS_NORMAL", "", {}),
        ("KWS_LOW", "", {}),
        ("KWS_HIGH", '{"alexa", 0.9}, {"smart mirror", 1},', {"alexa": 0.9, "smart mirror": 1.0}),
    ],
)
def test_the_board_decides_as_the_laptop_does(
    sketch: Path, tmp_path: Path, sensitivity: str, thresholds: str, overrides: dict[str, float]
) -> None:
    settings(sketch, sensitivity, thresholds)
    program = sketch_board.build(sketch, tmp_path)
    board = sketch_board.run(program, all_keywords(), tmp_path, ["0 serial reads"])
    points = {"low": Sensitivity(LOW, 0.5), "high": Sensitivity(HIGH, 0.5)}
    model = replace(HOME, config=store(HOME.config, points))
    name = sensitivity.removeprefix("KWS_").lower()
    laptop = Spotter(model, sensitivity=name, thresholds=overrides)
    expected = laptop.push(np.concatenate([all_keywords(), np.zeros(8000, np.int16)]))
    assert [line for line in board.lines if " s  " in line] == list(map(text_line, expected))


@pytest.mark.parametrize(
    ("sensitivity", "thresholds", "reason"),
    [
        ("KWS_LOW", "", "KWS_SENSITIVITY: the model does not have it"),
        ("KWS_NORMAL", '{"alexis", 0.5},', "the model does not have such a keyword"),
        ("KWS_NORMAL", '{"alexa", 0},', "a threshold is not above 0 up to 1"),
        ("KWS_NORMAL", '{"alexa", 1.01},', "a threshold is not above 0 up to 1"),
    ],
)
def test_what_the_model_lacks_does_not_compile(
    tmp_path: Path, sensitivity: str, thresholds: str, reason: str
) -> None:
    skip_without("g++", shutil.which("g++"))
    sketch = write_sketch(tmp_path, high=HIGH)
    settings(sketch, sensitivity, thresholds)
    command = ["g++", "-std=gnu++14", "-fsyntax-only", "-x", "c++", "-include", "stdint.h"]
    done = subprocess.run(
        [*command, str(sketch / "sensitivity.h")], capture_output=True, text=True, timeout=PATIENCE
    )
    assert done.returncode != 0
    assert reason in done.stderr


def test_the_settings_of_an_earlier_export_compile(tmp_path: Path) -> None:
    skip_without("g++", shutil.which("g++"))
    sketch = write_sketch(tmp_path)
    (sketch / "settings.h").write_text("#define KWS_LED 1\n")
    command = ["g++", "-std=gnu++14", "-fsyntax-only", "-x", "c++", *sketch_board.STRICT]
    source = tmp_path / "main.cpp"
    source.write_text('#include "sensitivity.h"\nint main() { (void)sensitivity; }\n')
    subprocess.run([*command, f"-I{sketch}", str(source)], check=True, timeout=PATIENCE)
