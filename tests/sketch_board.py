"""Compile an exported sketch for this machine with the mocks of tests/arduino, and run it."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt
from compiled_objects import compiled
from conftest import skip_without
from waiting import PATIENCE

from kws.config import SAMPLE_RATE
from kws.listener import FLUSH_SECONDS

MOCKS = Path(__file__).parent / "arduino"
SANITISED = ["-O1", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
STRICT = ["-Wall", "-Wextra", "-Werror"]
BLOCK = 256  # samples that the microphone delivers at once

Samples = npt.NDArray[np.int16]


@dataclass
class BoardRun:
    """Record what a run of the board showed; times in ms since the microphone began."""

    kept: Samples  # that fitted into the ring
    led: list[tuple[int, str]] = field(default_factory=list)
    serial: list[tuple[int, bytes]] = field(default_factory=list)
    notified: list[tuple[int, str, bytes]] = field(default_factory=list)  # time, UUID, value
    begun: list[int] = field(default_factory=list)
    advertising: list[int] = field(default_factory=list)
    values: dict[str, bytes] = field(default_factory=dict)  # by UUID, at the end
    restarts: list[int] = field(default_factory=list)  # by the watchdog
    hangs: bool = False
    lost: int = 0
    waits: bool = False
    wakes: int = 0  # from sleep
    pins: dict[int, int] = field(default_factory=dict)  # what was written last, without the LED
    usb: bool = True
    ble: list[tuple[int, bool]] = field(default_factory=list)  # when it was switched on or off

    @property
    def lines(self) -> list[str]:
        """Return the lines that the serial monitor showed."""
        return b"".join(text for _, text in self.serial).decode().split("\r\n")[:-1]


def build(sketch: Path, folder: Path, *options: str) -> Path:
    """Compile a sketch folder for this machine; return the program.

    Args:
        sketch: The folder.
        folder: Where the program goes.
        options: Of the compiler, besides its usual ones.
    """
    skip_without("g++", shutil.which("g++"))
    skip_without("gcc", shutil.which("gcc"))
    engine = ["gcc", "-std=gnu11", *SANITISED, *STRICT]
    objects = [compiled(source, engine) for source in sorted((sketch / "src").glob("*.c"))]
    command = ["g++", "-std=gnu++14", "-fno-rtti", "-fno-exceptions", *SANITISED, *STRICT]
    command += [
        "-DARDUINO_ARCH_MBED",
        f"-I{MOCKS}",
        f"-I{sketch}",
        f'-DSKETCH="{sketch.name}.ino"',
        *options,
    ]
    program = folder / "board"
    command += [str(MOCKS / "board.cpp"), *map(str, objects), "-o", str(program)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return program


def run(
    program: Path, samples: Samples, folder: Path, events: Sequence[str] = (), start_ms: int = 0
) -> BoardRun:
    """Run the board on samples and the silence that kws listen pushes after a stream.

    Args:
        program: What build() compiled.
        samples: What the microphone records.
        folder: Where the board's files go.
        events: Lines of a time in ms and what happens then, see tests/arduino/board.cpp.
        start_ms: The board's clock at the start.
    """
    paths = [folder / name for name in ("samples.raw", "events", "kept.raw")]
    np.concatenate([samples, np.zeros(round(FLUSH_SECONDS * SAMPLE_RATE), np.int16)]).tofile(
        paths[0]
    )
    paths[1].write_text("".join(f"{event}\n" for event in events))
    done = subprocess.run(
        [str(program), *map(str, paths)],
        env=os.environ | {"KWS_START_MS": str(start_ms)},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    assert done.returncode == 0, done.stderr
    board = BoardRun(np.fromfile(paths[2], np.int16))
    for line in done.stdout.splitlines():
        _note(board, *line.split(" "))
    return board


def _note(board: BoardRun, time: str, what: str, *values: str) -> None:
    """Record one line of the board's output."""
    time_ms = int(time)
    if what == "led":
        board.led.append((time_ms, values[0]))
    elif what == "serial":
        board.serial.append((time_ms, bytes.fromhex(values[0])))
    elif what == "notify":
        board.notified.append((time_ms, values[0], bytes.fromhex(values[1])))
    elif what == "begin":
        board.begun.append(time_ms)
    elif what == "restarts":
        board.restarts.append(time_ms)
    elif what == "hangs":
        board.hangs = True
    elif what == "advertising":
        board.advertising.append(time_ms)
    elif what == "value":
        board.values[values[0]] = bytes.fromhex(values[1])
    elif what == "wakes":
        board.wakes = int(values[0])
    elif what == "pin":
        board.pins[int(values[0])] = int(values[1])
    elif what == "usb":
        board.usb = False
    elif what == "ble":
        board.ble.append((time_ms, values[0] == "on"))
    elif what == "lost":
        board.lost = int(values[0])
    else:
        assert what == "waits"
        board.waits = True
