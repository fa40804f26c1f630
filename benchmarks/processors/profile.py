"""Say which functions of a detector's engine the instructions of a hop are in.

    python benchmarks/processors/profile.py [MODEL] [--arithmetic fixed] [--processor Cortex-M4F]

Prints, for the emulated program that count.py counts, the instructions of each function per hop of
audio with the gate open; what is inlined is part of others. Needs what count.py needs;
of the processors that are emulated as a whole, that is all but RISC-V.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from bisect import bisect
from collections import Counter
from pathlib import Path

from kws.config import ARITHMETICS
from kws.export.sketch import export

sys.path += [str(Path(__file__).parents[2] / name) for name in ("tools", "benchmarks")]
from cortex_m4.counting import (
    ARDUINO,
    START,
    addresses,
    build,
    detector_stages,
    emulate,
    run,
    stage_counts,
    stage_options,
)
from cortex_m4.processors import PROCESSORS, Processor
from user_errors import run_main

LEAST = 20  # instructions per hop of a function that is listed


def main() -> None:
    """Print a line per function."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", nargs="?", default="home")
    parser.add_argument("--arithmetic", choices=ARITHMETICS, help="of the front end")
    emulated = {processor.name: processor for processor in PROCESSORS if processor.machine}
    parser.add_argument("--processor", choices=emulated, default="Cortex-M4F")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        exported = export(given.model, Path(name) / "c", None, given.arithmetic)
        sources = {p.name: p.read_text("utf-8") for p in exported if p.parent.name == "src"}
        counts = profile(sources, emulated[given.processor], Path(name))
    for function, instructions in counts.most_common():
        if instructions >= LEAST:
            print(f"{function:32} {instructions:9,.0f}")


def profile(sources: dict[str, str], processor: Processor, folder: Path) -> Counter[str]:
    """Return the instructions of each function per hop with the gate open."""
    program, _ = build(sources, ARDUINO, folder, processor)
    symbols, stages = addresses(program, processor), detector_stages(sources["kws_model.h"])
    options = (*stage_options(stages, symbols), "profile=1")
    lines = emulate(program, symbols[START][0], *options, processor=processor)
    hops = stage_counts(stages, symbols, lines)["network"].calls
    # Functions in assembly have no size, so that each lasts until the next one begins.
    listed = run([f"{processor.tools}-nm", "-n", program.name], folder).stdout.splitlines()
    rows = [line.split() for line in listed]
    code = [(int(at, 16) & ~1, name) for at, kind, name in rows if kind in "tT" and name[0] != "$"]
    starts, counts = [at for at, _ in code], Counter[str]()
    for line in lines:
        if line.startswith("instruction "):
            at, runs, _ = map(int, line.split()[1:])
            counts[code[bisect(starts, at) - 1][1]] += runs
    return Counter({name: round(count / hops) for name, count in counts.items()})


if __name__ == "__main__":
    run_main(main)
