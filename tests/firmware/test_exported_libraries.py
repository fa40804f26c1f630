"""Compile exported libraries with their examples, and run them on this machine.

Boards' cores are stand-ins (tests/arduino, tests/stand_ins). The engine is compiled once: all
libraries have the same, and the sketch's tests compile it for the board.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
from c_programs import HERE
from command_line import SAMPLES
from conftest import skip_without
from sketch_board import Samples
from waiting import PATIENCE

from kws.backend import Spotter
from kws.export.formats import export_as
from kws.export.library_boards import BOARDS, ExampleBoard
from kws.model_file import ModelFile

pytestmark = pytest.mark.slow

STAND_INS = HERE.parent / "stand_ins"
STRICT = ["-Wall", "-Wextra", "-Wconversion", "-Werror", "-Wno-missing-field-initializers"]
CPUS = {
    "mbed_nano:nano33ble": "cortex-m4",
    "mbed_nano:nanorp2040connect": "cortex-m0plus",
    "mbed_nicla:nicla_vision": "cortex-m7",
    "mbed_portenta:envie_m7": "cortex-m7",
    "mbed:xiaonRF52840Sense": "cortex-m4",
}
FORMATS = ("arduino-library", "platformio", "esp-idf", "zephyr", "c")


@pytest.fixture(scope="module")
def libraries(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Return the folder of each format's library; each has two models of two names."""
    folder = tmp_path_factory.mktemp("libraries")
    for name in FORMATS:
        export_as(name, ["home", "home"], ["home", "lamp"], folder / name)
    return {name: folder / name / "kws_home_lamp" for name in FORMATS}


@pytest.fixture(scope="module")
def engine(libraries: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Return the objects of the engine and of both models, for this machine."""
    skip_without("gcc", shutil.which("gcc"))
    folder = tmp_path_factory.mktemp("objects")
    sources = sorted((libraries["arduino-library"] / "src" / "engine").glob("*.[cS]"))
    run(["gcc", "-std=gnu11", "-O1", *STRICT, "-c", *map(str, sources)], folder)
    return [str(folder / f"{source.stem}.o") for source in sources]


def run(command: list[str], folder: Path, content: bytes = b"") -> str:
    """Run a command in a folder; return what it printed."""
    done = subprocess.run(command, cwd=folder, input=content, capture_output=True, timeout=PATIENCE)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode()


def samples() -> Samples:
    content: Samples = soundfile.read(SAMPLES / "all_keywords.flac", dtype="int16")[0]
    return content[: len(content) // 160 * 160]


def test_two_models_share_a_microphone_and_decide_as_on_a_laptop(
    libraries: dict[str, Path], engine: list[str], tmp_path: Path
) -> None:
    source = libraries["arduino-library"] / "src"
    command = ["g++", "-std=gnu++14", "-O1", "-fno-rtti", "-fno-exceptions", *STRICT, f"-I{source}"]
    files = [str(HERE / "library_main.cpp"), str(source / "KwsSpotter.cpp"), *engine]
    run([*command, *files, "-o", "program"], tmp_path)
    model = ModelFile.load("home")
    threshold = 1.0  # which the first keyword does not reach
    thresholds = (threshold, *model.config.thresholds[1:])
    strict = replace(model, config=replace(model.config, thresholds=thresholds))
    said = np.tile(samples(), 2)
    expected = {
        name: [(f.keyword, f.sample, f.confidence) for f in Spotter(one).push(said)]
        for name, one in (("home", model), ("lamp", strict))
    }
    command = ["./program", str(threshold)]
    output = run(command, tmp_path, said.tobytes())
    assert run([*command, "at once"], tmp_path, said.tobytes()) == output
    found: dict[str, list[tuple[str, int, float]]] = {"home": [], "lamp": []}
    for line in output.splitlines():
        name, index, sample, confidence = line.split()
        found[name].append((model.config.keywords[int(index)], int(sample), float(confidence)))
    assert len(expected["home"]) > 4  # more than a block of 10 ms has room for
    assert expected["lamp"] != expected["home"]
    for name, detections in expected.items():
        assert found[name] == [(k, at, pytest.approx(c, abs=1e-6)) for k, at, c in detections], name


def test_the_program_in_c_prints_what_a_laptop_detects(
    libraries: dict[str, Path], engine: list[str], tmp_path: Path
) -> None:
    folder = libraries["c"]
    program = folder / "examples" / "detect.c"
    command = ["gcc", "-std=c99", "-O1", *STRICT, f"-I{folder / 'src'}", str(program), *engine]
    run([*command, "-o", "detect"], tmp_path)
    model = ModelFile.load("home")
    lines = run(["./detect"], tmp_path, samples().tobytes()).splitlines()
    expected = [
        f"{found.sample / 16000:.2f} s  {name}  {found.keyword}"
        for found in Spotter(model).push(samples())
        for name in ("home", "lamp")
    ]
    assert sorted(line.rpartition("  ")[0] for line in lines) == sorted(expected)


@pytest.mark.parametrize("board", BOARDS, ids=lambda board: board.example)
def test_an_arduino_example_compiles(
    libraries: dict[str, Path], tmp_path: Path, board: ExampleBoard
) -> None:
    folder = libraries["arduino-library"]
    sketch = folder / "examples" / board.example / f"{board.example}.ino"
    source = tmp_path / "sketch.cpp"
    source.write_text(f'#include <Arduino.h>\n#include "{sketch}"\n')
    includes = [f"-I{HERE.parent / 'arduino'}", f"-I{folder / 'src'}", "-c"]
    if board.fqbn.startswith("esp32:"):
        command = ["g++", "-std=gnu++17", f"-I{STAND_INS / 'esp-idf'}"]
    else:
        cpu = CPUS[board.fqbn.partition(":")[2]]
        architecture = "ARDUINO_ARCH_NRF52840" if cpu == "cortex-m4" else "OTHER"
        command = ["arm-none-eabi-g++", "-std=gnu++14", "-Os", f"-mcpu={cpu}", "-mthumb"]
        command += ["-DARDUINO_ARCH_MBED", f"-D{architecture}"]
    skip_without(command[0], shutil.which(command[0]))
    run([*command, "-fno-rtti", "-fno-exceptions", *STRICT, *includes, str(source)], tmp_path)


@pytest.mark.parametrize(
    ("name", "example", "standard"),
    [
        ("esp-idf", "examples/microphone/main/main.cpp", "gnu++17"),
        ("zephyr", "samples/microphone/src/main.cpp", "c++14"),
    ],
)
def test_the_examples_of_esp_idf_and_zephyr_compile(
    libraries: dict[str, Path], tmp_path: Path, name: str, example: str, standard: str
) -> None:
    skip_without("g++", shutil.which("g++"))
    folder = libraries[name]
    command = ["g++", f"-std={standard}", "-fno-rtti", "-fno-exceptions", *STRICT]
    includes = [f"-I{STAND_INS / name}", f"-I{folder / 'src'}"]
    for source in (folder / example, folder / "src" / "KwsSpotter.cpp"):
        run([*command, *includes, "-fsyntax-only", str(source)], tmp_path)


def test_a_microphone_of_zephyr_keeps_what_comes_and_counts_what_does_not(
    libraries: dict[str, Path], tmp_path: Path
) -> None:
    folder = libraries["zephyr"]
    overlay = (folder / "samples" / "microphone" / "app.overlay").read_text()
    (queue,) = re.findall(r"queue-size = <(\d+)>;", overlay)
    program = microphone(folder, "dmic_main", "zephyr", tmp_path)
    passed, read, early, lost = map(int, run([*program, queue], tmp_path).split())
    assert early == 0
    assert lost == pytest.approx(16 * passed - read, abs=160)
    assert lost >= 16 * (3000 - 10 * int(queue))
    assert int(run([*program, "4"], tmp_path).split()[2]) >= 16 * (450 - 10 * 5)


def test_a_microphone_of_esp_idf_begins_again(libraries: dict[str, Path], tmp_path: Path) -> None:
    run(microphone(libraries["esp-idf"], "i2s_main", "esp-idf", tmp_path), tmp_path)


def microphone(folder: Path, program: str, stand_in: str, output: Path) -> list[str]:
    """Compile a program that runs a library's microphone; return its command."""
    skip_without("g++", shutil.which("g++"))
    includes = [f"-I{STAND_INS / stand_in}", f"-I{folder / 'src'}"]
    source = HERE / f"{program}.cpp"
    run(["g++", "-std=gnu++17", *STRICT, *includes, str(source), "-o", program], output)
    return [str(output / program)]


@pytest.mark.parametrize(
    ("version", "component"),
    [("5.0", "driver"), ("5.3", "esp_driver_i2s"), ("6.0", "esp_driver_i2s")],
)
def test_the_component_requires_the_driver_of_its_esp_idf(
    libraries: dict[str, Path], tmp_path: Path, version: str, component: str
) -> None:
    skip_without("cmake", shutil.which("cmake"))
    script = tmp_path / "script.cmake"
    script.write_text(
        'function(idf_component_register)\n  cmake_parse_arguments(A "" REQUIRES'
        ' "SRC_DIRS;INCLUDE_DIRS;PRIV_INCLUDE_DIRS" ${ARGN})\n'
        '  file(WRITE required "${A_REQUIRES}")\nendfunction()\n'
        "function(target_compile_options)\nendfunction()\n"
        f"include({libraries['esp-idf'] / 'CMakeLists.txt'})\n"
    )
    major, minor = version.split(".")
    defined = [f"-DIDF_VERSION_MAJOR={major}", f"-DIDF_VERSION_MINOR={minor}"]
    run(["cmake", *defined, "-P", str(script)], tmp_path)
    assert (tmp_path / "required").read_text() == component


def test_all_libraries_have_the_engine_that_was_compiled(libraries: dict[str, Path]) -> None:
    folders = {name: path / "src" / "engine" for name, path in libraries.items()}
    folders["c"] = libraries["c"] / "src"
    expected = {p.name: p.read_bytes() for p in folders["arduino-library"].iterdir()}
    for name, folder in folders.items():
        assert {p.name: p.read_bytes() for p in folder.iterdir()} == expected, name
