"""What listening costs: run `python benchmarks/listen_cost.py [--model NAME|PATH]`.

Everything is measured on `kws listen` itself, in processes of its own: start-up from the start of
the process to its first read of audio; processor time per second of audio that comes at a
microphone's pace, in lines and with the live display; the speed at which a file is scanned; the
greatest resident memory. Processor time is that of all threads together.

A paced process finds the caches cold and the clock low after each pause of 40 ms, so it costs more
than the same work in one go; both are printed. Run it on a machine that is idle otherwise.
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
import numpy.typing as npt
import soundfile

from kws.config import SAMPLE_RATE

ROOT = Path(__file__).parent.parent
BLOCK = 640  # samples, 40 ms
TERMINAL = {"TERM": "xterm-256color", "LINES": "24", "COLUMNS": "90"}


@dataclass
class Cost:
    """Of a process that has ended."""

    first_read: float  # s from its start
    processor: float  # s, user and system
    memory: float  # MB resident at most


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="home")
    parser.add_argument("--seconds", type=int, default=20, help="of paced audio (default 20)")
    options = parser.parse_args()
    command = [sys.executable, "-m", "kws", "listen", "--model", options.model]
    minutes = 10
    sound = noise(60 * minutes)
    paced = sound[: options.seconds * SAMPLE_RATE]

    start = hear(command, sound[:BLOCK], 0.0, display=False)
    lines = hear(command, paced, 1.0, display=False)
    screen_start = hear(command, sound[:BLOCK], 0.0, display=True)
    screen = hear(command, paced, 1.0, display=True)
    fast = hear(command, sound, 0.0, display=False)
    scan = scan_file(command, sound)

    def share(cost: Cost, idle: Cost, seconds: float) -> str:
        return f"{100 * (cost.processor - idle.processor) / seconds:.2f} % of a core"

    for what, value in (
        ("start to first read of audio", f"{start.first_read:.2f} s"),
        ("listening at a microphone's pace", share(lines, start, options.seconds)),
        ("the same with the live display", share(screen, screen_start, options.seconds)),
        ("listening in one go", share(fast, start, len(sound) / SAMPLE_RATE)),
        ("scanning a file", f"{len(sound) / SAMPLE_RATE / scan:.0f} times real time"),
        ("resident memory, lines", f"{lines.memory:.0f} MB"),
        ("resident memory, live display", f"{screen.memory:.0f} MB"),
    ):
        print(f"{what:34}{value:>22}")


def noise(seconds: int) -> npt.NDArray[np.int16]:
    """Noise of changing loudness; what is said costs nothing more."""
    count = seconds * SAMPLE_RATE
    loudness = 2000 * np.abs(np.sin(np.arange(count, dtype=np.float32) / SAMPLE_RATE))
    samples = np.random.default_rng(0).standard_normal(count, np.float32) * loudness
    return samples.astype(np.int16)


def hear(
    command: list[str], samples: npt.NDArray[np.int16], pace: float, display: bool
) -> Cost:
    """Run `kws listen --stdin` on samples in blocks of 40 ms, at `pace` of real time; 0: at once.

    display: give it a terminal.
    """
    sound_in, sound_out = os.pipe()
    terminal, screen = pty.openpty()
    drain = threading.Thread(target=read_all, args=(terminal,), daemon=True)
    drain.start()
    os.write(sound_out, samples[:BLOCK].tobytes())
    began = time.monotonic()
    process = subprocess.Popen(
        [*command, "--stdin"],
        cwd=ROOT,
        env=os.environ | TERMINAL,
        stdin=sound_in,
        stdout=screen if display else subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    os.close(screen)
    while waiting(sound_in):
        time.sleep(0.002)
    first_read = time.monotonic() - began
    os.close(sound_in)
    for place in range(BLOCK, len(samples), BLOCK):
        due = began + first_read + pace * place / SAMPLE_RATE
        time.sleep(max(0.0, due - time.monotonic()))
        os.write(sound_out, samples[place : place + BLOCK].tobytes())
    os.close(sound_out)
    return finish(process, first_read)


def waiting(pipe: int) -> int:
    """Bytes in a pipe that nobody has read."""
    return int.from_bytes(fcntl.ioctl(pipe, termios.FIONREAD, bytes(4)), sys.byteorder)


def read_all(terminal: int) -> None:
    """Take what is shown until the terminal is closed."""
    try:
        while os.read(terminal, 1 << 16):
            pass
    except OSError:  # how a terminal tells that its other end is closed
        os.close(terminal)


def finish(process: subprocess.Popen[bytes], first_read: float) -> Cost:
    """Wait for a process; what it cost."""
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        sys.exit(f"kws listen failed: exit status {os.waitstatus_to_exitcode(status)}")
    return Cost(first_read, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def scan_file(command: list[str], samples: npt.NDArray[np.int16]) -> float:
    """Seconds that `kws listen --wav` takes, its start included."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "sound.wav"
        soundfile.write(path, samples, SAMPLE_RATE)
        began = time.monotonic()
        subprocess.run([*command, "--wav", path], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
        return time.monotonic() - began


if __name__ == "__main__":
    main()
