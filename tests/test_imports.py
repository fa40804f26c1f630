"""Who loads whom: the road knows no side room, and nothing that listens loads TensorFlow."""

from __future__ import annotations

import ast
import subprocess
import sys

import pytest
from command_line import ROOT, SAMPLES

import kws as package

PACKAGE = ROOT / "kws"
SIDE_ROOMS = {path.parent.name for path in PACKAGE.glob("*/__init__.py")}
ROAD = {
    "config", "microphone", "recording", "pipe", "ring_buffer", "mfcc", "mfcc_tables", "ds_cnn",
    "posterior", "action", "spotter", "listen",
}  # fmt: skip
DOORS = {"cli"}  # opens the side rooms, each when its command runs


def imports(path):
    """Names of the modules that a file imports anywhere, and of what it takes from them."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path.name} imports relatively"
            yield str(node.module)
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def loaded(*command):
    """Modules that a fresh interpreter imports, whoever asks for them."""
    process = subprocess.run(
        [sys.executable, "-X", "importtime", *map(str, command)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
    )
    lines = process.stderr.splitlines()
    assert process.returncode == 0, lines[-1]
    return {line.rpartition("|")[2].strip() for line in lines if line.startswith("import time:")}


def top_level(modules):
    return {name.partition(".")[0] for name in modules}


def test_the_rooms_are_where_this_test_looks():
    assert {"training", "evaluation", "export", "data"} <= SIDE_ROOMS
    assert {path.stem for path in PACKAGE.glob("*.py")} >= ROAD | DOORS


@pytest.mark.parametrize("path", sorted(PACKAGE.glob("*.py")), ids=lambda path: path.stem)
def test_only_the_command_line_opens_a_side_room(path):
    opened = {name.split(".")[1] for name in imports(path) if name.startswith("kws.")} & SIDE_ROOMS
    if path.stem not in DOORS:
        assert not opened


@pytest.mark.parametrize("path", sorted(PACKAGE.glob("*.py")), ids=lambda path: path.stem)
def test_only_training_knows_tensorflow(path):
    assert not top_level(imports(path)) & {"tensorflow", "keras"}


def test_import_kws_loads_nothing():
    ours = {name for name in loaded("-c", "import kws") if name.startswith("kws")}
    assert ours == {"kws"}
    assert not top_level(loaded("-c", "import kws")) & {"numpy", "tflite_runtime", "typer", "rich"}


def test_the_public_names():
    for name in package.__all__:
        assert getattr(package, name) is not None
        assert name in dir(package)
    with pytest.raises(AttributeError, match="no attribute 'Sponge'"):
        package.Sponge  # noqa: B018


@pytest.mark.parametrize(
    "command",
    [
        ["--help"],
        ["--version"],
        ["listen", "--wav", SAMPLES / "computer_lights.flac"],
        ["info", "home"],
        ["export", "--help"],
        ["export", "home", "--output"],
    ],
    ids=lambda command: " ".join(map(str, command[:2])),
)
def test_no_tensorflow(command, tmp_path):
    output = [tmp_path] if command[-1] == "--output" else []
    assert not top_level(loaded("-m", "kws", *command, *output)) & {"tensorflow", "keras"}


def test_help_loads_no_room():
    modules = loaded("-m", "kws", "--help")
    assert {name for name in modules if name.startswith("kws")} <= {
        "kws", "kws.cli", "kws.errors", "kws.__main__",
    }  # fmt: skip
    assert not top_level(modules) & {"numpy", "tflite_runtime", "sounddevice"}


def test_a_file_needs_no_sound_card_and_no_display():
    modules = top_level(loaded("-m", "kws", "listen", "--wav", SAMPLES / "computer_lights.flac"))
    assert "soundfile" in modules
    assert not modules & {"sounddevice", "soxr", "scipy", "matplotlib"}
