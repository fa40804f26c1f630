"""Run the fuzzer of models for a short time: nothing but KwsError, no error of memory."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
from command_line import ROOT
from conftest import skip_without
from waiting import PATIENCE


@pytest.mark.slow
@pytest.mark.parametrize(
    "options",
    [
        ("--runs", 120, "--compile", 5),
        ("--runs", 80, "--compile", 5, "--unproven"),
        ("--runs", 60, "--backend", "numpy"),
    ],
)
def test_models_with_a_right_checksum(options: tuple[object, ...], tmp_path: Path) -> None:
    skip_without("TensorFlow", find_spec("tensorflow"))
    skip_without("gcc", shutil.which("gcc"))
    fuzzer = subprocess.run(
        [sys.executable, ROOT / "tools/fuzz_models.py", "--seed", "7", *map(str, options)],
        env={**os.environ, "TMPDIR": str(tmp_path), "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    assert fuzzer.returncode == 0, fuzzer.stderr[-3000:]
    assert "accepted" in fuzzer.stdout
    assert "refused" in fuzzer.stdout
