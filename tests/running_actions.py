"""Actions files for tests: write them, load them, run their actions to the end."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from command_line import ROOT
from waiting import PATIENCE

from kws.action import Actions
from kws.posterior import Detection

KEYWORDS = ["computer", "jarvis", "alexa", "smart mirror"]
COMPUTER = Detection(sample=29440, keyword="computer", confidence=0.96875)  # at 1.84 s


def load(folder: Path, text: str) -> Actions:
    """Write an actions file into the folder and load it."""
    path = folder / "actions.toml"
    path.write_text(text)
    return Actions.load(path, KEYWORDS)


def command(program: str, *arguments: str, keyword: str = "computer", more: str = "") -> str:
    """Return an [[action]] that runs Python source, with nothing but the standard library.

    So it starts in an instant; JSON strings are TOML strings.
    """
    parts = json.dumps([sys.executable, "-IS", "-c", program, *arguments])
    return f'[[action]]\nkeyword = "{keyword}"\ncommand = {parts}\n{more}\n'


def run_to_end(actions: Actions, *detections: Detection) -> None:
    """Run the actions of the detections, of COMPUTER without any, and wait for them."""
    for detection in detections or [COMPUTER]:
        actions.run(detection)
    actions.close(PATIENCE)


def logged_lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Return what kws logged: lines of kws.action only, one per record."""
    records = [record for record in caplog.records if record.name.startswith("kws")]
    messages = [record.getMessage() for record in records]
    assert all(record.name == "kws.action" for record in records)
    assert all(len(message.splitlines()) == 1 for message in messages)
    return messages


def fresh_python(
    program: str, folder: Path, input: str = "", **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run Python source in the folder with this checkout's kws."""
    return subprocess.run(
        [sys.executable, "-c", program],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        input=input,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
