"""Run the module of a folder that `kws export --format web` wrote, in Node."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from command_line import ROOT
from conftest import skip_without
from waiting import PATIENCE

from kws.backend import SpotterBackend
from kws.listener import FLUSH_SECONDS
from kws.posterior import Detection

PROGRAM = ROOT / "benchmarks" / "web" / "detect.mjs"
BLOCK = 1280  # samples that it pushes at once
FLUSH = np.zeros(round(FLUSH_SECONDS * 16000), np.int16)
Samples = npt.NDArray[np.int16]


def node(program: str, *arguments: object) -> str:
    """Run a program, a module; return what it printed."""
    skip_without("node", shutil.which("node"))
    done = subprocess.run(
        ["node", "--input-type=module", "-", *map(str, arguments)],
        input=program,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=PATIENCE,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def detect(folder: Path, files: Sequence[Samples], *options: str) -> list[dict[str, Any]]:
    """Return what the program prints of recordings, without its last line."""
    skip_without("node", shutil.which("node"))
    paths = [folder / f"{index}.pcm" for index in range(len(files))]
    for path, samples in zip(paths, files, strict=True):
        samples.astype("<i2").tofile(path)
    done = subprocess.run(
        ["node", str(PROGRAM), str(folder), *options, *map(str, paths)],
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=PATIENCE,
    )
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()][:-1]


def expected(spotter: SpotterBackend, samples: Samples) -> list[dict[str, Any]]:
    """Return what the program has to print of a recording, scores included."""
    lines: list[dict[str, Any]] = []

    def keep(detections: list[Detection]) -> None:
        lines.extend(
            {
                "file": 0,
                "keyword": found.keyword,
                "confidence": found.confidence,
                "sample": found.sample,
                "time": found.time,
            }
            for found in detections
        )

    for start in range(0, len(samples), BLOCK):
        keep(spotter.push(samples[start : start + BLOCK]))
        lines.append({"file": 0, "scores": list(spotter.scores.values())})
    keep(spotter.push(FLUSH))
    return lines
