"""Measure many streams in one process: `python benchmarks/streams.py [ENGINE ...] [--python PATH]`.

Engines are kws, porcupine (pvporcupine 1.9.5, which needs no key), openwakeword (0.5.1, the last
version whose package contains its models) and pyopen-wakeword (openWakeWord's networks without
Python's share). Each is measured where PATH, or this Python, has its package, in processes of its
own (Linux). kws and Porcupine listen for four keywords, the other two for "alexa".

The audio is that of audio_samples/, again and again. Measured are the processor time of one thread
over streams in turn, which gives the streams that a core carries; the resident memory of each
further stream; and how much more audio two threads get through than one, each with streams of its
own. Times are the least of several runs. A busy machine has less than two cores to give: look at
the ratios between engines of one call.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

SAMPLES = Path(__file__).parent.parent / "audio_samples"
SAMPLE_RATE = 16_000
BLOCK = 1280  # samples, 80 ms
FEW, MANY = 2, 42  # streams; the memory of the difference is divided by it
SECONDS = 10  # of audio of each stream and run
RUNS = 3

Push = Callable[[np.ndarray[Any, Any]], object]  # takes a block of a stream


def main() -> None:
    """Print a table of the engines."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("engines", nargs="*", choices=[[], *OPENERS], metavar="ENGINE")
    parser.add_argument("--python", default=sys.executable, help="that has the other packages")
    parser.add_argument("--measure", help=argparse.SUPPRESS)  # a file of samples
    options = parser.parse_args()
    if options.measure:
        print(json.dumps(measure(OPENERS[options.engines[0]], np.load(options.measure))))
        return
    with tempfile.TemporaryDirectory() as folder:
        audio = Path(folder) / "audio.npy"
        np.save(audio, recordings())
        print(f"{'':17}{'streams per core':>18}{'KB per stream':>16}{'two threads':>14}")
        for engine in options.engines or OPENERS:
            python = sys.executable if engine == "kws" else options.python
            print(f"{engine:17}{line(python, engine, audio)}")


def line(python: str, engine: str, audio: Path) -> str:
    """Return the figures of an engine, which a process of its own measures."""
    command = [python, __file__, engine, "--measure", audio]
    process = subprocess.run(command, capture_output=True, text=True, check=False)
    if process.returncode:
        return "  not measured: " + process.stderr.strip().splitlines()[-1]
    found = json.loads(process.stdout)
    return "{streams:>18.0f}{memory:>16.0f}{threads:>13.2f}x".format(**found)


def recordings() -> np.ndarray[Any, Any]:
    """Return the audio samples one after the other."""
    from kws.audio.audio_file import read_audio

    return np.concatenate([read_audio(path) for path in sorted(SAMPLES.glob("*.flac"))])


def kws_stream() -> Callable[[], Push]:
    """Open streams of kws, which share a model."""
    from kws.backend import Spotter
    from kws.model_file import ModelFile

    model = ModelFile.load("home")
    return lambda: Spotter(model).push


def porcupine_stream() -> Callable[[], Push]:
    """Open streams of Porcupine, which takes frames of 512 samples."""
    import pvporcupine

    def opened() -> Push:
        engine = pvporcupine.create(keywords=["computer", "jarvis", "alexa", "smart mirror"])
        rest = np.empty(0, np.int16)

        def push(block: np.ndarray[Any, Any]) -> None:
            nonlocal rest
            samples = np.concatenate([rest, block])
            whole = len(samples) // engine.frame_length * engine.frame_length
            for frame in samples[:whole].reshape(-1, engine.frame_length):
                engine.process(frame)
            rest = samples[whole:]

        return push

    return opened


def openwakeword_stream() -> Callable[[], Push]:
    """Open streams of openWakeWord, each with networks of its own, as its Model has them."""
    from openwakeword.model import Model

    return lambda: Model(wakeword_models=["alexa"], inference_framework="onnx").predict


def pyopen_wakeword_stream() -> Callable[[], Push]:
    """Open streams of the package pyopen-wakeword."""
    from pyopen_wakeword import Model, OpenWakeWord, OpenWakeWordFeatures

    def opened() -> Push:
        features, word = OpenWakeWordFeatures.from_builtin(), OpenWakeWord.from_builtin(Model.ALEXA)
        return lambda block: [
            list(word.process_streaming(frames))
            for frames in features.process_streaming(block.tobytes())
        ]

    return opened


OPENERS = {
    "kws": kws_stream,
    "porcupine": porcupine_stream,
    "openwakeword": openwakeword_stream,
    "pyopen-wakeword": pyopen_wakeword_stream,
}


def measure(
    opener: Callable[[], Callable[[], Push]], audio: np.ndarray[Any, Any]
) -> dict[str, float]:
    """Return streams per core, KB per stream and the gain by a second thread."""
    opened = opener()
    streams = [opened() for _ in range(FEW)]
    blocks = audio[: SECONDS * SAMPLE_RATE]
    run(streams, blocks)  # memory that the first audio takes is counted with the few
    before = resident_bytes()
    streams += [opened() for _ in range(MANY - FEW)]
    run(streams, blocks[:SAMPLE_RATE])
    memory = (resident_bytes() - before) / (MANY - FEW) / 1000
    streams, others = streams[:FEW], streams[FEW : 2 * FEW]
    seconds = FEW * len(blocks) / SAMPLE_RATE
    processor = min(processor_time(streams, blocks) for _ in range(RUNS))
    one = min(wall_time([streams], blocks) for _ in range(RUNS))
    two = min(wall_time([streams, others], blocks) for _ in range(RUNS))
    return {"streams": seconds / processor, "memory": memory, "threads": 2 * one / two}


def run(streams: list[Push], audio: np.ndarray[Any, Any]) -> None:
    """Push the blocks of the audio to all streams in turn."""
    for start in range(0, len(audio), BLOCK):
        for push in streams:
            push(audio[start : start + BLOCK])


def processor_time(streams: list[Push], audio: np.ndarray[Any, Any]) -> float:
    """Return the processor time of this thread for a run, s."""
    began = time.thread_time()
    run(streams, audio)
    return time.thread_time() - began


def wall_time(groups: list[list[Push]], audio: np.ndarray[Any, Any]) -> float:
    """Return the time of a run with a thread for each group of streams, s."""
    threads = [threading.Thread(target=run, args=(group, audio)) for group in groups]
    began = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return time.monotonic() - began


def resident_bytes() -> int:
    """Return the resident memory of this process."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


if __name__ == "__main__":
    main()
