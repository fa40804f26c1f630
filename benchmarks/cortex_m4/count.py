"""Count what models cost on an emulated Cortex-M4F: instructions, flash, RAM.

    python benchmarks/cortex_m4/count.py MODEL.tflite ...

A model made by kws is counted per second of audio, front end included; any other int8 .tflite per
inference. Needs arm-none-eabi-gcc, gcc and qemu-system-arm. QEMU counts instructions, not cycles.
"""

from __future__ import annotations

import argparse
import re
import tempfile
from pathlib import Path

from kws.config import SAMPLE_RATE
from kws.export import export
from kws.export.counting import Count, count

LEVELS = ("-O3", "-Os")  # -Os is the Arduino core's


def main() -> None:
    """Print a line per model and level."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", nargs="+", type=Path)
    for model in parser.parse_args().models:
        with tempfile.TemporaryDirectory() as folder:
            paths = export(model, Path(folder))
            c_files = [path for path in paths if path.suffix in {".c", ".h", ".S"}]
            sources = {path.name: path.read_text("utf-8") for path in c_files}
        for level in LEVELS:
            print(f"{model.name} {level}: {line(count(sources, level), sources['kws_model.h'])}")


def line(counted: Count, header: str) -> str:
    """A count as a line of the table."""
    phases = counted.phases
    sizes = {name: int(n) for name, n in re.findall(r"^#define (\w+) (\d+)$", header, re.MULTILINE)}
    if hop := sizes.get("KWS_MODEL_HOP"):
        unit, amount = "second of audio", phases["spotter"].begun * hop / SAMPLE_RATE
    else:
        unit, amount = "inference", phases["network"].begun
    parts = {name: phase.instructions / amount / 1e6 for name, phase in phases.items()}
    listed = ", ".join(f"{name} {millions:.3f}" for name, millions in parts.items())
    return (
        f"{sum(parts.values()):.3f} M instructions per {unit} ({listed});"
        f" flash {sum(counted.flash.values())} bytes,"
        f" RAM {sizes['KWS_MODEL_MEMORY_BYTES'] + counted.state} bytes"
    )


if __name__ == "__main__":
    main()
