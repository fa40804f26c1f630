"""Test every command without the optional packages: it works, or one line says what to install."""

from __future__ import annotations

import configparser
import json
import re
import subprocess
import sys

import pytest
from command_line import ROOT, SAMPLES

# Module of a library where its name is another one.
MODULES = {
    "tensorflow-cpu": "tensorflow",
    "paho-mqtt": "paho",
    "pyopen-wakeword": "pyopen_wakeword",
}
PROGRAM = """
import json, sys
from importlib.machinery import PathFinder
missing, commands = map(json.loads, sys.argv[1:])
found = PathFinder.find_spec
PathFinder.find_spec = classmethod(
    lambda _, name, *more: None if name.partition(".")[0] in missing else found(name, *more)
)
from kws.cli import app
from kws.errors import KwsError
for command in commands:
    try:
        print("status", app(command, standalone_mode=False) or 0)
    except KwsError as error:
        print("status", error)
"""
WAV = str(SAMPLES / "all_keywords.flac")
EVALUATE = ["evaluate", "home", "--positives", "x", "--negatives", "x"]
TRAIN = ["train", "x", "--output", "x.tflite"]
CALIBRATE = ["calibrate", "home", "--negatives", "x", "--output", "x.tflite"]


def optional() -> list[str]:
    """Return the modules of all packages that the extras bring."""
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg")
    extras = "\n".join(setup["options.extras_require"].values())
    names = set(re.findall(r"^([A-Za-z][\w-]*)(?!\[)", extras, re.MULTILINE)) - {"kws", "numpy"}
    return sorted(MODULES.get(name, name.replace("-", "_")) for name in names)


def outcomes(missing: list[str], commands: list[list[str]]) -> list[str]:
    """Return the status of each command, or its error, where modules cannot be found."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, json.dumps(missing), json.dumps(commands)],
        **{"cwd": ROOT, "capture_output": True, "text": True},
    )
    assert done.returncode == 0, done.stderr
    return re.findall(r"^status (.*)$", done.stdout, re.MULTILINE)


def test_without_any_of_them(tmp_path) -> None:
    needs = {
        "kws evaluate needs SciPy: pip install 'kws[evaluate]'": EVALUATE,
        "kws train needs TensorFlow: pip install 'kws[train]'": TRAIN,
        "kws calibrate needs TensorFlow: pip install 'kws[train]'": CALIBRATE,
        "kws synth needs soxr: pip install 'kws[soxr]'": ["synth", "x", "--output", "x"],
        "kws listen --ble needs bleak: pip install 'kws[ble]'": ["listen", "--ble"],
        "kws listen --mqtt needs paho: pip install 'kws[mqtt]'": ["listen", "--mqtt", "mqtt://x"],
        "kws serve needs wyoming: pip install 'kws[serve]'": ["serve"],
        "kws studio needs starlette: pip install 'kws[studio]'": ["studio"],
        "0": ["listen", "--wav", WAV],
    }
    works = [["info", "home"], ["export", "home", "--output", str(tmp_path)]]
    modules = optional()
    assert {"scipy", "soxr", "tensorflow", "paho", "wyoming", "onnxruntime"} <= {*modules}
    assert outcomes(modules, [*needs.values(), *works]) == [*needs, "0", "0"]


@pytest.mark.parametrize("module", ["scipy", "soxr"])
def test_without_one_of_those_that_numbers_need(module: str) -> None:
    library = {"scipy": "SciPy"}.get(module, module)
    assert outcomes([module], [EVALUATE, TRAIN, CALIBRATE]) == [
        f"kws evaluate needs {library}: pip install 'kws[evaluate]'",
        f"kws train needs {library}: pip install 'kws[train]'",
        f"kws calibrate needs {library}: pip install 'kws[train]'",
    ]


def test_without_a_part_of_an_extra() -> None:
    kokoro = ["--kokoro", "x", "--output", "x"]
    commands = {
        "kws synth --kokoro needs onnxruntime: pip install 'kws[synth]'": ["synth", "x", *kokoro],
        "kws train --kokoro needs onnxruntime: pip install 'kws[synth]'": ["train", "x", *kokoro],
        "kws train --report needs matplotlib: pip install 'kws[report]'": [*TRAIN, "--report", "x"],
        "kws serve --zeroconf needs zeroconf: pip install 'kws[serve]'": ["serve", "--zeroconf"],
    }
    assert outcomes(["onnxruntime", "matplotlib", "zeroconf"], [*commands.values()]) == [*commands]
