"""Test the units of systemd: that systemd takes them, how exposed they are, and what they run."""

from __future__ import annotations

import configparser
import shlex
import shutil
import subprocess
import sys

import pytest
from command_line import ROOT
from conftest import skip_without
from typer.main import get_command

from kws.cli import app

UNITS = {unit.name: unit for unit in (ROOT / "deploy" / "systemd").glob("*.service")}
EXECUTABLE = "/opt/kws/bin/kws"
MAX_EXPOSURE = {"kws-serve.service": 15, "kws-listen.service": 20}  # tenths of systemd's 0 to 10


@pytest.mark.parametrize("name", MAX_EXPOSURE)
def test_systemd_takes_the_unit(name, tmp_path):
    skip_without("systemd-analyze", shutil.which("systemd-analyze"))
    unit = tmp_path / name
    unit.write_text(UNITS[name].read_text().replace(EXECUTABLE, sys.executable))
    verified = subprocess.run(["systemd-analyze", "verify", unit], capture_output=True, text=True)
    assert (verified.returncode, verified.stdout, verified.stderr) == (0, "", "")
    command = ["systemd-analyze", "security", "--offline=true"]
    limit = f"--threshold={MAX_EXPOSURE[name]}"
    exposed = subprocess.run([*command, limit, unit], capture_output=True, text=True)
    assert exposed.returncode == 0, exposed.stdout


@pytest.mark.parametrize("name", MAX_EXPOSURE)
def test_what_a_unit_runs_exists(name):
    parser = configparser.RawConfigParser(strict=False, delimiters="=")
    parser.optionxform = str
    parser.read(UNITS[name])
    service = parser["Service"]
    assert service["Restart"] == "on-failure"
    program, command, *arguments = shlex.split(service["ExecStart"])
    assert (program, command) == (EXECUTABLE, name.split("-")[1].split(".")[0])
    known = {option for each in get_command(app).commands[command].params for option in each.opts}
    assert {argument for argument in arguments if argument.startswith("--")} <= known


def test_there_are_these_units():
    assert set(UNITS) == set(MAX_EXPOSURE)
