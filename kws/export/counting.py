"""What an exported model costs on an emulated Cortex-M4F: instructions, bytes of code.

Needs arm-none-eabi-gcc, gcc and qemu-system-arm. QEMU counts instructions, not cycles.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from kws.errors import KwsError

BOARD = Path(__file__).parent / "cortex_m4"  # programs, start-up code, memory map, QEMU's plugin
TOOLS = ("arm-none-eabi-gcc", "arm-none-eabi-nm", "gcc", "qemu-system-arm")
ARDUINO = "-Os"  # as the Arduino core for the board compiles
CPU = ["-mcpu=cortex-m4", "-mthumb", "-mfloat-abi=softfp", "-mfpu=fpv4-sp-d16"]
FLAGS = ["-std=gnu11", "-ffunction-sections", "-fdata-sections", *CPU]
LINK = ["-nostartfiles", "--specs=nano.specs", f"-Wl,-T,{BOARD / 'link.ld'},--gc-sections"]
SECTION = re.compile(r"^ \.(?:text|rodata)\S*\s+0x\w+\s+0x(\w+) (\S+)$", re.MULTILINE)
# A phase begins where its function does, and lasts until the next one begins.
DETECTOR_PHASES = {
    "ring buffer in": "kws_ring_buffer_write",
    "ring buffer out": "kws_ring_buffer_read",
    "spotter": "kws_spotter_push",
    "gate": "kws_gate_push",
    "front end": "kws_mfcc_push",
    "network": "kws_ds_cnn_push",
    "posterior": "kws_posterior_push",
    "none": "next_hop",
}
START = "count_from_here"
NETWORK_PHASES = {"network": "kws_ds_cnn_window", "none": "next_window"}


@dataclass(frozen=True)
class Phase:
    """A stretch of the program."""

    begun: int  # times
    instructions: int


@dataclass(frozen=True)
class Count:
    """What was counted."""

    phases: dict[str, Phase]
    flash: dict[str, int]  # bytes by source file, "library" being the compiler's
    state: int  # bytes of kws_spotter, or kws_ds_cnn
    compiler: str


def available() -> bool:
    """Whether the programs that counting needs are installed."""
    return all(map(shutil.which, TOOLS))


def count(sources: Mapping[str, str], level: str = ARDUINO) -> Count:
    """Build an export's C sources, name -> text, at an optimisation level and run them.

    KwsError where a program fails, for instance a QEMU whose plugins are of another version.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        program, flash = build(sources, level, folder)
        symbols = addresses(program)
        phases = DETECTOR_PHASES if "spotter" in symbols else NETWORK_PHASES
        present = {phase: at for phase, at in phases.items() if at in symbols}
        marks = [f"phase={symbols[at][0]:#x}" for at in present.values()]
        lines = emulate(program, symbols[START][0], *marks)
        rows = (list(map(int, line.split()[1:])) for line in lines if line.startswith("phase "))
        counted = {
            phase: Phase(begun, instructions)
            for phase, (_, begun, instructions) in zip(present, rows, strict=True)
        }
        state = symbols.get("spotter") or symbols["ds_cnn"]
        del counted["none"]
        return Count(counted, flash, state[1], compiler(folder))


def build(sources: Mapping[str, str], level: str, folder: Path) -> tuple[Path, dict[str, int]]:
    """Compile into a folder and link; the program, and its bytes of flash by source file."""
    for name, text in sources.items():
        (folder / name).write_text(text, "utf-8")
    kind = "detector" if "kws_model_data" in sources["kws_model.h"] else "network"
    files = [name for name in sources if name.endswith((".c", ".S"))]
    files += [str(BOARD / f"count_{kind}.c"), str(BOARD / "startup.c")]
    _run(["arm-none-eabi-gcc", level, *FLAGS, "-I.", "-c", *files], folder)
    objects = [f"{Path(name).stem}.o" for name in files]
    words = ["arm-none-eabi-gcc", level, *FLAGS, *LINK, *objects]
    _run([*words, "-Wl,-Map,map", "-o", "program.elf"], folder)
    placed = (folder / "map").read_text().partition("Linker script and memory map")[2]
    flash: Counter[str] = Counter()
    for size, source in SECTION.findall(placed):
        stem = "library" if source.endswith(")") else Path(source).stem
        flash[stem] += int(size, 16)
    own = {name.rpartition(".")[0] for name in sources}
    return folder / "program.elf", {k: n for k, n in flash.items() if k in own | {"library"} and n}


def compiler(folder: Path) -> str:
    """The compiler's name and version."""
    version = _run(["arm-none-eabi-gcc", "-dumpfullversion"], folder).stdout.strip()
    return f"arm-none-eabi-gcc {version}"


def addresses(program: Path) -> dict[str, tuple[int, int]]:
    """Address and bytes of a program's symbols."""
    lines = _run(["arm-none-eabi-nm", "-S", program.name], program.parent).stdout.splitlines()
    rows = [line.split() for line in lines]
    return {row[3]: (int(row[0], 16) & ~1, int(row[1], 16)) for row in rows if len(row) == 4}


def emulate(program: Path, start: int, *options: str) -> list[str]:
    """Run under QEMU with the plugin counting from an address on; what the plugin printed."""
    plugin = program.parent / "count_plugin.so"
    _run(
        ["gcc", "-shared", "-fPIC", "-O2", str(BOARD / "count_plugin.c"), "-o", str(plugin)],
        program.parent,
    )
    words = ["qemu-system-arm", "-M", "mps2-an386", "-nographic", "-monitor", "none"]
    words += ["-serial", "none", "-semihosting", "-kernel", program.name, "-plugin"]
    arguments = [str(plugin), f"start={start:#x}", *options]
    return _run([*words, ",".join(arguments)], program.parent).stderr.splitlines()


def _run(words: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(
            words, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError) as error:
        said = str(getattr(error, "stderr", None) or error).strip().splitlines()[0]
        raise KwsError(f"counting with {words[0]} failed: {said}") from error
