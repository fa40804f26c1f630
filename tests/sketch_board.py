"""The exported sketch on this machine: compiled with the stand-ins of tests/arduino and run."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt
from conftest import skip_without

from kws.config import SAMPLE_RATE
from kws.listener import FLUSH_SECONDS

STANDINS = Path(__file__).parent / "arduino"
SANITISED = ["-O1", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
STRICT = ["-Wall", "-Wextra", "-Werror"]
BLOCK = 256  # samples that the microphone delivers at once

Samples = npt.NDArray[np.int16]


@dataclass
class Heard:
    """What a run of the board showed; times in ms since the microphone began."""

    kept: Samples  # that found room in the ring
    led: list[tuple[int, str]] = field(default_factory=list)
    serial: list[tuple[int, bytes]] = field(default_factory=list)
    notified: list[tuple[int, str, bytes]] = field(default_factory=list)  # time, UUID, value
    begun: list[int] = field(default_factory=list)
    advertising: list[int] = field(default_factory=list)
    values: dict[str, bytes] = field(default_factory=dict)  # by UUID, at the end
    lost: int = 0
    waits: bool = False

    @property
    def lines(self) -> list[str]:
        """What the serial monitor showed."""
        return b"".join(text for _, text in self.serial).decode().split("\r\n")[:-1]


def build(sketch: Path, folder: Path, *defines: str) -> Path:
    """Compile a sketch folder for this machine; the program."""
    for compiler in ("gcc", "g++"):
        skip_without(compiler, shutil.which(compiler))
    objects = []
    for source in sorted((sketch / "src").glob("*.c")):
        objects.append(folder / f"{source.stem}.o")
        words = ["gcc", "-std=gnu11", *SANITISED, *STRICT, "-c", str(source)]
        _run([*words, "-o", str(objects[-1])])
    words = ["g++", "-std=gnu++14", "-fno-rtti", "-fno-exceptions", *SANITISED, *STRICT]
    words += [f"-I{STANDINS}", f"-I{sketch}", f'-DSKETCH="{sketch.name}.ino"', *defines]
    program = folder / "board"
    _run([*words, str(STANDINS / "board.cpp"), *map(str, objects), "-o", str(program)])
    return program


def run(
    program: Path, samples: Samples, folder: Path, events: Sequence[str] = (), start_ms: int = 0
) -> Heard:
    """Let the board hear samples and the silence that kws listen hears behind a stream.

    events: lines of a time in ms and what happens then, see tests/arduino/board.cpp.
    """
    paths = [folder / name for name in ("heard.raw", "events", "kept.raw")]
    np.concatenate([samples, np.zeros(round(FLUSH_SECONDS * SAMPLE_RATE), np.int16)]).tofile(
        paths[0]
    )
    paths[1].write_text("".join(f"{event}\n" for event in events))
    done = subprocess.run(
        [str(program), *map(str, paths)],
        env=os.environ | {"KWS_START_MS": str(start_ms)},
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr
    heard = Heard(np.fromfile(paths[2], np.int16))
    for line in done.stdout.splitlines():
        _note(heard, *line.split(" "))
    return heard


def _note(heard: Heard, time: str, what: str, *values: str) -> None:
    """One line of the board."""
    at = int(time)
    if what == "led":
        heard.led.append((at, values[0]))
    elif what == "serial":
        heard.serial.append((at, bytes.fromhex(values[0])))
    elif what == "notify":
        heard.notified.append((at, values[0], bytes.fromhex(values[1])))
    elif what == "begin":
        heard.begun.append(at)
    elif what == "advertising":
        heard.advertising.append(at)
    elif what == "value":
        heard.values[values[0]] = bytes.fromhex(values[1])
    elif what == "lost":
        heard.lost = int(values[0])
    else:
        assert what == "waits"
        heard.waits = True


def _run(words: list[str]) -> None:
    done = subprocess.run(words, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
