"""Test that minutes of audio pass the soak test, and that it would notice what it looks for."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from types import ModuleType
from typing import Any

import pytest
from command_line import ROOT
from conftest import skip_without
from waiting import PATIENCE

SOAK = ROOT / "benchmarks" / "soak.py"
KEYWORDS = [("computer", 1.0, 1.5), ("jarvis", 4.0, 4.5)]
SECONDS = 10.0


@pytest.fixture(scope="module")
def soak() -> ModuleType:
    spec = importlib.util.spec_from_file_location("soak", SOAK)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.slow
def test_minutes_of_audio() -> None:
    skip_without("/proc", sys.platform == "linux")
    command = [sys.executable, SOAK, "--hours", "0.09"]
    process = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE)
    assert process.returncode == 0, process.stdout
    assert process.stdout.splitlines()[0].startswith("3 periods of ")
    assert " 39/39 " in process.stdout
    assert process.stdout.endswith("all keywords found, all periods equal, nothing grew\n")


def detections(periods: int = 4) -> list[dict[str, Any]]:
    return [
        {"time": period * SECONDS + end + 0.3, "keyword": keyword, "confidence": 0.9}
        for period in range(periods)
        for keyword, _, end in KEYWORDS
    ]


@pytest.mark.parametrize(
    ("change", "states", "expected"),
    [
        (lambda found: None, [(5000, 3)] * 4, []),
        (lambda found: found.pop(5), [(5000, 3)] * 4, ["1 keywords missed", "1 periods differ"]),
        (
            lambda found: found.append({"time": 27.5, "keyword": "computer", "confidence": 0.8}),
            [(5000, 3)] * 4,
            ["1 detections where no keyword is", "1 periods differ"],
        ),
        (lambda found: found[6].update(time=31.9), [(5000, 3)] * 4, ["1 periods differ"]),
        (lambda found: found[6].update(confidence=0.8), [(5000, 3)] * 4, ["1 periods differ"]),
        (lambda found: None, [(1, 3), (5000, 3), (5900, 3), (6100, 3)], ["memory grew by 1100 KB"]),
        (lambda found: None, [(5000, 3)] * 3 + [(5000, 4)], ["descriptors changed: 3 to 4"]),
    ],
)
def test_what_is_wrong_is_noticed(
    soak: ModuleType, change: Any, states: list[tuple[int, int]], expected: list[str]
) -> None:
    found = detections()
    change(found)
    faults = soak.faults_of(found, states, KEYWORDS, SECONDS, 2)
    assert len(faults) == len(expected)
    for fault, text in zip(faults, expected, strict=True):
        assert text in fault
