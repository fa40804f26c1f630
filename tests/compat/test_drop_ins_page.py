"""Run the programs of docs/drop_ins.md."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest
from command_line import ROOT
from waiting import PATIENCE

PROGRAMS = re.findall(r"```python\n(.*?)```", (ROOT / "docs/drop_ins.md").read_text(), re.DOTALL)


@pytest.mark.parametrize("program", PROGRAMS, ids=["porcupine", "openwakeword"])
def test_programs_run(program: str) -> None:
    process = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE
    )
    assert (process.returncode, process.stdout) == (0, ""), process.stderr
