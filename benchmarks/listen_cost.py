"""Measure the cost of listening: `python benchmarks/listen_cost.py [--model NAME|PATH]`.

Measured on `kws listen`, in processes of its own (Linux): the time from the start of a process to
its first read of audio; processor time, of all threads, per second of audio that arrives through a
pipe at the pace of a microphone; peak resident memory; the speed of scanning a file.

Measured in this process, in one thread: processor time per second of audio in blocks of 40 ms
without pauses. A paced process costs more, since after each pause its caches are cold and the clock
is low, the more so on a busy machine: run this on an idle one.
"""

from __future__ import annotations

import argparse
import fcntl
import os
import pty
import subprocess
import sys
import tempfile
import termios
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
from user_errors import run_main

from kws.backend import Spotter
from kws.config import SAMPLE_RATE
from kws.listener import listen
from kws.model_file import ModelFile
from kws.ring_buffer import RingBuffer
from kws.types import Samples

ROOT = Path(__file__).parent.parent
BLOCK = 640  # samples, 40 ms
TERMINAL = {"TERM": "xterm-256color", "LINES": "24", "COLUMNS": "90"}


@dataclass
class Cost:
    """Hold the cost of a process that has ended."""

    first_read: float  # s from its start
    processor: float  # s, user and system
    memory: float  # MB, peak resident


def main() -> None:
    """Print a table of the costs."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="home")
    parser.add_argument("--seconds", type=int, default=20, help="of paced audio (default 20)")
    options = parser.parse_args()
    command = [sys.executable, "-m", "kws", "listen", "--model", options.model]
    minutes = 10
    audio = noise(60 * minutes)
    paced = audio[: options.seconds * SAMPLE_RATE]

    share = blocks_share(options.model, audio[: 60 * SAMPLE_RATE])
    start = listening_cost(command, audio[:BLOCK], display=False)
    lines = listening_cost(command, paced, display=False)
    screen_start = listening_cost(command, audio[:BLOCK], display=True)
    screen = listening_cost(command, paced, display=True)
    lines_share = (lines.processor - start.processor) / options.seconds
    screen_share = (screen.processor - screen_start.processor) / options.seconds
    for what, value in (
        ("start to first read of audio", f"{start.first_read:.2f} s"),
        ("blocks of 40 ms without pause", f"{100 * share:.2f} % of a core"),
        ("at a microphone's pace", f"{100 * lines_share:.2f} % of a core"),
        ("the same with the live display", f"{100 * screen_share:.2f} % of a core"),
        ("resident memory", f"{lines.memory:.0f} MB"),
        ("the same with the live display", f"{screen.memory:.0f} MB"),
        (
            "scanning a file",
            f"{len(audio) / SAMPLE_RATE / scan_file(command, audio):.0f} x real time",
        ),
    ):
        print(f"{what:32}{value:>18}")


class Blocks:
    """Provide blocks of 40 ms without any delay."""

    name, live, overflows = "blocks", True, 0

    def __init__(self, samples: Samples) -> None:
        """Split samples into blocks."""
        self._blocks = iter(np.split(samples, range(BLOCK, len(samples), BLOCK)))

    def __enter__(self) -> Blocks:
        return self

    def __exit__(self, *error: object) -> None:
        """Close nothing."""

    def fill(self, ring: RingBuffer) -> bool:
        """Put the next block into the ring; return False after the last one."""
        block = next(self._blocks, None)
        return block is not None and ring.write(block) > 0


def blocks_share(model: str, samples: Samples) -> float:
    """Return the processor time of this thread per second of audio, from source to spotter."""
    spotter = Spotter(ModelFile.load(model))
    list(listen(Blocks(samples[: 5 * SAMPLE_RATE]), spotter))  # warm
    began = time.thread_time()
    list(listen(Blocks(samples), spotter))
    return (time.thread_time() - began) / (len(samples) / SAMPLE_RATE)


def noise(seconds: int) -> Samples:
    """Return noise of changing loudness; speech would cost the same."""
    count = seconds * SAMPLE_RATE
    loudness = 2000 * np.abs(np.sin(np.arange(count, dtype=np.float32) / SAMPLE_RATE))
    samples = np.random.default_rng(0).standard_normal(count, np.float32) * loudness
    return samples.astype(np.int16)


def listening_cost(command: list[str], samples: Samples, display: bool) -> Cost:
    """Run `kws listen --stdin` on samples at the pace of a microphone; display: on a terminal."""
    pipe_out, pipe_in = os.pipe()
    terminal, screen = pty.openpty()
    threading.Thread(target=read_all, args=(terminal,), daemon=True).start()
    os.write(pipe_in, samples[:BLOCK].tobytes())
    began = time.monotonic()
    process = subprocess.Popen(
        [*command, "--stdin"],
        cwd=ROOT,
        env=os.environ | TERMINAL,
        stdin=pipe_out,
        stdout=screen if display else subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    os.close(screen)
    while waiting(pipe_out) and process.poll() is None:
        time.sleep(0.002)
    first_read = time.monotonic()
    os.close(pipe_out)
    for start in range(BLOCK, len(samples), BLOCK):
        time.sleep(max(0.0, first_read + start / SAMPLE_RATE - time.monotonic()))
        os.write(pipe_in, samples[start : start + BLOCK].tobytes())
    memory = peak_memory(process.pid)
    os.close(pipe_in)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        sys.exit(f"kws listen failed: exit status {os.waitstatus_to_exitcode(status)}")
    return Cost(first_read - began, usage.ru_utime + usage.ru_stime, memory)


def waiting(pipe: int) -> int:
    """Return the number of unread bytes in a pipe."""
    return int.from_bytes(fcntl.ioctl(pipe, termios.FIONREAD, bytes(4)), sys.byteorder)


def read_all(terminal: int) -> None:
    """Read the output of a terminal until it is closed."""
    try:
        while os.read(terminal, 1 << 16):
            pass
    except OSError:  # the other end of the terminal is closed
        os.close(terminal)


def peak_memory(process: int) -> float:
    """Return the peak resident memory of a process, MB."""
    status = Path(f"/proc/{process}/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) / 1024


def scan_file(command: list[str], samples: Samples) -> float:
    """Return the time that `kws listen --wav` takes, its start included, s."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "sound.wav"
        soundfile.write(path, samples, SAMPLE_RATE)
        began = time.monotonic()
        subprocess.run([*command, "--wav", path], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
        return time.monotonic() - began


if __name__ == "__main__":
    run_main(main)
