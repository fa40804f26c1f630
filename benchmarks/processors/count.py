"""Count what a detector costs on each processor that Debian's QEMU emulates.

    python benchmarks/processors/count.py [MODEL] [--arithmetic fixed]

Prints a table of Markdown: instructions per second of audio with the gate open and closed, of the
front end per hop and of the network per step, and flash; compiled with -Os. Needs, besides what
benchmarks/cortex_m4/count.py needs, qemu-user, gcc-riscv64-unknown-elf and
picolibc-riscv64-unknown-elf. QEMU counts instructions, not cycles.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from kws.config import ARITHMETICS
from kws.export.sketch import export
from kws.model_file import ModelFile

sys.path += [str(Path(__file__).parents[2] / name) for name in ("tools", "benchmarks")]
from cortex_m4.counting import count
from cortex_m4.processors import PROCESSORS
from user_errors import run_main

HEADS = (
    *("processor", "M instructions per second, gate open", "closed"),
    *("front end per hop", "network per step", "flash"),
)


def main() -> None:
    """Print a row per processor."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", nargs="?", default="home")
    parser.add_argument("--arithmetic", choices=ARITHMETICS, help="of the front end")
    given = parser.parse_args()
    model = given.model
    config = ModelFile.load(model).config
    with tempfile.TemporaryDirectory() as folder:
        paths = [
            path
            for path in export(model, Path(folder), None, given.arithmetic)
            if path.parent.name == "src"
        ]
        sources = {path.name: path.read_text("utf-8") for path in paths}
    print("| " + " | ".join(HEADS) + " |\n|" + "---|" * len(HEADS))
    for processor in PROCESSORS:
        counted = count(sources, processor=processor)
        costs, flash = counted.costs, sum(counted.flash.values())
        cells = [f"{costs.per_second(config, share) / 1e6:.2f}" for share in (1.0, 0.0)]
        cells += [f"{costs.front_end:,.0f}", f"{costs.network:,.0f}", f"{flash / 1000:.1f} KB"]
        print("| " + " | ".join((processor.name, *cells)) + " |", flush=True)


if __name__ == "__main__":
    run_main(main)
