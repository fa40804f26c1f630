"""What a command loads: nothing of TensorFlow, and no room that it does not need."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest
import soundfile
import soxr
from command_line import ROOT, SAMPLES
from conftest import skip_without
from waiting import PATIENCE

import kws as package
from kws.backend import AVAILABLE


def loaded(*command):
    """Modules that a fresh interpreter imports, whoever asks for them."""
    process = subprocess.run(
        [sys.executable, "-X", "importtime", *map(str, command)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
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


@pytest.mark.parametrize("rate", [16_000, 44_100])
def test_listening_works_without_the_packages_of_extras(rate, tmp_path):
    """Block what only extras bring: no wheel of them is needed to listen."""
    skip_without("the C engine (no compiler when kws was installed)", AVAILABLE)
    samples, _ = soundfile.read(SAMPLES / "computer_lights.flac", dtype="float32")
    soundfile.write(tmp_path / "a.wav", soxr.resample(samples, 16_000, rate), rate)
    blocked = ("tflite_runtime", "ai_edge_litert", "tensorflow", "scipy", "soxr", "onnxruntime")
    program = f"import sys; sys.modules.update(dict.fromkeys({blocked}))\n"
    program += "from kws.cli import main; main()"
    found = subprocess.run(
        [sys.executable, "-c", program, "listen", "--wav", tmp_path / "a.wav", "--json"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    assert found.returncode == 0, found.stderr
    assert [json.loads(line)["keyword"] for line in found.stdout.splitlines()] == ["computer"]


def test_a_missing_libsndfile_is_one_line(tmp_path):
    """soundfile raises OSError where the system lacks the library that its package lacks too."""
    (tmp_path / "soundfile.py").write_text("raise OSError('cannot load library')")
    found = subprocess.run(
        [sys.executable, "-m", "kws", "listen", "--wav", SAMPLES / "computer_lights.flac"],
        env={**os.environ, "PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    assert (found.returncode, found.stdout) == (1, "")
    (line,) = found.stderr.splitlines()
    assert line.startswith("kws: error: libsndfile is not installed (")


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
