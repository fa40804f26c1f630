"""Let `kws listen` run for a day of audio: `python benchmarks/soak.py [--hours 24]` (Linux).

A process of `kws listen --stdin --json` gets a period of audio again and again, as fast as it takes
it: the recordings of audio_samples/ in steady noise, with pauses, some of exact zeros, and a
passage that is clipped. A period is a whole number of the detector's own periods, its steps and the
window of its noise floor, so that each period must have the same detections at the same places, to
the millisecond; those of the first period have another history.

Printed are, for each hour of audio, the keywords found of those that there are, other detections,
the resident memory and the open descriptors of the process. The exit status is 1 if a keyword was
missed, if periods differ, if a detection came where no keyword is, or if memory grows by more than
MAX_GROWTH or descriptors change after the first hour.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path
from typing import IO, Any

import numpy as np
from user_errors import run_main

from kws.audio.audio_file import read_audio
from kws.config import SAMPLE_RATE
from kws.gate import GateSettings
from kws.model_file import ModelFile
from kws.types import Samples

ROOT = Path(__file__).parent.parent
SAMPLES = ROOT / "audio_samples"
NOISE_LEVEL = 20  # int16, root mean square
PAUSES = (0.3, 1.0, 2.5)  # s, in turn
MAX_GROWTH = 1024  # KB of resident memory after the first hour
LATEST = 1.0  # s after the end of a keyword that its detection may come
Keyword = tuple[str, float, float]  # name, start and end in the period, s


def main() -> None:
    """Print a line for each hour, and what was wrong."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="home")
    parser.add_argument("--hours", type=float, default=24)
    options = parser.parse_args()
    period, keywords = make_period(ModelFile.load(options.model))
    seconds = len(period) / SAMPLE_RATE
    count = max(3, round(options.hours * 3600 / seconds))
    print(f"{count} periods of {seconds:.3f} s, {len(keywords)} keywords in each")
    began = time.monotonic()
    command = [sys.executable, "-m", "kws", "listen", "--model", options.model, "--stdin", "--json"]
    detections, states, processor = listen(command, period, count)
    print(f"{'hours':>6}{'found':>14}{'others':>8}{'KB resident':>13}{'descriptors':>13}")
    every = max(1, round(3600 / seconds))
    for first in range(0, count, every):
        last = min(first + every, count)
        found, others = judge(detections, keywords, seconds, range(first, last))
        expected = (last - first) * len(keywords)
        memory, descriptors = states[last - 1]
        hours = last * seconds / 3600
        print(f"{hours:6.1f}{found:8}/{expected:<5}{others:8}{memory:13}{descriptors:13}")
    wall = time.monotonic() - began
    print(f"{wall:.0f} s, {processor:.0f} s of processor time", end=", ")
    print(f"{count * seconds / wall:.0f} times real time")
    faults = list(faults_of(detections, states, keywords, seconds, every))
    print("\n".join(faults) or "all keywords found, all periods equal, nothing grew")
    sys.exit(bool(faults))


def make_period(model: ModelFile) -> tuple[Samples, list[Keyword]]:
    """Return the audio of a period, and the keywords in it."""
    expected = json.loads((SAMPLES / "expected.json").read_text("utf-8"))
    pieces: list[Samples] = []
    keywords: list[Keyword] = []
    place = 0  # samples
    for index, name in enumerate(expected):
        recording = read_audio(SAMPLES / name)
        if index == len(expected) - 1:  # one without a keyword, far too loud
            recording = np.clip(recording.astype(np.int32) * 8, -32768, 32767).astype(np.int16)
        start = place / SAMPLE_RATE
        keywords += [(word, start + a, start + b) for word, a, b in expected[name]]
        pause = np.zeros(round(PAUSES[index % len(PAUSES)] * SAMPLE_RATE), np.int16)
        pieces += [recording, pause]
        place += len(recording) + len(pause)
    gate = GateSettings.of(model.config)
    unit = int(np.lcm(gate.noise_floor_window * gate.hop, gate.step * gate.hop))
    pieces.append(np.zeros(-place % unit + unit, np.int16))
    audio = np.concatenate(pieces)
    noise = np.random.default_rng(0).normal(0, NOISE_LEVEL, len(audio))
    noise[-unit:] = 0
    return np.clip(audio + np.rint(noise), -32768, 32767).astype(np.int16), keywords


def listen(
    command: list[str], period: Samples, count: int
) -> tuple[list[dict[str, Any]], list[tuple[int, int]], float]:
    """Return the detections, memory and descriptors after each period, and processor time, s."""
    process = subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=os.environ
    )
    assert process.stdin is not None
    assert process.stdout is not None
    detections: list[dict[str, Any]] = []
    reader = threading.Thread(target=read_lines, args=(process.stdout, detections))
    reader.start()
    content, states = period.astype("<i2").tobytes(), []
    for _ in range(count):
        process.stdin.write(content)
        states.append(state_of(process.pid))
    process.stdin.close()
    reader.join()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"kws listen failed: exit status {process.returncode}")
    return detections, states, usage.ru_utime + usage.ru_stime


def read_lines(stream: IO[bytes], detections: list[dict[str, Any]]) -> None:
    """Collect the lines that a process prints."""
    detections.extend(json.loads(line) for line in stream)


def state_of(process: int) -> tuple[int, int]:
    """Return the resident memory, KB, and the number of descriptors of a process."""
    status = Path(f"/proc/{process}/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("VmRSS"))
    return int(line.split()[1]), len(list(Path(f"/proc/{process}/fd").iterdir()))


def places(
    detections: list[dict[str, Any]], seconds: float
) -> dict[int, list[tuple[str, float, float]]]:
    """Return keyword, place in the period and confidence of each detection, by period."""
    found: dict[int, list[tuple[str, float, float]]] = {}
    for one in detections:
        period = int(one["time"] // seconds)
        place = round(one["time"] - period * seconds, 2)
        found.setdefault(period, []).append((one["keyword"], place, one["confidence"]))
    return found


def judge(
    detections: list[dict[str, Any]], keywords: list[Keyword], seconds: float, periods: range
) -> tuple[int, int]:
    """Return how many keywords of some periods were found, and how many other detections came."""
    found = others = 0
    by_period = places(detections, seconds)
    for period in periods:
        wanted = Counter(keywords)
        for word, place, _ in by_period.get(period, []):
            hits = [k for k in wanted if k[0] == word and k[1] <= place <= k[2] + LATEST]
            if hits:
                del wanted[hits[0]]
            else:
                others += 1
        found += len(keywords) - len(wanted)
    return found, others


def faults_of(
    detections: list[dict[str, Any]],
    states: list[tuple[int, int]],
    keywords: list[Keyword],
    seconds: float,
    every: int,
) -> list[str]:
    """Return what was wrong, a line each."""
    faults = []
    count = len(states)
    found, others = judge(detections, keywords, seconds, range(count))
    if found < count * len(keywords):
        faults.append(f"{count * len(keywords) - found} keywords missed")
    if others:
        faults.append(f"{others} detections where no keyword is")
    by_period = places(detections, seconds)
    unlike = [n for n in range(1, count) if by_period.get(n) != by_period.get(1)]
    if unlike:
        faults.append(f"{len(unlike)} periods differ from the second, the first is {unlike[0]}")
    memory, descriptors = zip(*states[min(every, count) - 1 :], strict=True)
    if max(memory) - memory[0] > MAX_GROWTH:
        faults.append(f"memory grew by {max(memory) - memory[0]} KB")
    if len(set(descriptors)) > 1:
        faults.append(f"descriptors changed: {min(descriptors)} to {max(descriptors)}")
    return faults


if __name__ == "__main__":
    run_main(main)
