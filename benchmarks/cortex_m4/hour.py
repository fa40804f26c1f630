"""Count instructions per second over an hour of a quiet room in which people speak now and then.

    python benchmarks/cortex_m4/hour.py MODEL.tflite SPEECH_FOLDER [--speech 10]

Recordings from the folder, in random order and with random pauses between them, make up the target
share of an hour of low noise. How long the gate is open is measured on the whole hour, with the
Python gate, which decides as the board's does. The first minutes of the hour run under QEMU (a
Cortex-M4F, the Arduino core's flags, ring buffer included); their cost with the gate open and
closed is scaled to the hour. QEMU counts instructions, not cycles.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import numpy.typing as npt

from kws.audio.audio_file import read_audio
from kws.config import SAMPLE_RATE
from kws.data.audio_files import audio_files
from kws.engine.c_layout import longest_window
from kws.engine.lowering import read_all
from kws.export.c_source import detector_source
from kws.export.sketch import engine_files, model_files
from kws.gate import Gate
from kws.model_file import ModelFile

sys.path += [str(Path(__file__).parents[2] / name) for name in ("tools", "benchmarks")]
from cortex_m4 import counting
from user_errors import run_main

HERE = Path(__file__).parent
SEMIHOSTING = HERE.parents[1] / "tests" / "c"
NOISE = 8.0  # int16 steps, standard deviation: -72 dBFS

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
    audio, speech = quiet_room(options.speech_folder, options.speech / 100, options.minutes)
    emulated = audio[: round(options.emulated * 60 * SAMPLE_RATE)]
    share, emulated_share = open_share(model, audio), open_share(model, emulated)
    stages = instructions(model, emulated)
    closed = sum(stages[name] for name in counting.EVERY_HOP)
    gated = (sum(stages.values()) - closed) / emulated_share
    print(f"{options.minutes:g} min, {speech:.1%} speech; gate open for {share:.1%}")
    print(
        f"{options.emulated:g} min of it emulated, gate open for {emulated_share:.1%}: "
        + ", ".join(f"{name} {count / 1e6:.3f}" for name, count in stages.items())
        + f" = {sum(stages.values()) / 1e6:.3f} M instructions per second"
    )
    print(
        f"gate closed {closed / 1e6:.3f}, open {(closed + gated) / 1e6:.3f}, over all"
        f" {options.minutes:g} min {(closed + share * gated) / 1e6:.3f} M instructions per second"
    )


def quiet_room(folder: Path, share: float, minutes: float) -> tuple[Samples, float]:
    """Return noise with recordings mixed in, and the share of the time that they take."""
    random = np.random.default_rng(0)
    length = round(minutes * 60 * SAMPLE_RATE)
    audio = random.normal(0, NOISE, length)
    files, clips = audio_files(folder), []
    while sum(map(len, clips)) < share * length:
        clips.append(read_audio(files[random.integers(len(files))]))
    speech = sum(map(len, clips))
    pauses = np.floor(random.dirichlet(np.ones(len(clips) + 1)) * (length - speech)).astype(int)
    start = 0
    for pause, clip in zip(pauses, clips, strict=False):
        start += pause
        audio[start : start + len(clip)] += clip
        start += len(clip)
    return np.clip(np.rint(audio), -32768, 32767).astype(np.int16), speech / length


def open_share(model: ModelFile, audio: Samples) -> float:
    """Return the share of the samples that pass the gate of a primed detector."""
    window_frames = longest_window(read_all(model))
    gate = Gate(model.config, window_frames)
    gate.push(np.zeros(model.config.priming_samples(window_frames), np.int16))
    return sum(len(passage) for _, passage in gate.push(audio)) / len(audio)


def instructions(model: ModelFile, audio: Samples) -> dict[str, float]:
    """Count the instructions of each stage under QEMU, per second of audio."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        program = build(model, folder)
        (folder / "input").write_bytes(audio.tobytes())
        symbols = counting.addresses(program)
        stages = counting.detector_stages((folder / "kws_model.h").read_text("utf-8"))
        options = counting.stage_options(stages, symbols)
        lines = counting.emulate(program, symbols[counting.START][0], *options)
        counts = counting.stage_counts(stages, symbols, lines)
    seconds = len(audio) / SAMPLE_RATE
    return {stage: count.instructions / seconds for stage, count in counts.items()}


def build(model: ModelFile, folder: Path) -> Path:
    """Compile and link a model's detector with hour.c in a folder; return the program."""
    network, *others = read_all(model)
    compiled = [model.config.front_end.arithmetic], model.config.committee is not None
    sources = engine_files([network, *others], *compiled)
    for file, text in (sources | model_files(detector_source(model, network, others))).items():
        (folder / file).write_text(text, "utf-8")
    files = [*folder.glob("*.[cS]"), HERE / "hour.c", counting.FOLDER / "startup.c"]
    files.append(SEMIHOSTING / "io_semihosting.c")
    command = ["arm-none-eabi-gcc", counting.ARDUINO, *counting.FLAGS, *counting.LINK]
    command += [f"-I{folder}", f"-I{SEMIHOSTING}", *map(str, files)]
    program = folder / "program.elf"
    subprocess.run([*command, "-o", str(program)], check=True)
    return program


if __name__ == "__main__":
    run_main(main)
