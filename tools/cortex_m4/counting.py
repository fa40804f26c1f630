"""Count the instructions and the code size of an exported model on an emulated processor.

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

from cortex_m4.processors import M4F, Processor

from kws.errors import KwsError
from kws.export.cost import Costs

FOLDER = Path(__file__).parent  # programs, start-up code, memory map, QEMU's plugin
PROGRAMS = ("arm-none-eabi-gcc", "arm-none-eabi-nm", "gcc", "qemu-system-arm")
ARDUINO = "-Os"  # as the Arduino core for the board compiles
GNU = ["-std=gnu11", "-ffunction-sections", "-fdata-sections"]
FLAGS = [*GNU, *M4F.flags]
LINK = list(M4F.link)
LINKED = re.compile(r"^ \.(?:text|rodata)\S*\s+0x\w+\s+0x(\w+) (\S+)$", re.MULTILINE)
# A stage begins where its function does, and lasts until the next stage begins.
DETECTOR_STAGES = {
    "ring buffer write": "kws_ring_buffer_write",
    "ring buffer read": "kws_ring_buffer_read",
    "spotter": "kws_spotter_push",
    "gate": "kws_gate_push",
    "front end": "kws_mfcc_push",
    "network": "kws_ds_cnn_push",
    "posterior": "kws_posterior_push",
    "none": "next_hop",
}
COMMITTEE_STAGES = DETECTOR_STAGES | {
    "network": "kws_committee_push",  # the first member
    "committee": "kws_committee_decide",
    "posterior": "kws_posterior_decide",
}
FIXED_STAGES = {  # where the front end is in fixed point
    "kws_mfcc_push": "kws_fixed_mfcc_push",
    "kws_ds_cnn_push": "kws_ds_cnn_push_quantised",
    "kws_committee_push": "kws_committee_push_quantised",
}
MICRO_STAGES = {"kws_mfcc_push": "kws_micro_frontend_push"}
EVERY_HOP = ("ring buffer write", "ring buffer read", "spotter", "gate")  # gate open or closed
START = "count_from_here"
MEMBERS = "KWS_MODEL_MEMBERS"  # what the header of a committee defines
FIXED = "KWS_MODEL_FIXED_FRONT_END"  # and that of a model with such a front end
MICRO = "KWS_MODEL_MICRO_FRONT_END"  # or with TFLM's
NETWORK_STAGES = {"network": "kws_ds_cnn_window", "none": "next_window"}


@dataclass(frozen=True)
class StageCount:
    """Hold how often a stage began, and its instructions in total."""

    calls: int
    instructions: int


@dataclass(frozen=True)
class Count:
    """Hold what a run of an exported model was counted to cost."""

    stages: dict[str, StageCount]
    flash: dict[str, int]  # bytes by source file, "library" being the compiler's
    state: int  # bytes of kws_spotter, or kws_ds_cnn
    compiler: str

    @property
    def costs(self) -> Costs:
        """Return the instructions of each stage of a detector, per hop, frame or step."""
        stages = self.stages
        hops, frames = stages["spotter"].calls, stages["network"].calls
        steps = stages["posterior"].calls
        committee = stages["committee"].instructions if "committee" in stages else 0
        return Costs(
            gate=sum(stages[name].instructions for name in EVERY_HOP) / hops,
            front_end=stages["front end"].instructions / frames,
            network=stages["network"].instructions / steps,
            posterior=(stages["posterior"].instructions + committee) / steps,
        )


def available() -> bool:
    """Return whether the programs that counting needs are installed."""
    return all(map(shutil.which, PROGRAMS))


def count(
    sources: Mapping[str, str], optimisation: str = ARDUINO, processor: Processor = M4F
) -> Count:
    """Build an export's C sources, run them under QEMU and count their instructions.

    Args:
        sources: Text of each source file by name.
        optimisation: The compiler's option, such as "-O3".
        processor: Which is emulated.

    Raises:
        KwsError: If a program fails, for instance a QEMU whose plugins are of another version.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        program, flash = build(sources, optimisation, folder, processor)
        symbols = addresses(program, processor)
        detector = detector_stages(sources["kws_model.h"])
        stages = detector if "spotter" in symbols else NETWORK_STAGES
        options = stage_options(stages, symbols)
        lines = emulate(program, symbols[START][0], *options, processor=processor)
        state = symbols.get("spotter") or symbols["ds_cnn"]
        return Count(
            stage_counts(stages, symbols, lines), flash, state[1], compiler(folder, processor)
        )


def detector_stages(header: str) -> dict[str, str]:
    """Return the function that each stage of a detector begins with, by its kws_model.h."""
    stages = COMMITTEE_STAGES if MEMBERS in header else DETECTOR_STAGES
    renamed = FIXED_STAGES if FIXED in header else MICRO_STAGES if MICRO in header else {}
    return {stage: renamed.get(name, name) for stage, name in stages.items()}


def build(
    sources: Mapping[str, str], optimisation: str, folder: Path, processor: Processor = M4F
) -> tuple[Path, dict[str, int]]:
    """Compile and link sources in a folder; return the program and its flash bytes by file."""
    for name, text in sources.items():
        (folder / name).write_text(text, "utf-8")
    kind = "detector" if "kws_model_data" in sources["kws_model.h"] else "network"
    files = [name for name in sources if name.endswith((".c", ".S"))]
    files += [str(FOLDER / f"count_{kind}.c"), str(processor.startup)]
    gcc = [f"{processor.tools}-gcc", optimisation, *GNU, *processor.flags]
    run([*gcc, "-I.", "-c", *files], folder)
    objects = [f"{Path(name).stem}.o" for name in files]
    run([*gcc, *processor.link, *objects, "-lm", "-Wl,-Map,map", "-o", "program.elf"], folder)
    linked = (folder / "map").read_text().partition("Linker script and memory map")[2]
    flash: Counter[str] = Counter()
    for size, source in LINKED.findall(linked):
        stem = "library" if source.endswith(")") else Path(source).stem
        flash[stem] += int(size, 16)
    listed = {name.rpartition(".")[0] for name in sources} | {"library"}
    return folder / "program.elf", {k: n for k, n in flash.items() if k in listed and n}


def compiler(folder: Path, processor: Processor = M4F) -> str:
    """Return the name and the version of the compiler."""
    name = f"{processor.tools}-gcc"
    return f"{name} {run([name, '-dumpfullversion'], folder).stdout.strip()}"


def addresses(program: Path, processor: Processor = M4F) -> dict[str, tuple[int, int]]:
    """Return address and size in bytes of each symbol of a program."""
    lines = run([f"{processor.tools}-nm", "-S", program.name], program.parent).stdout.splitlines()
    rows = [line.split() for line in lines]
    return {row[3]: (int(row[0], 16) & ~1, int(row[1], 16)) for row in rows if len(row) == 4}


def stage_options(stages: Mapping[str, str], symbols: Mapping[str, tuple[int, int]]) -> list[str]:
    """Return the plugin's options for those stages whose function is in the program."""
    return [f"stage={symbols[name][0]:#x}" for name in stages.values() if name in symbols]


def stage_counts(
    stages: Mapping[str, str], symbols: Mapping[str, tuple[int, int]], lines: list[str]
) -> dict[str, StageCount]:
    """Return the count of each stage from the lines that the plugin printed."""
    present = [stage for stage, name in stages.items() if name in symbols]
    rows = (list(map(int, line.split()[1:])) for line in lines if line.startswith("stage "))
    counts = {
        stage: StageCount(calls, instructions)
        for stage, (_, calls, instructions) in zip(present, rows, strict=True)
    }
    del counts["none"]
    return counts


def emulate(program: Path, start: int, *options: str, processor: Processor = M4F) -> list[str]:
    """Run a program under QEMU, counting from address `start` on; return the plugin's lines."""
    plugin = program.parent / "count_plugin.so"
    run(
        ["gcc", "-shared", "-fPIC", "-O2", str(FOLDER / "count_plugin.c"), "-o", str(plugin)],
        program.parent,
    )
    emulator, *rest = processor.emulator
    arguments = ",".join([str(plugin), f"start={start:#x}", *options])
    command = [emulator, "-plugin", arguments, *rest, program.name]
    return run(command, program.parent).stderr.splitlines()


def run(command: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a command in a folder and capture its output."""
    try:
        return subprocess.run(
            command,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError) as error:
        reason = str(getattr(error, "stderr", None) or error).strip().splitlines()[0]
        raise KwsError(f"counting with {command[0]} failed: {reason}") from error
