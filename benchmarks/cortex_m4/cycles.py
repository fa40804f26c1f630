"""Bound the cycles per instruction of a model's detector on a Cortex-M4F.

    python benchmarks/cortex_m4/cycles.py MODEL.tflite

QEMU counts how often each instruction runs and how often it reads from flash. The cycles of each
are those of the Cortex-M4 Technical Reference Manual (r0p1, 3.3.1 and 7.2.3). The bounds assume:

- minimum: loads pipelined, so one cycle less each; a branch refills the pipeline in 1 cycle;
- maximum: no load pipelined; every branch taken, with a refill of 3 cycles; a floating-point
  operation waits a cycle for the one before; a read of data from flash waits WAIT_STATES cycles.

Both assume that the instructions come from the nRF52840's cache. The engine's code is larger than
the cache, so its misses are in neither bound.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from kws.export.sketch import export

sys.path += [str(Path(__file__).parents[2] / name) for name in ("tools", "benchmarks")]
from cortex_m4.counting import ARDUINO, START, addresses, build, emulate
from user_errors import run_main

WAIT_STATES = 2  # of the nRF52840's flash at 64 MHz
OUTSIDE = {"main", "next_hop", START, "reset", "leave", "fault"}  # not of the detector
FUNCTION = re.compile(r"^[0-9a-f]+ <(\w+)>:$")
INSTRUCTION = re.compile(r"^ *([0-9a-f]+):\t[0-9a-f ]+\t(\S+)\s*(.*)$")


@dataclass(frozen=True)
class Bounds:
    """Hold the instructions of a run, and the bounds of their cycles."""

    instructions: int
    minimum: int
    maximum: int
    flash_reads: int  # of data


def main() -> None:
    """Print the bounds of a model."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", type=Path)
    model = parser.parse_args().model
    found = bounds(model)
    print(
        f"{model.name}: {found.instructions} instructions, {found.flash_reads} reads of data from"
        f" flash; {found.minimum / found.instructions:.2f} to"
        f" {found.maximum / found.instructions:.2f} cycles per instruction"
    )


def bounds(model: Path) -> Bounds:
    """Export a model, run its detector under QEMU and return the bounds."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        paths = [p for p in export(model, folder / "export") if p.suffix in {".c", ".h", ".S"}]
        program, _ = build({p.name: p.read_text("utf-8") for p in paths}, ARDUINO, folder)
        instructions = disassemble(program)
        lines = emulate(program, addresses(program)[START][0], "profile=1")
    total = minimum = maximum = reads = 0
    for line in lines:
        address, runs, flash_reads = map(int, line.split()[1:])
        if line.startswith("instruction ") and address in instructions:
            fewest, most = cycles(*instructions[address])
            total, reads = total + runs, reads + flash_reads
            minimum += runs * fewest
            maximum += runs * most + flash_reads * WAIT_STATES
    return Bounds(total, minimum, maximum, reads)


def disassemble(program: Path) -> dict[int, tuple[str, str]]:
    """Return mnemonic and operands of each instruction of the detector, by address."""
    command = ["arm-none-eabi-objdump", "-d", str(program)]
    listing = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    found, inside = {}, False
    for line in listing.splitlines():
        if match := FUNCTION.match(line):
            inside = match[1] not in OUTSIDE
        elif inside and (match := INSTRUCTION.match(line)):
            found[int(match[1], 16)] = (match[2].partition(".")[0], match[3])
    return found


def cycles(name: str, operands: str) -> tuple[int, int]:
    """Return the minimum and the maximum cycles of an instruction, without wait states."""
    register_count = registers(operands)
    if name in ("ldr", "ldrb", "ldrh", "ldrsb", "ldrsh", "vldr"):
        double = name == "vldr" and operands.startswith("d")
        return (2, 3) if double else (1, 2)
    if name in ("ldrd", "ldmia", "ldm", "pop", "vldmia", "vpop"):
        jump = 3 if "pc" in operands else 0
        count = 2 if name == "ldrd" else register_count
        return count + jump, 1 + count + jump
    if name in ("strd", "stmia", "stmdb", "stm", "push", "vstmia", "vpush"):
        count = 2 if name == "strd" else register_count
        return count, 1 + count
    if name in ("vstr",):
        return (2, 3) if operands.startswith("d") else (1, 2)
    if name in ("udiv", "sdiv"):
        return 2, 12
    if name in ("vsqrt", "vdiv"):
        return 14, 14
    if name.startswith("v"):
        return 1, 2
    if name in ("b", "bl", "bx", "blx") or (name.startswith(("b", "cb")) and "<" in operands):
        return (2, 4) if name in ("b", "bl", "bx", "blx") else (1, 4)
    return 1, 1


def registers(operands: str) -> int:
    """Count the registers in a list like {r0, r4-r6, pc} or {s0-s7}; a double counts as two."""
    count = 0
    for item in re.findall(r"[^{},\s]+", operands.partition("{")[2]):
        first, _, last = item.partition("-")
        listed = int(last[1:]) - int(first[1:]) + 1 if last else 1
        count += listed * (2 if first.startswith("d") else 1)
    return count


if __name__ == "__main__":
    run_main(main)
