"""What a command loads: nothing of TensorFlow, and no room that it does not need."""

from __future__ import annotations

import subprocess
import sys

import pytest
from command_line import ROOT, SAMPLES

import kws as package


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
    ours = {".".join(name.split(".")[:2]) for name in modules if name.startswith("kws")}
    assert ours <= {"kws", "kws.__main__", "kws.cli", "kws.commands", "kws.console", "kws.errors"}
    assert not top_level(modules) & {"numpy", "tflite_runtime", "sounddevice"}


def test_a_file_needs_no_sound_card_and_no_display():
    modules = loaded("-m", "kws", "listen", "--wav", SAMPLES / "computer_lights.flac")
    assert "soundfile" in modules
    assert "kws.console.live_display" not in modules
    assert not top_level(modules) & {"sounddevice", "soxr", "scipy", "matplotlib", "bleak"}
