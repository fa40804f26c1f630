"""List the processors that instructions are counted on, and how each is compiled for and emulated.

QEMU has no Cortex-M0+, and no Cortex-M33 with this memory map: a Cortex-M3 and a Cortex-M55 run
their instructions, of which there are as many.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).parent  # start-up code, memory maps
CORTEX_M = ("-nostartfiles", "--specs=nano.specs", f"-Wl,-T,{FOLDER / 'link.ld'},--gc-sections")
RISC_V = ("-nostartfiles", f"-T{FOLDER / 'risc_v.ld'}", "-Wl,--gc-sections")


@dataclass(frozen=True)
class Processor:
    """Describe a processor: its compiler, and the board of QEMU or, without one, a RISC-V."""

    name: str
    flags: tuple[str, ...]
    machine: str = ""

    @property
    def tools(self) -> str:
        """Return what the names of its compiler and the like begin with."""
        return "arm-none-eabi" if self.machine else "riscv64-unknown-elf"

    @property
    def startup(self) -> Path:
        """Return its start-up code."""
        return FOLDER / ("startup.c" if self.machine else "startup_risc_v.c")

    @property
    def link(self) -> tuple[str, ...]:
        """Return the options that link a program for it."""
        return CORTEX_M if self.machine else RISC_V

    @property
    def emulator(self) -> tuple[str, ...]:
        """Return the command that runs a program, whose name follows."""
        if not self.machine:
            return ("qemu-riscv32",)
        screen = ("-nographic", "-monitor", "none", "-serial", "none", "-semihosting")
        return ("qemu-system-arm", "-M", self.machine, *screen, "-kernel")


def cortex_m(name: str, cpu: str, machine: str, *fpu: str) -> Processor:
    """Return a Cortex-M; fpu: flags of its floating-point unit, none for software."""
    floats = fpu or ("-mfloat-abi=soft",)
    return Processor(name, (f"-mcpu={cpu}", "-mthumb", *floats), machine)


def risc_v(name: str, architecture: str, abi: str) -> Processor:
    """Return a RISC-V of 32 bits."""
    headers = "--specs=picolibc.specs"
    return Processor(name, (headers, f"-march={architecture}", f"-mabi={abi}"))


M4F = cortex_m("Cortex-M4F", "cortex-m4", "mps2-an386", "-mfloat-abi=softfp", "-mfpu=fpv4-sp-d16")
PROCESSORS = (
    cortex_m("Cortex-M0+", "cortex-m0plus", "mps2-an385"),
    cortex_m("Cortex-M3", "cortex-m3", "mps2-an385"),
    M4F,
    cortex_m("Cortex-M7", "cortex-m7", "mps2-an500", "-mfloat-abi=hard", "-mfpu=fpv5-sp-d16"),
    cortex_m("Cortex-M33", "cortex-m33", "mps3-an547", "-mfloat-abi=hard", "-mfpu=fpv5-sp-d16"),
    cortex_m("Cortex-M55", "cortex-m55", "mps3-an547", "-mfloat-abi=hard"),
    risc_v("rv32imac", "rv32imac", "ilp32"),
    risc_v("rv32imafc", "rv32imafc", "ilp32f"),
)
