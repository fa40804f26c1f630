"""Test that the engine's headers are read as compilers read them, and that each stands alone."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from command_line import ROOT
from conftest import skip_without

from kws.config import MICRO
from kws.engine import network
from kws.engine.c_headers import HEADERS, constants, declarations, structs
from kws.engine.c_layout import detector_memory, longest_window
from kws.engine.front_end_layout import kept_bytes, work_bytes
from kws.engine.lowering import read_all
from kws.gate import GateSettings
from kws.model_file import ModelFile

ENGINE = ROOT / "firmware_export" / "src"
STANDARDS = {"c99": ["gcc", "-xc", "-std=c99"], "c++11": ["g++", "-xc++", "-std=c++11"]}
BOARD = ["arm-none-eabi-gcc", "-mcpu=cortex-m4", "-mthumb"]


def compile_text(command: list[str], text: str, folder: Path) -> None:
    """Compile C text, warnings being errors."""
    skip_without(command[0], shutil.which(command[0]))
    (folder / "test.c").write_text(text)
    words = [*command, "-Wall", "-Wextra", "-Werror", f"-I{ENGINE}", "-c", "test.c", "-o", "test.o"]
    done = subprocess.run(words, cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("standard", STANDARDS)
@pytest.mark.parametrize("header", sorted(path.name for path in ENGINE.glob("*.h")))
def test_each_header_compiles_alone(header: str, standard: str, tmp_path: Path) -> None:
    text = (
        f'#include "{header}"\n#include "{header}"\nint use(void);\nint use(void) {{ return 0; }}\n'
    )
    compile_text(STANDARDS[standard], text, tmp_path)


@pytest.mark.parametrize("header", sorted(path.name for path in ENGINE.glob("*.h")))
def test_functions_have_the_linkage_of_c(header: str, tmp_path: Path) -> None:
    """Declare each function again in C++: another linkage would be an error."""
    content = declarations((ENGINE / header).read_text())
    functions = re.findall(
        r"^(?!typedef|static|KWS_INLINE|extern)\w[^;{}]*\([^;{}]*\);", content, re.M
    )
    again = "\n".join(functions)
    text = f'#include "{header}"\nextern "C" {{\n{again}\nvoid end(void);\n}}\nvoid end() {{}}\n'
    compile_text(STANDARDS["c++11"], text, tmp_path)


def test_sizes_and_offsets_are_those_of_the_board(tmp_path: Path) -> None:
    text = '#include <stddef.h>\n#include "spotter.h"\n'
    for name, struct in structs().items():
        text += f"typedef char {name}_size[sizeof({name}) == {struct.size} ? 1 : -1];\n"
        for field in struct.fields.values():
            wanted = f"offsetof({name}, {field.name}) == {field.offset}"
            text += f"typedef char {name}_{field.name}_offset[{wanted} ? 1 : -1];\n"
    compile_text([*BOARD, "-std=c99"], text, tmp_path)


def test_the_constants_are_those_of_the_compiler(tmp_path: Path) -> None:
    text = '#include "spotter.h"\n'
    text += "".join(f"typedef char t_{n}[{n} == {v} ? 1 : -1];\n" for n, v in constants().items())
    assert constants()["KWS_MAX_LAYERS"] == 255
    compile_text(["gcc", "-std=c99"], text, tmp_path)


def test_python_has_the_limits_of_the_headers() -> None:
    limits = {"MAX_LAYERS": network.MAX_LAYERS, "MAX_PHASES": network.MAX_PHASES}
    limits["BINS_AT_ONCE"] = network.BINS_AT_ONCE
    assert {name: constants()[f"KWS_{name}"] for name in limits} == limits
    assert {f"KWS_{kind}" for kind in network.KINDS} < set(constants())


def test_memory_is_what_the_macros_ask_for(tmp_path: Path) -> None:
    model = ModelFile.load()
    config, networks = model.config, read_all(model)
    memory = detector_memory(config, networks[0], networks[1:])
    front_end, smoothing = config.front_end, config.smoothing
    gate = GateSettings.of(config, longest_window(networks))
    steps = f"{smoothing.smooth_steps}, {smoothing.max_steps}"
    sizes = {
        f"KWS_MFCC_WORK_BYTES({front_end.fft // 2}, {front_end.mel_filters})": work_bytes(
            front_end
        ),
        f"KWS_MICRO_WORK_BYTES({MICRO.fft // 2})": work_bytes(MICRO),
        f"KWS_MICRO_KEPT_BYTES({MICRO.coefficients}, {MICRO.window})": kept_bytes(MICRO),
        f"KWS_POSTERIOR_BYTES({len(config.keywords)}, {steps})": memory.pending_at
        - memory.posterior_at,
        f"KWS_GATE_BYTES({front_end.hop}, {gate.pre_roll})": memory.scores_at - memory.gate_at,
    }
    text = '#include "spotter.h"\n'
    for index, (macro, size) in enumerate(sizes.items()):
        text += f"typedef char t_{index}[{macro} == {size} ? 1 : -1];\n"
    compile_text(["gcc", "-std=c99"], text, tmp_path)


def test_every_struct_of_the_headers_is_read() -> None:
    text = "".join((ENGINE / name).read_text() for name in HEADERS)
    assert len(structs()) == text.count("typedef struct")
    layer = structs()["kws_layer"].fields
    assert (layer["time_stride"].c_type, layer["time_stride"].pointer) == ("uint8_t", False)
    assert (layer["shifts"].c_type, layer["shifts"].pointer) == ("int8_t", True)
    assert structs()["kws_member"].fields["network"].c_type == "kws_network"


def test_declarations_are_without_comments_macros_and_cpp() -> None:
    text = '/* a\n b */\n#ifdef __cplusplus\nextern "C" {\n#endif\n'
    text += "#define A(x) \\\n  (x)\nint a; /* b */\n"
    assert declarations(text).split() == ["int", "a;"]
