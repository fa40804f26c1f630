"""Count what models cost on an emulated Cortex-M4F: instructions, flash, RAM.

    python benchmarks/cortex_m4/count.py MODEL.tflite ...

A model made by kws is counted per second of audio, front end included; any other int8 .tflite per
inference. Needs arm-none-eabi-gcc, gcc and qemu-system-arm. QEMU counts instructions, not cycles.
"""

from __future__ import annotations

import argparse
import re
import sys
import tempfile
from pathlib import Path

from kws.export.sketch import export
from kws.model_file import ModelFile

sys.path += [str(Path(__file__).parents[2] / name) for name in ("tools", "benchmarks")]
from cortex_m4.counting import Count, count
from user_errors import run_main

OPTIMISATIONS = ("-O3", "-Os")  # -Os is the Arduino core's


def main() -> None:
    """Print a line per model and optimisation."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", nargs="+", type=Path)
    for model in parser.parse_args().models:
        sources = c_sources(model)
        for option in OPTIMISATIONS:
            figures = line(count(sources, option), model, sources["kws_model.h"])
            print(f"{model.name} {option}: {figures}")


def c_sources(model: Path) -> dict[str, str]:
    """Export a model; return the text of each C source by name."""
    with tempfile.TemporaryDirectory() as folder:
        paths = export(model, Path(folder))
        c_files = [path for path in paths if path.suffix in {".c", ".h", ".S"}]
        return {path.name: path.read_text("utf-8") for path in c_files}


def line(counted: Count, model: Path, header: str) -> str:
    """Return a count in words."""
    sizes = {name: int(n) for name, n in re.findall(r"^#define (\w+) (\d+)$", header, re.MULTILINE)}
    if "KWS_MODEL_HOP" in sizes:
        config, costs = ModelFile.load(model).config, counted.costs
        open_, closed = (costs.per_second(config, share) / 1e6 for share in (1.0, 0.0))
        text = (
            f"{open_:.3f} M instructions per second of audio, {closed:.3f} with the gate closed"
            f" (a hop: ring buffer and gate {costs.gate:,.0f}, front end {costs.front_end:,.0f};"
            f" a step: network {costs.network:,.0f}, posterior {costs.posterior:,.0f})"
        )
    else:
        network = counted.stages["network"]
        text = f"{network.instructions / network.calls / 1e6:.3f} M instructions per inference"
    ram = sizes["KWS_MODEL_MEMORY_BYTES"] + counted.state
    return f"{text}; flash {sum(counted.flash.values())} bytes, RAM {ram} bytes"


if __name__ == "__main__":
    run_main(main)
