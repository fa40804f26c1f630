"""Count what models cost on an emulated Cortex-M4F: instructions, flash, RAM.

    python benchmarks/cortex_m4/count.py MODEL.tflite ...

A model made by kws is counted per second of audio, front end included; any other int8 .tflite per
inference. Needs arm-none-eabi-gcc, gcc and qemu-system-arm. QEMU counts instructions, not cycles.
"""

from __future__ import annotations

import argparse
import subprocess
import tempfile
from pathlib import Path

import numpy as np

from kws.config import SAMPLE_RATE
from kws.export import export

HERE = Path(__file__).parent
BOARD = HERE.parents[1] / "tests" / "c"  # start-up code, memory map, semihosting
CPU = ["-mcpu=cortex-m4", "-mthumb", "-mfloat-abi=softfp", "-mfpu=fpv4-sp-d16"]
LINK = ["-nostartfiles", "--specs=nano.specs", f"-Wl,-T,{BOARD / 'link.ld'},--gc-sections"]
FLAGS = ["-std=gnu11", "-ffunction-sections", "-fdata-sections", *CPU, *LINK]
LEVELS = ("-O3", "-Os")
SECONDS = 4  # of audio; the cost of a hop does not depend on what is in it
WINDOWS = 4
PHASES = {"detector": ("front_end", "network", "posterior"), "network": ("network",)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", nargs="+", type=Path)
    models = parser.parse_args().models
    with tempfile.TemporaryDirectory() as folder:
        plugin = Path(folder) / "count_plugin.so"
        command = ["gcc", "-shared", "-fPIC", "-O2", str(HERE / "count_plugin.c")]
        subprocess.run([*command, "-o", str(plugin)], check=True)
        for number, model in enumerate(models):
            for level in LEVELS:
                print(measure(model, level, plugin, Path(folder) / f"{number}{level}"))


def measure(model: Path, level: str, plugin: Path, folder: Path) -> str:
    """One line of the table."""
    export(model, folder)
    kind = "detector" if "kws_model_data" in (folder / "kws_model.h").read_text() else "network"
    programs = {
        name: build(folder, level, sources)
        for name, sources in {
            "run": [HERE / f"{kind}.c", BOARD / "io_semihosting.c"],
            "size": [HERE / f"size_{kind}.c"],
        }.items()
    }
    unit, amount, content = stimulus(kind, folder)
    (folder / "input").write_bytes(content)
    counts = count(programs["run"], PHASES[kind], plugin)
    flash, ram = weigh(programs["size"])
    parts = ", ".join(f"{name} {n / amount / 1e6:.3f}" for name, n in counts.items())
    total = sum(counts.values()) / amount / 1e6
    return (
        f"{model.name} {level}: {total:.3f} M instructions per {unit} ({parts});"
        f" flash {flash} bytes, RAM {ram} bytes"
    )


def build(folder: Path, level: str, sources: list[Path]) -> Path:
    """Link the exported folder and a program for the emulated board."""
    program = folder / f"{sources[0].stem}.elf"
    files = [*sorted(folder.glob("*.[cS]")), *sources, BOARD / "startup.c"]
    words = ["arm-none-eabi-gcc", level, *FLAGS, f"-I{folder}", f"-I{BOARD}", f"-I{HERE}"]
    subprocess.run([*words, *map(str, files), "-o", str(program)], check=True)
    return program


def stimulus(kind: str, folder: Path) -> tuple[str, int, bytes]:
    """What a count is for, how many of them are run, and the input."""
    random = np.random.default_rng(0)
    if kind == "detector":
        noise = random.normal(0, 2000, SECONDS * SAMPLE_RATE)
        return "second of audio", SECONDS, noise.astype(np.int16).tobytes()
    header = (folder / "kws_model.h").read_text()
    sizes = dict(line.split()[1:3] for line in header.splitlines() if line.count(" ") == 2)
    values = int(sizes["KWS_MODEL_WINDOW_ROWS"]) * int(sizes["KWS_MODEL_ROW_VALUES"])
    return "inference", WINDOWS, random.integers(-128, 128, WINDOWS * values, np.int8).tobytes()


def count(program: Path, phases: tuple[str, ...], plugin: Path) -> dict[str, int]:
    """Run under the emulator; instructions by phase."""
    symbols = subprocess.run(
        ["arm-none-eabi-nm", str(program)], check=True, capture_output=True, text=True
    ).stdout
    rows = [line.split() for line in symbols.splitlines()]
    addresses = {row[2]: int(row[0], 16) for row in rows if len(row) == 3}
    marks = ",".join(f"phase={addresses['phase_' + name] & ~1:#x}" for name in (*phases, "none"))
    words = ["qemu-system-arm", "-M", "mps2-an386", "-nographic", "-monitor", "none"]
    words += ["-serial", "none", "-semihosting", "-kernel", str(program)]
    words += ["-plugin", f"{plugin},{marks}"]
    done = subprocess.run(words, cwd=program.parent, check=True, capture_output=True, text=True)
    lines = [line.split() for line in done.stderr.splitlines() if line.startswith("phase ")]
    return {name: int(line[3]) for name, line in zip(phases, lines, strict=False)}


def weigh(program: Path) -> tuple[int, int]:
    """Flash and static RAM of a program, its start-up code included, its stack not."""
    line = subprocess.run(
        ["arm-none-eabi-size", str(program)], check=True, capture_output=True, text=True
    ).stdout.splitlines()[1]
    text, data, bss = map(int, line.split()[:3])
    return text + data, data + bss


if __name__ == "__main__":
    main()
