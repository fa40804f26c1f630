"""Test the exported sketch: compiled as Arduino does it, and run on this machine.

Its detections equal those of `kws listen`, sample for sample, whatever happens around it.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import sketch_board
import soundfile
from command_line import ROOT, SAMPLES
from conftest import skip_without
from sketch_board import BLOCK, BoardRun, Samples

from kws.audio import ble
from kws.backend import Spotter
from kws.console.detection_lines import text_line
from kws.engine.lowering import read_all
from kws.export import cost
from kws.export.sketch import export
from kws.model_file import ModelFile
from kws.posterior import Detection

pytestmark = pytest.mark.slow

EXPECTED = json.loads((SAMPLES / "expected.json").read_text())
CENTRAL = ["0 central connects", "0 central subscribes"]
HOP = 320

# platform.txt and variants/ARDUINO_NANO33BLE of ArduinoCore-mbed 4, "all" warnings; GNU 17 of the
# compiler's own would hide what the core's C++14 refuses.
WARNINGS = ["-Wall", "-Wextra", "-Werror"]
CPU = ["-mcpu=cortex-m4", "-mfloat-abi=softfp", "-mfpu=fpv4-sp-d16"]
COMMON = [*WARNINGS, "-g3", "-nostdlib", "-DARDUINO=10607", "-DARDUINO_ARDUINO_NANO33BLE"]
COMMON += ["-DARDUINO_ARCH_NRF52840", "-DARDUINO_ARCH_MBED", "-DARM_MATH_CM4", "-D__FPU_PRESENT=1"]
CODE = ["-Os", *WARNINGS, "-Wno-missing-field-initializers", "-Wno-unused-parameter"]
CODE += ["-fdata-sections", "-ffunction-sections", "-fmessage-length=0", "-fno-exceptions"]
CODE += ["-fomit-frame-pointer", "-funsigned-char", "-mthumb", *CPU]
ARDUINO = {
    ".c": ["arm-none-eabi-gcc", *COMMON, "-std=gnu11", *CODE],
    ".cpp": ["arm-none-eabi-g++", *COMMON, "-Wvla", "-fno-rtti", "-std=gnu++14", *CODE],
    ".S": ["arm-none-eabi-g++", "-x", "assembler-with-cpp", "-mcpu=cortex-m4", CPU[2]],
}


@pytest.fixture(scope="module")
def model() -> ModelFile:
    return ModelFile.load()


@pytest.fixture(scope="module")
def sketch(tmp_path_factory: pytest.TempPathFactory, model: ModelFile) -> Path:
    folder = tmp_path_factory.mktemp("export")
    export(model.name, folder)
    return folder / f"kws_{model.name}"


@pytest.fixture(scope="module")
def program(sketch: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return sketch_board.build(sketch, tmp_path_factory.mktemp("host"))


def sample(name: str) -> Samples:
    samples: Samples = soundfile.read(SAMPLES / name, dtype="int16")[0]
    return samples


def laptop_detections(model: ModelFile, samples: Samples) -> list[Detection]:
    """Return what kws listen detects in samples that end with silence."""
    rest = np.zeros(-len(samples) % HOP, np.int16)
    return Spotter(model).push(np.concatenate([samples, rest]))


def received(model: ModelFile, board: BoardRun) -> list[Detection]:
    """Return the detections that a central decodes, of which none may be missing."""
    contents = [content for _, uuid, content in board.notified if uuid == ble.DETECTION]
    decoded = without_rises([ble.decode(content, model.config.keywords) for content in contents])
    assert [count for count, _ in decoded] == list(range(1, len(decoded) + 1))
    return [detection for _, detection in decoded]


def without_rises(decoded: list[tuple[int, Detection]]) -> list[tuple[int, Detection]]:
    """Return counts and detections without those again whose confidence has risen."""
    first: list[tuple[int, Detection]] = []
    highest = 0.0
    for count, detection in decoded:
        if first and count == first[-1][0]:
            assert detection.confidence > highest
            assert replace(detection, confidence=first[-1][1].confidence) == first[-1][1]
        else:
            first.append((count, detection))
        highest = detection.confidence
    return first


def compile_for_arduino(sketch: Path, folder: Path) -> None:
    skip_without("arm-none-eabi-g++", shutil.which("arm-none-eabi-g++"))
    main = folder / f"{sketch.name}.ino.cpp"
    main.write_text(f'#include <Arduino.h>\n#include "{sketch.name}.ino"\n')
    for source in (main, *sorted((sketch / "src").glob("*.[cS]"))):
        command = [*ARDUINO[source.suffix], f"-I{sketch}", f"-I{sketch_board.MOCKS}"]
        command += ["-c", str(source), "-o", str(folder / f"{source.name}.o")]
        done = subprocess.run(command, capture_output=True, text=True)
        assert (done.returncode, done.stderr) == (0, "")


def test_it_compiles_without_warnings(sketch: Path, tmp_path: Path) -> None:
    compile_for_arduino(sketch, tmp_path)


def test_the_folder_is_a_sketch(sketch: Path) -> None:
    assert (sketch / f"{sketch.name}.ino").is_file()
    assert [path.name for path in sketch.glob("*.ino")] == [f"{sketch.name}.ino"]
    assert {"kws.h", "kws_model.c", "kws_model.h"} <= {p.name for p in (sketch / "src").iterdir()}


def test_the_committed_sketch_is_up_to_date(sketch: Path) -> None:
    """Compare the committed sketch to a new export; `make firmware` updates it."""
    ready = ROOT / "firmware_export"
    for path in sketch.rglob("*.*"):
        name = path.relative_to(sketch)
        if name.suffix == ".ino":
            name = Path("firmware_export.ino")
        if name.suffix != ".sha256":
            assert (ready / name).read_bytes() == path.read_bytes(), f"{name}: run make firmware"


def without_sources(sketch: Path, folder: Path) -> Path:
    """Copy a sketch without its engine, which compiles the same way whatever its settings are."""
    copy = folder / sketch.name
    shutil.copytree(sketch, copy, ignore=shutil.ignore_patterns("*.c", "*.S"))
    return copy


@pytest.mark.parametrize("action", ["KWS_LED", "KWS_SERIAL", "KWS_BLE"])
def test_one_line_switches_an_action_off(sketch: Path, tmp_path: Path, action: str) -> None:
    copy = without_sources(sketch, tmp_path)
    settings = (copy / "settings.h").read_text()
    assert f"#define {action} 1" in settings
    (copy / "settings.h").write_text(settings.replace(f"#define {action} 1", f"#define {action} 0"))
    compile_for_arduino(copy, tmp_path)
    symbols = subprocess.run(
        ["arm-none-eabi-nm", str(tmp_path / f"{sketch.name}.ino.cpp.o")],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    used = {"KWS_LED": "digitalWrite", "KWS_SERIAL": "send_nb", "KWS_BLE": "BLELocalDevice"}
    for other, name in used.items():
        assert (name in symbols) == (other != action), name


def test_one_line_switches_the_gate_off(sketch: Path, model: ModelFile, tmp_path: Path) -> None:
    copy = tmp_path / sketch.name
    shutil.copytree(sketch, copy)
    settings = (copy / "settings.h").read_text()
    (copy / "settings.h").write_text(settings.replace("#define KWS_GATE 1", "#define KWS_GATE 0"))
    program = sketch_board.build(copy, tmp_path)
    board = sketch_board.run(program, sample("story.flac"), tmp_path, CENTRAL)
    assert received(model, board) == laptop_detections(model.without_gate(), board.kept)


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_detections_equal_those_of_kws_listen(
    program: Path, model: ModelFile, tmp_path: Path, name: str
) -> None:
    board = sketch_board.run(program, sample(name), tmp_path, [*CENTRAL, "0 serial reads"])
    expected = laptop_detections(model, board.kept)
    assert received(model, board) == expected
    assert len(board.kept) >= len(sample(name)) + 8000
    assert board.lost == 0
    assert board.waits  # it sleeps while there is nothing to do
    greeting, *lines = board.lines
    assert greeting == f"kws home: listening for {', '.join(model.config.keywords)}"
    assert lines == [text_line(detection) for detection in expected]


def test_a_confidence_that_rises_on_is_sent_as_on_a_laptop(
    program: Path, model: ModelFile, tmp_path: Path
) -> None:
    board = sketch_board.run(program, sample("all_keywords.flac"), tmp_path, CENTRAL)
    contents = [content for _, uuid, content in board.notified if uuid == ble.DETECTION]
    sent = [ble.decode(content, model.config.keywords) for content in contents]
    highest = {count: detection.confidence for count, detection in sent}  # the latest of each
    assert len(sent) <= 3 * len(highest)
    hop, spotter, expected, left = model.config.front_end.hop, Spotter(model), [], 0
    for start in range(0, len(board.kept), hop):
        for found in spotter.push(board.kept[start : start + hop]):
            expected.append(found)
            left = 2 * 16_000 // hop
        if left:
            confidence = max(expected[-1].confidence, spotter.scores[expected[-1].keyword])
            expected[-1] = replace(expected[-1], confidence=confidence)
            left -= 1
    assert [highest[count] for count in sorted(highest)] == [one.confidence for one in expected]
    assert max(highest.values()) > max(one.confidence for _, one in without_rises(sent))


def test_a_keyword_right_after_the_start_is_detected(
    program: Path, model: ModelFile, tmp_path: Path
) -> None:
    [(keyword, start, end)] = EXPECTED["jarvis_door.flac"]
    samples = sample("jarvis_door.flac")[round(start * 16_000) : round(end * 16_000)]
    board = sketch_board.run(program, samples, tmp_path, CENTRAL)
    assert [detection.keyword for detection in received(model, board)] == [keyword]
    assert received(model, board) == laptop_detections(model, board.kept)


def test_the_led_shows_the_keyword_for_a_while(program: Path, tmp_path: Path) -> None:
    board = sketch_board.run(program, sample("all_keywords.flac"), tmp_path)
    assert [colour for _, colour in board.led] == [
        "---", *("-G-", "---"), *("--B", "---"), *("R--", "---"), *("-GB", "---")
    ]  # fmt: skip
    times = [time for time, _ in board.led][1:]
    assert all(1000 <= off - on < 1010 for on, off in zip(times[::2], times[1::2], strict=True))


def test_late_loops_lose_nothing_up_to_200_ms(
    program: Path, model: ModelFile, tmp_path: Path
) -> None:
    late = [f"{at} late 200" for at in range(0, 11_000, 230)]
    board = sketch_board.run(program, sample("all_keywords.flac"), tmp_path, [*CENTRAL, *late])
    assert board.lost == 0
    assert len(received(model, board)) == 4
    assert received(model, board) == laptop_detections(model, board.kept)


def test_later_loops_are_counted_as_lost_samples_and_listening_goes_on(
    program: Path, model: ModelFile, tmp_path: Path
) -> None:
    samples = sample("all_keywords.flac")
    events = [*CENTRAL, "0 serial reads", "3000 late 1400", "8000 late 1200"]
    board = sketch_board.run(program, samples, tmp_path, events)
    blocks = -(-(len(samples) + 8000) // BLOCK)
    assert board.lost == BLOCK * blocks - len(board.kept)
    capacity = cost.ring_samples([(read_all(model), model.config)])
    expected = sum(max(0, seconds * 16_000 - capacity) for seconds in (1.4, 1.2))
    assert abs(board.lost - expected) < 2 * (HOP + 2 * BLOCK)
    assert received(model, board) == laptop_detections(model, board.kept)
    assert f"lost {board.lost} samples so far" in board.lines
    notified = [content for _, uuid, content in board.notified if uuid == ble.LOST]
    assert [int.from_bytes(content, "little") for content in notified][-1] == board.lost
    assert board.values[ble.LOST] == notified[-1]


def test_a_microphone_that_stops_is_started_again(
    program: Path, model: ModelFile, tmp_path: Path
) -> None:
    events = [*CENTRAL, "0 serial reads", "3000 dead", "3600 dead"]
    board = sketch_board.run(program, sample("all_keywords.flac"), tmp_path, events)
    first, *again = board.begun
    assert first == 0
    assert len(again) == 2
    assert 8000 <= board.lost <= 2 * 8000 + 4 * BLOCK  # half a second each, as near as it can know
    assert f"lost {board.lost} samples so far" in board.lines
    assert received(model, board) == laptop_detections(model, board.kept)
    assert len(received(model, board)) >= 3


def test_neither_a_missing_nor_a_stalled_host_blocks_the_sketch(
    program: Path, model: ModelFile, tmp_path: Path
) -> None:
    samples = sample("all_keywords.flac")
    for events in (["0 serial absent"], ["0 serial stalls"]):
        board = sketch_board.run(program, samples, tmp_path, [*CENTRAL, *events])
        assert board.serial == []
        assert board.lost == 0
        assert len(received(model, board)) == 4


def test_a_host_that_connects_later_gets_the_greeting(program: Path, tmp_path: Path) -> None:
    events = ["3000 serial reads", "6000 serial absent", "8000 serial reads"]
    board = sketch_board.run(program, sample("all_keywords.flac"), tmp_path, events)
    words = [line.split()[-2] for line in board.lines]
    assert [line.startswith("kws home") for line in board.lines] == [True, False, True, False]
    assert words[1::2] == ["jarvis", "mirror"]


def test_a_central_that_comes_and_goes(program: Path, model: ModelFile, tmp_path: Path) -> None:
    events = [*CENTRAL, "3000 central leaves", "6000 central connects", "6010 central subscribes"]
    board = sketch_board.run(program, sample("all_keywords.flac"), tmp_path, events)
    assert [time // 10 for time in board.advertising] == [300]
    contents = [content for _, uuid, content in board.notified if uuid == ble.DETECTION]
    decoded = [ble.decode(content, model.config.keywords) for content in contents]
    assert [count for count, _ in without_rises(decoded)] == [1, 3, 4]
    assert board.values[ble.DETECTION] == contents[-1]
    assert board.values[ble.KEYWORDS].decode().split("\n") == list(model.config.keywords)


def test_values_before_the_first_detection(program: Path, tmp_path: Path) -> None:
    board = sketch_board.run(program, np.zeros(16_000, np.int16), tmp_path, CENTRAL)
    assert board.notified == []
    assert board.values[ble.DETECTION] == bytes(ble.DETECTION_FORMAT.size)
    assert board.values[ble.LOST] == bytes(4)


@pytest.mark.parametrize("before", [0, 2500, 5000], ids=lambda ms: f"{ms} ms")
def test_the_clock_of_32_bits_may_overflow(
    program: Path, model: ModelFile, tmp_path: Path, before: int
) -> None:
    samples = sample("all_keywords.flac")
    events = [*CENTRAL, "2400 dead"]
    usual = sketch_board.run(program, samples, tmp_path, events)
    board = sketch_board.run(program, samples, tmp_path, events, start_ms=2**32 - before)
    for name in ("led", "begun", "lost"):
        assert getattr(board, name) == getattr(usual, name), name
    assert received(model, board) == received(model, usual)


@pytest.fixture(scope="module")
def long_recording() -> Samples:
    """Return keywords, a minute and a half of silence and the same keywords again."""
    keywords = sample("all_keywords.flac")
    return np.concatenate([keywords, np.zeros(90 * 16_000, np.int16), keywords])


VANISHES = [*CENTRAL, "0 serial reads", "3000 central vanishes"]


def test_a_hang_of_the_bluetooth_stack_restarts_the_board(
    program: Path, model: ModelFile, tmp_path: Path, long_recording: Samples
) -> None:
    """The second keyword's notification waits for ever; the watchdog restarts the sketch."""
    again = ["90000 central connects", "90010 central subscribes", "90010 serial reads"]
    board = sketch_board.run(program, long_recording, tmp_path, [*VANISHES, *again])
    [restarted] = board.restarts
    assert 60_000 <= restarted <= 72_000
    assert not board.hangs
    detected = [one for one in board.notified if one[1] == ble.DETECTION]
    before = [content for time, _, content in detected if time < 3000]
    assert {ble.decode(content, model.config.keywords)[0] for content in before} == {1}
    after = [content for time, _, content in detected if time > restarted]
    detections = without_rises([ble.decode(one, model.config.keywords) for one in after])
    usual = laptop_detections(model, sample("all_keywords.flac"))
    assert [one.keyword for _, one in detections] == [one.keyword for one in usual]
    assert [count for count, _ in detections] == [1, 2, 3, 4]
    assert "fault: was restarted, since loop() hung" in board.lines


def test_without_the_watchdog_it_is_deaf_for_good(
    sketch: Path, tmp_path: Path, long_recording: Samples
) -> None:
    copy = tmp_path / sketch.name
    shutil.copytree(sketch, copy)
    settings = (copy / "settings.h").read_text()
    assert "#define KWS_WATCHDOG 60" in settings
    (copy / "settings.h").write_text(settings.replace("KWS_WATCHDOG 60", "KWS_WATCHDOG 0"))
    program = sketch_board.build(copy, tmp_path)
    board = sketch_board.run(program, long_recording, tmp_path, VANISHES)
    assert board.hangs
    assert board.restarts == []


def test_the_watchdog_leaves_a_board_alone_that_runs(
    program: Path, tmp_path: Path, long_recording: Samples
) -> None:
    late = [f"{at} late 30000" for at in (0, 40_000, 80_000)]
    assert sketch_board.run(program, long_recording, tmp_path, late).restarts == []


def test_a_settings_file_of_before_compiles(sketch: Path, tmp_path: Path) -> None:
    copy = without_sources(sketch, tmp_path)
    lines = (copy / "settings.h").read_text().splitlines(keepends=True)
    (copy / "settings.h").write_text("".join(one for one in lines if "KWS_WATCHDOG" not in one))
    compile_for_arduino(copy, tmp_path)


@pytest.mark.parametrize(
    ("part", "line"),
    [
        ("pdm", "fault: the microphone does not start; it is tried again"),
        ("ble", "fault: Bluetooth does not start; it is tried again every minute"),
    ],
)
def test_what_does_not_start_is_reported_and_tried_again(
    program: Path, model: ModelFile, tmp_path: Path, long_recording: Samples, part: str, line: str
) -> None:
    events = [f"0 {part} fails", "0 serial reads", f"50000 {part} works"]
    events += ["85000 serial absent", "86000 serial reads"]  # a new host sees what is faulty now
    board = sketch_board.run(program, long_recording, tmp_path, events)
    assert board.lines.count(line) == 1
    detected = [
        words.split("  ")[1] for words in board.lines if words.endswith(tuple("0123456789"))
    ]
    usual = [one.keyword for one in laptop_detections(model, sample("all_keywords.flac"))]
    assert detected == (usual if part == "pdm" else usual * 2)
    assert board.restarts == []


def test_both_sides_name_the_same_characteristics() -> None:
    text = (ROOT / "firmware_export" / "action_ble.h").read_text()
    for uuid in (ble.SERVICE, ble.DETECTION, ble.KEYWORDS, ble.LOST):
        assert text.count(f'"{uuid}"') == 1
