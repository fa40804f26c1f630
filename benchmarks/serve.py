"""Measure `kws serve` (Linux): processor time, memory, an hour of audio, 10,000 connections.

    python benchmarks/serve.py [--hours 1] [--clients 8] [--connections 10000]

Each client sends chunks of 10 ms, as Home Assistant does, but as fast as the server takes them,
while another connection asks for the description every second. Clients are processes of their own;
the processor time is the server's. The audio is the shipped samples, again and again.
"""

from __future__ import annotations

import argparse
import io
import json
import multiprocessing
import os
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import soundfile
from wyoming.audio import AudioChunk, AudioStart
from wyoming.event import read_event, write_event
from wyoming.info import Describe
from wyoming.wake import Detect

from kws.config import SAMPLE_RATE

ROOT = Path(__file__).parent.parent
CHUNK = 160  # samples, 10 ms
STREAMS = 200  # whose memory is measured
AT_ONCE = 500  # connections
HALF = b'{"type": "audio-chunk", "data_length": 50000}\n{'

Address = tuple[str, int]


def main() -> None:
    """Run a server and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--hours", type=float, default=1.0, help="of audio, of each client")
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--connections", type=int, default=10_000)
    options = parser.parse_args()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = probe.getsockname()
    command = [sys.executable, "-m", "kws", "serve", "--uri", f"tcp://127.0.0.1:{address[1]}"]
    with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True) as server:
        try:
            print(line := server.stderr.readline().strip())
            if "serving at" not in line:
                sys.exit("no server")
            measure_memory(server.pid, address)
            measure_streams(server.pid, address, options.clients, options.hours)
            measure_connections(server.pid, address, options.connections)
        finally:
            server.terminate()
        lines = server.stderr.read().splitlines()
        show("lines in the log", f"{len(lines)}")
        show("exit status at SIGTERM", f"{server.wait()}")


def show(what: str, value: str) -> None:
    """Print a row of the table."""
    print(f"{what:48}{value:>20}", flush=True)


def measure_memory(server: int, address: Address) -> None:
    """Measure what a stream takes that has heard a second of audio."""
    describe(address)
    before, connections = memory(server), []
    opening = events(Detect(), start()) + encoded_audio(np.zeros(SAMPLE_RATE, np.int16))
    for _ in range(STREAMS):
        connections.append(socket.create_connection(address))
        connections[-1].sendall(opening)
    time.sleep(1)
    describe(address)
    show("resident memory without clients", f"{before / 2**20:.1f} MB")
    show("memory of a stream", f"{(memory(server) - before) / STREAMS / 1024:.0f} KB")
    for connection in connections:
        connection.close()


def measure_streams(server: int, address: Address, clients: int, hours: float) -> None:
    """Measure the processor time of streams, and the growth of memory while they run."""
    audio = samples()
    seconds = len(audio) / SAMPLE_RATE
    loops = max(2, round(3600 * hours / seconds))
    barrier, results = multiprocessing.Barrier(clients + 1), multiprocessing.Queue()
    arguments = (address, encoded_audio(audio), loops, barrier, results)
    processes = [multiprocessing.Process(target=stream, args=arguments) for _ in range(clients)]
    for process in processes:
        process.start()
    barrier.wait()  # each has sent the audio once
    before, began, used = memory(server), time.monotonic(), processor(server)
    slowest, done = 0.0, []
    while len(done) < clients:
        asked = time.monotonic()
        describe(address)
        slowest = max(slowest, time.monotonic() - asked)
        while not results.empty():
            done.append(results.get())
        time.sleep(1)
    total = (loops - 1) * seconds * clients
    cost = (processor(server) - used) / total
    show("audio", f"{clients} x {(loops - 1) * seconds / 3600:.2f} h")
    show("processor time per second of a stream", f"{1000 * cost:.2f} ms")
    show("streams of a core", f"{1 / cost:.0f}")
    show("streams that this run carried in real time", f"{total / (time.monotonic() - began):.0f}")
    show("growth of resident memory", f"{(memory(server) - before) / 2**20:.2f} MB")
    show("slowest description meanwhile", f"{slowest:.2f} s")
    expected = len([word for words in expectations().values() for word in words]) * loops
    show("detections of each client, expected", f"{min(done)} to {max(done)}, {expected}")
    for process in processes:
        process.join()


def stream(
    address: Address,
    audio: bytes,
    loops: int,
    barrier: multiprocessing.synchronize.Barrier,
    results: multiprocessing.Queue[int],
) -> None:
    """Send the audio so many times; put the number of detections into the results."""
    found = 0
    with socket.create_connection(address) as connection, connection.makefile("rb") as reader:

        def read() -> None:
            nonlocal found
            while (event := read_event(reader)) and event.type != "pong":
                found += event.type == "detection"

        thread = threading.Thread(target=read)
        thread.start()
        connection.sendall(events(Detect(), start()) + audio)
        barrier.wait()
        for _ in range(loops - 1):
            connection.sendall(audio)
        connection.sendall(b'{"type": "ping"}\n')
        thread.join()
    results.put(found)


def measure_connections(server: int, address: Address, count: int) -> None:
    """Open so many connections, each with half an event, and see what is left of the server."""
    before, slowest, refused = memory(server), 0.0, 0
    for first in range(0, count, AT_ONCE):
        held = []
        for _ in range(min(AT_ONCE, count - first)):
            try:
                held.append(socket.create_connection(address, timeout=20))
                held[-1].sendall(HALF)
            except ConnectionError:
                refused += 1
        for connection in held:
            connection.close()
        asked = time.monotonic()
        describe(address)
        slowest = max(slowest, time.monotonic() - asked)
    show("connections with half an event", f"{count}")
    show("slowest description after each 500", f"{slowest:.2f} s")
    show("growth of resident memory", f"{(memory(server) - before) / 2**20:.2f} MB")


def describe(address: Address) -> None:
    """Ask for the description until it comes; a server that is full refuses connections."""
    while True:
        try:
            with socket.create_connection(address, timeout=60) as connection:
                connection.sendall(events(Describe()))
                with connection.makefile("rb") as reader:
                    if read_event(reader):
                        return
        except ConnectionError:
            pass
        time.sleep(0.01)


def start() -> AudioStart:
    """Return the start of a stream as Home Assistant sends it."""
    return AudioStart(rate=SAMPLE_RATE, width=2, channels=1)


def events(*messages: Detect | AudioStart | AudioChunk | Describe) -> bytes:
    """Return messages as the bytes of the protocol."""
    stream = io.BytesIO()
    for message in messages:
        write_event(message.event(), stream)
    return stream.getvalue()


def encoded_audio(audio: np.ndarray) -> bytes:
    """Return audio as the bytes of events of 10 ms."""
    pieces = (audio[first : first + CHUNK].tobytes() for first in range(0, len(audio), CHUNK))
    return events(*(AudioChunk(SAMPLE_RATE, 2, 1, piece, timestamp=0) for piece in pieces))


def expectations() -> dict[str, list[list[object]]]:
    """Return the keywords in each of the shipped samples."""
    table: dict[str, list[list[object]]] = json.loads(
        (ROOT / "audio_samples" / "expected.json").read_text()
    )
    return table


def samples() -> np.ndarray:
    """Return all shipped samples, one after another, int16 [n]."""
    folder = ROOT / "audio_samples"
    return np.concatenate(
        [soundfile.read(folder / name, dtype="int16")[0] for name in expectations()]
    )


def memory(process: int) -> int:
    """Return the resident memory of a process, bytes."""
    return int(Path(f"/proc/{process}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def processor(process: int) -> float:
    """Return the processor time of a process, user and system, s."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    main()
