"""Test the counts of instructions on an emulated Cortex-M4F."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from command_line import ROOT
from conftest import skip_without
from cortex_m4 import counting
from small_models import temporal

from kws.errors import KwsError
from kws.export.sketch import export


def sources(folder: Path) -> dict[str, str]:
    """Export a small model; return its C sources by name."""
    (folder / "small.tflite").write_bytes(temporal().content)
    written = export(folder / "small.tflite", folder / "export")
    return {path.name: path.read_text() for path in written if path.parent.name == "src"}


@pytest.mark.slow
def test_a_count_repeats(tmp_path: Path) -> None:
    skip_without("an Arm compiler and QEMU", counting.available())
    first, second = (counting.count(sources(tmp_path)) for _ in range(2))
    assert first == second
    assert first.compiler.startswith("arm-none-eabi-gcc ")
    assert all(stage.calls and stage.instructions for stage in first.stages.values())


@pytest.mark.slow
def test_the_benchmark_counts_a_shipped_model() -> None:
    """Run the command that README states, from the top of the checkout."""
    skip_without("an Arm compiler and QEMU", counting.available())
    command = [sys.executable, "benchmarks/cortex_m4/count.py", "models/home.tflite"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert [line.partition(":")[0] for line in lines] == ["home.tflite -O3", "home.tflite -Os"]
    assert all("M instructions per second of audio" in line for line in lines)


@pytest.mark.parametrize(
    "command",
    ["cortex_m4/count.py", "processors/count.py", "soak.py --model", "web/measure.py --model"],
)
def test_a_wrong_model_is_one_line(command: str) -> None:
    script, *option = command.split()
    words = [sys.executable, f"benchmarks/{script}", *option, "nope"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(words, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.startswith(f"{Path(script).name}: no model named 'nope'; shipped are: ")
    assert done.stderr.count("\n") == 1


def test_a_broken_compiler_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in counting.PROGRAMS:
        (programs / name).write_text("#!/bin/sh\nexit 1\n")
        (programs / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(programs))
    assert counting.available()
    with pytest.raises(KwsError, match="counting with arm-none-eabi-gcc failed") as raised:
        counting.count(sources(tmp_path))
    assert "\n" not in str(raised.value)
    monkeypatch.setenv("PATH", "")
    assert not counting.available()
