"""Talk to `kws serve` as a Wyoming client does, over a real connection."""

from __future__ import annotations

import json
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt
import soundfile
from command_line import SAMPLES, started
from free_port import free_port
from waiting import PATIENCE
from wyoming.audio import AudioChunk, AudioStart, AudioStop
from wyoming.event import Event, read_event, write_event
from wyoming.info import Describe, Info
from wyoming.wake import Detect

EXPECTED: dict[str, list[list[Any]]] = json.loads((SAMPLES / "expected.json").read_text())
SECONDS = 3600  # that a server runs at most: the tests of a module share it
CHUNK = 160  # samples, 10 ms, as Home Assistant sends them


def sample(name: str) -> npt.NDArray[np.int16]:
    """Return a shipped sample, int16 [n]."""
    return soundfile.read(SAMPLES / name, dtype="int16")[0]


class Client:
    """Send events and read the answers."""

    def __init__(self, reader: BinaryIO, writer: BinaryIO) -> None:
        self.reader, self.writer = reader, writer

    def send(self, *messages: Any) -> None:
        for message in messages:
            write_event(message if isinstance(message, Event) else message.event(), self.writer)

    def start(self, names: list[str] | None = None, rate: int = 16_000) -> None:
        """Ask for wake words and begin a stream, as Home Assistant does."""
        self.send(Detect(names=names), AudioStart(rate=rate, width=2, channels=1))

    def stream(self, samples: npt.NDArray[np.int16], chunk: int = CHUNK, first: int = 0) -> None:
        """Send audio in chunks, each with its time in ms."""
        for start in range(0, len(samples), chunk):
            self.send(
                AudioChunk(
                    rate=16_000,
                    width=2,
                    channels=1,
                    audio=samples[start : start + chunk].tobytes(),
                    timestamp=first + start // 16,
                )
            )

    def stop(self) -> None:
        self.send(AudioStop())

    def read(self) -> Event:
        event = read_event(self.reader)
        assert event is not None, "the server closed the connection"
        return event

    def at_end(self) -> bool:
        """Return whether the server closed the connection."""
        try:
            return self.reader.read(1) == b""
        except ConnectionError:
            return True

    def describe(self) -> Info:
        self.send(Describe())
        return Info.from_event(self.read())

    def names(self) -> list[str]:
        (program,) = self.describe().wake
        return [model.name for model in program.models]

    def answers(self, samples: npt.NDArray[np.int16], names: list[str] | None) -> list[Event]:
        """Return the answers to a whole stream."""
        self.start(names)
        self.stream(samples, chunk=1024)
        self.stop()
        self.send(Event("ping", {"text": "end"}))
        events = []
        while (event := self.read()).type != "pong":
            events.append(event)
        return events


@contextmanager
def connected(address: str | tuple[str, int], timeout: float = PATIENCE) -> Iterator[Client]:
    """Connect to a Unix socket by its path, or to a host and port."""
    family = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET
    with socket.socket(family) as connection:
        connection.settimeout(timeout)
        connection.connect(address)
        with connection.makefile("rb") as reader, connection.makefile("wb") as writer:
            yield Client(reader, writer)


@contextmanager
def server(*options: object, unix: Path | None = None) -> Iterator[Server]:
    """Run `kws serve` until the block ends; it listens when the block begins."""
    address = str(unix) if unix else ("127.0.0.1", free_port())
    uri = f"unix://{unix}" if unix else f"tcp://127.0.0.1:{address[1]}"
    with started("serve", "--uri", uri, *options, seconds=SECONDS) as process:
        lines = []
        for line in process.stderr:
            lines.append(line)
            if "serving at" in line:
                break
        else:
            raise AssertionError(f"no server: {lines}")
        yield Server(process, address, lines)


class Server:
    """Hold a running server."""

    def __init__(
        self, process: subprocess.Popen[str], address: str | tuple[str, int], lines: list[str]
    ) -> None:
        self.process, self.address, self.lines = process, address, lines

    def connect(self) -> Any:
        return connected(self.address)

    def end(self) -> tuple[int, list[str]]:
        """End the server by SIGTERM; return its exit status and the rest of its log."""
        self.process.terminate()
        _, rest = self.process.communicate(timeout=PATIENCE)
        return self.process.returncode, rest.splitlines()

    def memory(self) -> int:
        """Return the resident memory, bytes."""
        pages = Path(f"/proc/{self.process.pid}/statm").read_text().split()[1]
        return int(pages) * 4096
