"""The command line as a user meets it: what every command has in common."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest
import typer
from command_line import ROOT, SAMPLES, kws, refused
from waiting import PATIENCE

from kws import __version__
from kws.cli import app
from kws.model_file import find

FOREIGN = ROOT.parent / "shared" / "data" / "mlperf_tiny" / "kws_ref_model.tflite"


def test_version():
    assert kws("--version").stdout == f"kws {__version__}\n"


def test_help_names_every_command():
    shown = kws("--help").stdout
    assert all(command in shown for command in ("listen", "devices", "info", "export"))


def number_options():
    """Yield the command line's options of numbers: the command, its parameter and its context."""
    commands = {"kws": typer.main.get_command(app)}
    while commands:
        name, command = commands.popitem()
        commands |= {f"{name} {each}": of for each, of in getattr(command, "commands", {}).items()}
        context = command.context_class(command)
        for parameter in command.params:
            if "float" in parameter.type.name:
                yield f"{name} {parameter.opts[0]}", parameter, context


def test_no_option_takes_what_is_not_a_number():
    options = list(number_options())
    assert {"kws evaluate --snr", "kws data shard --megabytes"} <= {name for name, *_ in options}
    for name, parameter, context in options:
        assert parameter.process_value(context, "1") == 1, name
        for value in ("nan", "inf", "-inf"):
            with pytest.raises(typer.BadParameter):
                pytest.fail(f"{name} {parameter.process_value(context, value)}")


def test_an_option_that_is_not_a_number_is_one_line(tmp_path):
    folders = ("--positives", tmp_path, "--negatives", tmp_path, "--noise", tmp_path)
    done = kws("evaluate", "home", *folders, "--snr", "nan")
    assert (done.returncode, done.stdout) == (2, "")
    assert "Invalid value for '--snr': nan is not a finite number" in done.stderr


LOG = """
import logging, sys
logging.basicConfig()  # as a library may do it
from kws.cli import main
sys.argv = ["kws", "--version"]
try:
    main()
finally:
    log = logging.getLogger("kws.audio.somewhere")
    log.debug("detail")
    log.info("listening on %s", "two\\nlines")
    log.warning("audio lost")
"""


def test_each_record_of_the_log_is_one_line_on_stderr():
    process = subprocess.run(
        [sys.executable, "-c", LOG], cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE
    )
    assert process.stdout == f"kws {__version__}\n"
    assert process.stderr == "kws: listening on two lines\nkws: audio lost\n"


@pytest.mark.parametrize(
    "arguments",
    [
        ["frobnicate"],
        ["listen", "--loud"],
        ["listen", "--wav", "a.wav", "--stdin"],
        ["listen", "--device", "0", "--stdin"],
        ["export"],
    ],
)
def test_wrong_usage_is_exit_status_2(arguments):
    process = kws(*arguments)
    assert (process.returncode, process.stdout) == (2, "")
    assert process.stderr


def test_letters_that_stdout_does_not_know(tmp_path):
    ascii_only = os.environ | {"PYTHONIOENCODING": "ascii"}
    process = kws("export", "home", "--output", tmp_path / "caf\u00e9", env=ascii_only)
    assert (process.returncode, process.stderr) == (0, "")
    assert "caf\\xe9" in process.stdout


def test_export_names_what_it_wrote(tmp_path):
    process = kws("export", "home", "--output", tmp_path / "board")
    assert (process.returncode, process.stderr) == (0, "")
    written = process.stdout.splitlines()
    assert str(tmp_path / "board" / "kws_home" / "kws_home.ino") in written
    files = (path for path in (tmp_path / "board").rglob("*") if path.is_file())
    assert sorted(written) == sorted(map(str, files))


@pytest.mark.slow
@pytest.mark.parametrize("command", [["info"], ["listen", "--model"], ["export"]])
def test_a_missing_model(command, tmp_path):
    rest = {"listen": ["--wav", SAMPLES / "story.flac"], "export": ["--output", tmp_path]}
    more = rest.get(command[0], [])
    assert refused(kws(*command, "kitchen", *more)).startswith("no model named 'kitchen'; shipped")
    missing = tmp_path / "kitchen.tflite"
    assert refused(kws(*command, missing, *more)) == f"{missing}: No such file or directory"
    assert refused(kws(*command, f"{tmp_path}/", *more)).startswith(f"{tmp_path}: ")


@pytest.mark.parametrize("command", ["info", "listen"])
def test_a_model_of_another_program(command, tmp_path):
    if not FOREIGN.is_file():
        pytest.skip("../shared/data/mlperf_tiny is not here")
    arguments = {
        "info": ["info", FOREIGN],
        "listen": ["listen", "--wav", SAMPLES / "story.flac", "--model", FOREIGN],
    }
    message = refused(kws(*arguments[command]))
    assert message == f"{FOREIGN}: a .tflite model, but not one made by kws train"


# One process for many damaged files: what would crash the interpreter ends it.
TRY_EACH = """
import sys
from kws.cli import app
from kws.errors import KwsError

for path in sys.argv[1:]:
    for command in (["info", path], ["listen", "--wav", "no.wav", "--model", path]):
        try:
            app(command, standalone_mode=False)
        except KwsError as error:
            line = str(error).isprintable() and str(error).startswith(f"{path}: ")
            print("refused" if line else f"unclear: {error}")
"""


def damaged_models():
    """Damaged copies of the shipped model, by what was done to them."""
    whole = find("home").read_bytes()
    random = np.random.default_rng(0)
    for length in [*range(0, 64, 4), *random.integers(64, len(whole), 40), len(whole) - 1]:
        yield f"cut_to_{length}", whole[:length]
    for offset in [*range(64), *random.integers(64, len(whole), 150)]:
        flipped = bytearray(whole)
        flipped[offset] ^= 1 << int(random.integers(8))
        yield f"bit_at_{offset}", bytes(flipped)
    for seed in range(10):
        noise = np.random.default_rng(seed).bytes(40_000)
        yield f"noise_{seed}", noise
        yield f"named_noise_{seed}", noise[:4] + b"TFL3" + noise[8:]
    yield "longer", whole + bytes(4)


@pytest.mark.slow
def test_no_damaged_model_is_accepted_or_crashes_the_interpreter(tmp_path):
    paths = []
    for name, content in damaged_models():
        paths.append(tmp_path / f"{name}.tflite")
        paths[-1].write_bytes(content)
    process = subprocess.run(
        [sys.executable, "-c", TRY_EACH, *map(str, paths)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    assert (process.returncode, process.stderr) == (0, "")
    assert process.stdout.splitlines() == ["refused"] * 2 * len(paths)


@pytest.mark.parametrize(
    "damage",
    [lambda whole: whole[:1000], lambda whole: whole[:-1], lambda whole: b"\x93" * 40_000],
)
def test_a_damaged_model_is_one_line(tmp_path, damage):
    path = tmp_path / "home.tflite"
    path.write_bytes(damage(find("home").read_bytes()))
    message = refused(kws("listen", "--model", path, "--wav", SAMPLES / "story.flac"))
    assert message.startswith(f"{path}: ")
