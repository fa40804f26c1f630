"""Instructions per second over an hour of a quiet room in which somebody speaks now and then.

    python benchmarks/cortex_m4/hour.py MODEL.tflite SPEECH_FOLDER [--speech 10]

Recordings from the folder, in any order and with pauses of any length between them, make up the
wanted share of an hour of low hiss. How long the gate is open is measured on the whole hour, with
the Python gate, which decides as the board's does. The first minutes of it run under QEMU (a
Cortex-M4F, the Arduino core's flags, ring buffer included); what they cost with the gate open and
closed is scaled to the hour. QEMU counts instructions, not cycles.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import tempfile
from pathlib import Path

import numpy as np
import numpy.typing as npt

from kws.audio.read import read_audio
from kws.config import SAMPLE_RATE
from kws.data.clips import audio_files
from kws.engine.lowering import read
from kws.export.c_source import detector_source
from kws.export.counting import ARDUINO, BOARD, DETECTOR_PHASES, FLAGS, LINK, addresses, emulate
from kws.export.sketch import engine_sources, model_files
from kws.gate import Gate
from kws.model_file import ModelFile

HERE = Path(__file__).parent
SEMIHOSTING = HERE.parents[1] / "tests" / "c"
HISS = 8.0  # int16 steps, standard deviation: -72 dBFS

Samples = npt.NDArray[np.int16]


def main() -> None:
    """Print what the hour costs."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", type=Path)
    parser.add_argument("speech_folder", type=Path)
    parser.add_argument("--speech", type=float, default=10.0, help="per cent (default 10)")
    parser.add_argument("--minutes", type=float, default=60.0, help="of audio (default 60)")
    parser.add_argument("--emulated", type=float, default=5.0, help="minutes (default 5)")
    options = parser.parse_args()
    model = ModelFile.load(options.model)
    audio, spoken = room(options.speech_folder, options.speech / 100, options.minutes)
    part = audio[: round(options.emulated * 60 * SAMPLE_RATE)]
    share, part_share = open_share(model, audio), open_share(model, part)
    phases = instructions(model, part)
    always = sum(phases[name] for name in ("ring buffer in", "ring buffer out", "spotter", "gate"))
    heard = sum(phases[name] for name in ("front end", "network", "posterior")) / part_share
    print(f"{options.minutes:g} min, {spoken:.1%} speech; gate open for {share:.1%}")
    print(
        f"{options.emulated:g} min of it emulated, gate open for {part_share:.1%}: "
        + ", ".join(f"{name} {count / 1e6:.3f}" for name, count in phases.items())
        + f" = {sum(phases.values()) / 1e6:.3f} M instructions per second"
    )
    print(
        f"gate closed {always / 1e6:.3f}, open {(always + heard) / 1e6:.3f}, over all"
        f" {options.minutes:g} min {(always + share * heard) / 1e6:.3f} M instructions per second"
    )


def room(folder: Path, share: float, minutes: float) -> tuple[Samples, float]:
    """Hiss with recordings in it, and what share of it they are."""
    random = np.random.default_rng(0)
    length = round(minutes * 60 * SAMPLE_RATE)
    audio = random.normal(0, HISS, length)
    files, clips = audio_files(folder), []
    while sum(map(len, clips)) < share * length:
        clips.append(read_audio(files[random.integers(len(files))]))
    spoken = sum(map(len, clips))
    pauses = np.floor(random.dirichlet(np.ones(len(clips) + 1)) * (length - spoken)).astype(int)
    at = 0
    for pause, clip in zip(pauses, clips, strict=False):
        at += pause
        audio[at : at + len(clip)] += clip
        at += len(clip)
    return np.clip(np.rint(audio), -32768, 32767).astype(np.int16), spoken / length


def open_share(model: ModelFile, audio: Samples) -> float:
    """Share of the hops that are heard."""
    return sum(len(passage) for _, passage in Gate(model.config).push(audio)) / len(audio)


def instructions(model: ModelFile, audio: Samples) -> dict[str, float]:
    """By phase, per second of audio, under QEMU."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for source in engine_sources():
            shutil.copy(source, folder)
        network = read(model.content, model.name)
        for file, text in model_files(detector_source(model, network)).items():
            (folder / file).write_text(text, "utf-8")
        program = folder / "program.elf"
        files = [*folder.glob("*.[cS]"), HERE / "hour.c", BOARD / "startup.c"]
        files.append(SEMIHOSTING / "io_semihosting.c")
        words = ["arm-none-eabi-gcc", ARDUINO, *FLAGS, *LINK, f"-I{folder}", f"-I{SEMIHOSTING}"]
        subprocess.run([*words, *map(str, files), "-o", str(program)], check=True)
        (folder / "input").write_bytes(audio.tobytes())
        symbols = addresses(program)
        marks = [f"phase={symbols[at][0]:#x}" for at in DETECTOR_PHASES.values()]
        rows = [line.split() for line in emulate(program, symbols["run"][0], *marks)]
        counts = [int(row[3]) for row in rows if row[0] == "phase"]
    per_second = (count / (len(audio) / SAMPLE_RATE) for count in counts)
    named = dict(zip(DETECTOR_PHASES, per_second, strict=True))
    return {name: count for name, count in named.items() if name != "none"}


if __name__ == "__main__":
    main()
