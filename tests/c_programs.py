"""Compile exported folders with a test program, for this machine or an emulated processor."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from compiled_objects import compiled
from conftest import skip_without

HERE = Path(__file__).parent / "c"
BOARD = Path(__file__).parents[1] / "tools" / "cortex_m4"  # start-up code, memory map
STRICT = ["-std=c99", "-Wall", "-Wextra", "-Wconversion", "-Werror"]
CORTEX_M4F = ["-mcpu=cortex-m4", "-mthumb", "-mfloat-abi=softfp", "-mfpu=fpv4-sp-d16"]
BARE = ["-ffunction-sections", "-nostartfiles", "--specs=nano.specs", f"-Wl,-T,{BOARD / 'link.ld'}"]


@dataclass(frozen=True)
class Target:
    """Describe a compiler, its flags, and how its programs run."""

    name: str
    command: tuple[str, ...]
    emulated: bool = False  # a Cortex-M of `machine`, by qemu-system-arm
    machine: str = "mps2-an386"
    user: str = ""  # QEMU's emulator of Linux programs
    io: str = "io_host.c"
    byte_order: str = "<"  # of what its programs read and write

    def build(self, folder: Path, program: str) -> Path:
        """Compile an exported folder together with tests/c/<program>.c."""
        skip_without(self.command[0], shutil.which(self.command[0]))
        board = (HERE / "io_semihosting.c", BOARD / "startup.c")
        platform = board if self.emulated else (HERE / self.io,)
        engine = next(folder.rglob("kws_model.c")).parent
        compiler = [self.command[0], *STRICT, *self.command[1:]]
        objects = [compiled(source, compiler) for source in sorted(engine.glob("*.[cS]"))]
        sources = (HERE / f"{program}.c", *platform, *objects)
        binary = folder / f"{program}-{self.name}"
        words = [*compiler, f"-I{engine}", f"-I{HERE}", *map(str, sources)]
        done = subprocess.run([*words, "-o", str(binary), "-lm"], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return binary

    def compile(self, source: Path, result: Path) -> None:
        """Compile one file, of headers too, to check that it is complete."""
        skip_without(self.command[0], shutil.which(self.command[0]))
        command = [word for word in self.command if not word.startswith(("-Wl", "--specs"))]
        words = [command[0], *STRICT, *command[1:], *(["-xc"] if source.suffix != ".S" else [])]
        words += ["-c", str(source), "-o", str(result)]
        done = subprocess.run(words, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr

    def run(self, binary: Path, content: bytes, folder: Path) -> bytes:
        """Run a program on bytes; return what it wrote."""
        source, result = folder / "input", folder / "output"
        source.write_bytes(content)
        result.unlink(missing_ok=True)
        words = [str(binary), str(source), str(result)]
        if self.emulated:
            skip_without("qemu-system-arm", shutil.which("qemu-system-arm"))
            words = ["qemu-system-arm", "-M", self.machine, "-nographic", "-monitor", "none"]
            words += ["-serial", "none", "-semihosting", "-kernel", str(binary)]
        elif self.user:
            skip_without(self.user, shutil.which(self.user))
            words = [self.user, *words]
        done = subprocess.run(words, cwd=folder, capture_output=True, text=True, timeout=900)
        assert done.returncode == 0, done.stderr or f"exit {done.returncode}"
        return result.read_bytes()


HOST = Target(
    "sanitised",
    ("gcc", "-O1", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"),
)
# GNU C, as Arduino's build has it, lets GCC fuse a * b + c where ISO C does not.
FUSING = ("-std=gnu11", "-ffp-contract=fast")
HOST_FAST = Target("fast", ("gcc", "-O3", "-march=native", *FUSING))
M4_O3 = Target("m4-O3", ("arm-none-eabi-gcc", "-O3", *FUSING, *CORTEX_M4F, *BARE), True)
M4_ARDUINO = Target("m4-Os", ("arm-none-eabi-gcc", "-Os", *FUSING, *CORTEX_M4F, *BARE), True)
M4_PORTABLE = Target(
    "m4-portable", ("arm-none-eabi-gcc", "-O2", "-DKWS_DSP=0", *CORTEX_M4F, *BARE), True
)


def _cortex(name: str, cpu: str, machine: str, *flags: str) -> Target:
    """Return a Cortex-M that QEMU emulates, with the memory map of the Cortex-M4F's board."""
    command = ("arm-none-eabi-gcc", "-Os", *FUSING, f"-mcpu={cpu}", "-mthumb", *flags, *BARE)
    return Target(name, command, True, machine)


def _risc_v(architecture: str, abi: str) -> Target:
    """Return a RISC-V that QEMU emulates; the C library gives memcpy and the like alone."""
    flags = ("--specs=picolibc.specs", "-nostartfiles", f"-T{BOARD / 'risc_v.ld'}")
    machine = (f"-march={architecture}", f"-mabi={abi}")
    command = ("riscv64-unknown-elf-gcc", "-Os", *FUSING, *machine, *flags)
    return Target(architecture, command, user="qemu-riscv32", io="io_linux.c")


M55 = _cortex("m55", "cortex-m55", "mps3-an547", "-mfloat-abi=hard")  # with Helium
# Other processors than the shipped sketch's. QEMU has no Cortex-M0+ and no M33 of this memory map:
# an M3 and an M55 run their instructions.
PROCESSORS = (
    _cortex("m0plus", "cortex-m0plus", "mps2-an385", "-mfloat-abi=soft"),
    _cortex("m3", "cortex-m3", "mps2-an385", "-mfloat-abi=soft"),
    _cortex("m7", "cortex-m7", "mps2-an500", "-mfloat-abi=hard", "-mfpu=fpv5-sp-d16"),
    _cortex("m33", "cortex-m33", "mps3-an547", "-mfloat-abi=hard", "-mfpu=fpv5-sp-d16"),
    M55,
    _risc_v("rv32imac", "ilp32"),
    _risc_v("rv32imafc", "ilp32f"),
    Target(
        "big-endian",
        ("powerpc-linux-gnu-gcc", "-O2", *FUSING, "-static"),
        user="qemu-ppc",
        byte_order=">",
    ),
)
TARGETS = (HOST, HOST_FAST, M4_O3, M4_ARDUINO, M4_PORTABLE)
