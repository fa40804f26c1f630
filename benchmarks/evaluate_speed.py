"""Measure how fast `kws evaluate` is: python benchmarks/evaluate_speed.py [--model NAME|PATH].

Measured on the command itself, in a process of its own (Linux), on FLAC files of noise: seconds of
audio per second of processor time, of all threads together, start and decoding included. The gate
is off, so every step is computed.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import soundfile
from user_errors import run_main

from kws.config import SAMPLE_RATE
from kws.model_file import ModelFile

POSITIVES = 60  # recordings of a keyword, 2 s each
MINUTES = 5  # of a file without a keyword


def main() -> None:
    """Make a test set, evaluate the model on it, print the speed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="home")
    parser.add_argument(
        "--minutes", type=int, default=60, help="of audio without a keyword (default 60)"
    )
    options = parser.parse_args()
    keyword = ModelFile.load(options.model).config.keywords[0].replace(" ", "_")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for index in range(POSITIVES):
            write_noise(folder / "positives" / keyword / f"{index}.flac", 2, index)
        for index in range(options.minutes // MINUTES):
            write_noise(folder / "negatives" / f"{index}.flac", 60 * MINUTES, index)
        command = [sys.executable, "-m", "kws", "evaluate", options.model, "--no-gate", "--json"]
        command += [
            "--positives",
            str(folder / "positives"),
            "--negatives",
            str(folder / "negatives"),
        ]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
    if status:
        sys.exit(f"kws evaluate failed: exit status {os.waitstatus_to_exitcode(status)}")
    audio = 2 * POSITIVES + 60 * MINUTES * (options.minutes // MINUTES)
    seconds = usage.ru_utime + usage.ru_stime
    print(
        f"{audio / 60:.0f} minutes of audio in {seconds:.1f} s of processor time:"
        f" {audio / seconds:.0f} x real time; {usage.ru_maxrss / 1024:.0f} MB at most"
    )


def write_noise(path: Path, seconds: int, seed: int) -> None:
    """Write a file of noise."""
    path.parent.mkdir(parents=True, exist_ok=True)
    samples = np.random.default_rng(seed).normal(0, 1000, seconds * SAMPLE_RATE)
    soundfile.write(path, samples.astype(np.int16), SAMPLE_RATE)


if __name__ == "__main__":
    run_main(main)
