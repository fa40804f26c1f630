"""Test the sketch asleep between interrupts, and what it draws for the serial plotter."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import sketch_board
import soundfile
from command_line import SAMPLES
from sketch_board import BLOCK, Samples

from kws.audio import ble
from kws.backend import Spotter
from kws.export.sketch import export
from kws.model_file import ModelFile

pytestmark = pytest.mark.slow

LED_PWR, I2C_PULLUP, SENSORS = 25, 32, 33  # of tests/arduino/Arduino.h


@pytest.fixture(scope="module")
def sketch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("export")
    export("home", folder)
    return folder / "kws_home"


@pytest.fixture(scope="module")
def samples() -> Samples:
    content: Samples = soundfile.read(SAMPLES / "all_keywords.flac", dtype="int16")[0]
    return content


def build(sketch: Path, folder: Path, setting: str) -> Path:
    """Compile the sketch with one setting on."""
    settings = (sketch / "settings.h").read_text()
    assert f"#define {setting} 0" in settings
    changed = settings.replace(f"#define {setting} 0", f"#define {setting} 1")
    (folder / "settings.h").write_text(changed)
    include = f'-DKWS_TEST_SETTINGS="{folder / "settings.h"}"'
    return sketch_board.build(sketch, folder, f"-include{folder / 'settings.h'}", include)


def detected(samples: Samples) -> list[str]:
    rest = np.zeros(8000, np.int16)
    return [
        found.keyword for found in Spotter(ModelFile.load()).push(np.concatenate([samples, rest]))
    ]


def test_low_power_sleeps_until_interrupts_and_switches_off_what_draws(
    sketch: Path, samples: Samples, tmp_path: Path
) -> None:
    program = build(sketch, tmp_path, "KWS_LOW_POWER")
    events = ["0 serial reads", "7000 pin grounded", "7000 central connects"]
    events += ["7100 central subscribes", "9500 pin open"]
    board = sketch_board.run(program, samples, tmp_path, events)
    assert board.pins == {LED_PWR: 0, I2C_PULLUP: 0, SENSORS: 0}
    assert not board.usb
    assert board.serial == []
    assert [on for _, on in board.ble] == [True, False]
    assert [at // 100 for at, _ in board.ble] == [70, 95]
    lit = [time for time, colour in board.led if colour != "---"]
    assert len(lit) == len(detected(samples)) == 4
    notified = [at for at, uuid, _ in board.notified if uuid == ble.DETECTION]
    assert notified
    assert all(7000 <= at <= 9500 for at in notified)
    # One wake per block of the microphone, and every 5 ms while Bluetooth is on.
    blocks = len(board.kept) / BLOCK
    assert blocks * 0.9 < board.wakes < blocks + 2500 / 5 * 1.2
    assert board.lost == 0


def test_a_microphone_that_stops_is_noticed_in_low_power_too(
    sketch: Path, samples: Samples, tmp_path: Path
) -> None:
    program = build(sketch, tmp_path, "KWS_LOW_POWER")
    board = sketch_board.run(program, samples, tmp_path, ["3000 dead"])
    assert len(board.begun) == 2
    assert board.begun[1] < 4200


def test_the_plotter_shows_level_clipping_gate_and_confidence(
    sketch: Path, samples: Samples, tmp_path: Path
) -> None:
    program = build(sketch, tmp_path, "KWS_PLOT")
    loud = samples.copy()
    loud[100 * 320 : 100 * 320 + 7] = 32767
    board = sketch_board.run(program, loud, tmp_path, ["0 serial reads"])
    rows = [dict(field.split(":") for field in line.split(" ")) for line in board.lines]
    names = ["computer", "jarvis", "alexa", "smart_mirror"]
    assert all(list(row) == ["level", "clipped", "gate", *names] for row in rows)
    assert all(re.fullmatch(r"-?\d+", value) for row in rows for value in row.values())
    assert len(rows) == pytest.approx(len(board.kept) / 1664, abs=3)  # four hops of 416
    assert sum(int(row["clipped"]) for row in rows) == 7
    assert {row["gate"] for row in rows} == {"0", "1"}
    assert all(-90 <= int(row["level"]) <= 0 for row in rows)
    thresholds = ModelFile.load().config.thresholds
    for name, threshold in zip(names, thresholds, strict=True):
        assert max(int(row[name]) for row in rows) >= int(100 * threshold)
