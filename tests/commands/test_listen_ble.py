"""kws listen --ble: detections are printed and trigger actions; a fault is one line.

Real bleak runs against what it sees of BlueZ, since a test machine has no Bluetooth.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
from command_line import kws, started
from conftest import skip_without
from waiting import PATIENCE, wait_until

from kws.audio import ble

KEYWORDS = ["computer", "smart mirror"]


def content(count: int, keyword: int = 1, confidence: int = 16384, sample: int = 24_000) -> bytes:
    return ble.DETECTION_FORMAT.pack(count, keyword, confidence, sample)


def test_without_bleak_it_says_what_to_install() -> None:
    code = (
        "import sys; sys.modules['bleak'] = None; sys.argv = ['kws', 'listen', '--ble'];"
        "from kws.cli import main; main()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr == "kws: error: kws listen --ble needs bleak: pip install 'kws[ble]'\n"


def test_without_bluetooth_it_says_so(tmp_path: Path) -> None:
    environment = os.environ | {"DBUS_SYSTEM_BUS_ADDRESS": f"unix:path={tmp_path / 'none'}"}
    done = kws("listen", "--ble", env=environment)
    assert done.returncode == 1
    assert done.stderr.startswith("kws: error: Bluetooth is not available: ")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    "other", [["--model", "home"], ["--stdin"], ["--no-gate"], ["--arithmetic", "fixed"]]
)
def test_options_that_exclude_each_other(other: list[str]) -> None:
    done = kws("listen", "--ble", *other)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr


@pytest.fixture
def board(tmp_path: Path) -> Callable[..., object]:
    """Put a board within reach: `with board() as bluez`."""
    skip_without("D-Bus", sys.platform == "linux" and shutil.which("dbus-daemon"))
    from bluez import Bluez

    return lambda name="kws home", keywords=KEYWORDS, other="": Bluez(
        tmp_path, name, keywords, other
    )


@pytest.mark.slow
def test_another_board_is_ignored(board) -> None:
    with board() as bluez:
        done = kws("listen", "--ble", "--device", "kitchen", env=bluez.environment)
    assert done.returncode == 1
    assert done.stderr.startswith("kws: error: no board 'kitchen' found within 10 s; is it on,")
    assert done.stderr.count("\n") == 1


@pytest.mark.slow
def test_an_actions_file_for_other_keywords_is_refused(board, tmp_path: Path) -> None:
    actions = tmp_path / "actions.toml"
    actions.write_text('[[action]]\nkeyword = "jarvis"\ncommand = ["true"]\n')
    with board() as bluez:
        done = kws("listen", "--ble", "--actions", actions, env=bluez.environment)
    assert done.returncode == 1
    assert "actions.toml:2" in done.stderr
    assert "jarvis" in done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("wanted", [[], ["--device", "HOME"], ["--device", "01:02:03:04:05:06"]])
def test_detections_are_printed_and_trigger_actions(
    board, tmp_path: Path, wanted: list[str]
) -> None:
    triggered = tmp_path / "triggered"
    actions = tmp_path / "actions.toml"
    actions.write_text(f'[[action]]\nkeyword = "computer"\ncommand = ["touch", "{triggered}"]\n')
    words = ["listen", "--ble", "--json", "--actions", actions, *wanted]
    with board() as bluez, started(*words, env=bluez.environment) as process:
        bluez.wait_for_listener()
        bluez.notify(ble.DETECTION, content(1))
        line = process.stdout.readline()
        detection = json.loads(line)
        assert datetime.fromisoformat(detection.pop("at")).tzinfo is not None
        assert detection == {"time": 1.5, "keyword": "smart mirror", "confidence": 0.5}
        bluez.notify(ble.DETECTION, content(2, keyword=0))
        assert json.loads(process.stdout.readline())["keyword"] == "computer"
        wait_until(triggered.exists)
        process.terminate()
        _, errors = process.communicate()
    assert process.returncode == 0
    assert "kws: listening on kws home for computer, smart mirror\n" in errors


@pytest.mark.slow
def test_an_action_waits_for_its_min_confidence(board, tmp_path: Path) -> None:
    """The board sends a detection again, with its count, when the confidence has risen."""
    actions = tmp_path / "actions.toml"
    actions.write_text(
        "".join(
            f'[[action]]\nkeyword = "*"\nmin_confidence = {least}\n'
            f'command = ["sh", "-c", "echo $KWS_CONFIDENCE >> {tmp_path}/{name}"]\n'
            for name, least in (("high", 0.75), ("highest", 0.95), ("other", 0.6))
        )
    )
    words = ["listen", "--ble", "--json", "--actions", actions]

    def lines_of(name: str) -> list[str]:
        path = tmp_path / name
        return path.read_text().splitlines() if path.exists() else []

    with board() as bluez, started(*words, env=bluez.environment) as process:
        bluez.wait_for_listener()
        for confidence in (16384, 16384, 22938, 29491, 26214):  # 0.5, 0.5, 0.7, 0.9, 0.8
            bluez.notify(ble.DETECTION, content(1, confidence=confidence))
        bluez.notify(ble.DETECTION, content(2, keyword=0, confidence=16384))
        lines = [json.loads(process.stdout.readline()) for _ in range(2)]
        bluez.notify(ble.DETECTION, content(2, keyword=0, confidence=20972))  # 0.64
        wait_until(lambda: [len(lines_of(name)) for name in ("high", "other")] == [1, 2])
        process.terminate()
        process.communicate()
    assert [line["keyword"] for line in lines] == ["smart mirror", "computer"]
    assert len(lines_of("high")) == 1
    assert not (tmp_path / "highest").exists()


@pytest.mark.slow
def test_losses_and_a_lost_connection_are_logged(board) -> None:
    with board() as bluez, started("listen", "--ble", env=bluez.environment) as process:
        bluez.wait_for_listener()
        bluez.notify(ble.LOST, (512).to_bytes(4, "little"))
        bluez.notify(ble.DETECTION, content(2))  # the first did not arrive
        assert process.stdout.readline() == "1.50 s  smart mirror  0.50\n"
        bluez.go_out_of_reach()
        bluez.notify(ble.DETECTION, content(5))
        bluez.come_back()
        bluez.wait_for_listener()
        bluez.notify(ble.DETECTION, content(6, keyword=0))
        assert process.stdout.readline() == "1.50 s  computer  0.50\n"
        process.terminate()
        _, errors = process.communicate()
    logged = [
        line.removeprefix("kws: ") for line in errors.splitlines() if line.startswith("kws: ")
    ]
    assert logged == [
        "listening on kws home for computer, smart mirror",
        "the board has lost 512 samples so far",
        "missed 1 detections",
        "the connection is lost; looking for the board",
        "connected again; missed 3 detections",
    ]


def bad_notification(random: np.random.Generator) -> tuple[str, bytes]:
    """Return a notification that no board of kws sends."""
    kind = random.integers(6)
    if kind == 0:
        return ble.DETECTION, content(1, keyword=int(random.integers(len(KEYWORDS), 256)))
    if kind == 1:
        return ble.DETECTION, content(1, confidence=int(random.integers(32769, 65536)))
    if kind == 2:
        return ble.DETECTION, content(int(random.integers(20_000, 2**32)))
    if kind == 3:
        return ble.DETECTION, random.bytes(int(random.choice([0, 1, 3, 14, 16, 500])))
    if kind == 4:
        return ble.LOST, random.bytes(int(random.choice([0, 1, 3, 5, 500])))
    return ble.DETECTION, content(2**32 - 1)


@pytest.mark.slow
def test_bad_notifications_are_passed_over(board) -> None:
    random = np.random.default_rng(27)
    with board() as bluez, started("listen", "--ble", env=bluez.environment) as process:
        bluez.wait_for_listener()
        for _ in range(100):
            bluez.notify(*bad_notification(random))
        bluez.notify(ble.DETECTION, content(1, keyword=0))
        assert process.stdout.readline() == "1.50 s  computer  0.50\n"
        process.terminate()
        _, errors = process.communicate()
    assert process.returncode == 0
    lines = [line for line in errors.splitlines() if line.startswith("kws: ")]
    assert len(lines) == 2
    assert lines[1].startswith("kws: bad notifications passed over so far: 1; the board ")


def test_two_boards_are_not_chosen_from_by_chance(board) -> None:
    with board(other="kws kitchen") as bluez:
        for wanted in ([], ["--device", "KWS"]):
            done = kws("listen", "--ble", *wanted, env=bluez.environment)
            assert done.returncode == 1
            assert done.stderr.startswith("kws: error: 2 boards are in reach: ")
            for shown in ("kws home (01:02:03:04:05:06)", "kws kitchen (0A:0B:0C:0D:0E:0F)"):
                assert shown in done.stderr
            assert done.stderr.endswith("; choose one by its address with --device\n")


@pytest.mark.parametrize("wanted", ["01:02:03:04:05:06", "kws home"])
def test_one_of_two_boards_is_chosen(board, wanted: str) -> None:
    words = ["listen", "--ble", "--device", wanted]
    with board(other="kws home 2") as bluez, started(*words, env=bluez.environment) as process:
        bluez.wait_for_listener()
        bluez.notify(ble.DETECTION, content(1))
        assert process.stdout.readline() == "1.50 s  smart mirror  0.50\n"
        process.terminate()
        _, errors = process.communicate()
    assert "listening on kws home for" in errors


def test_names_from_the_radio_are_printable(board) -> None:
    name, keywords = "kws \x1b[2J\nkws: error", ["\x1b]0;computer\x07", "sm\u202eart", "x" * 300]
    words = "listen", "--ble"
    with board(name, keywords) as bluez, started(*words, env=bluez.environment) as process:
        bluez.wait_for_listener()
        bluez.notify(ble.DETECTION, content(1, keyword=0))
        line = process.stdout.readline()
        process.terminate()
        _, errors = process.communicate()
    assert line == "1.50 s  ?]0;computer?  0.50\n"
    shown = [line for line in errors.splitlines() if line.startswith("kws: listening")]
    assert shown == [f"kws: listening on kws ?[2J?kws: error for ?]0;computer?, sm?art, {'x' * 64}"]


@pytest.mark.slow
def test_a_service_that_crashed_is_waited_for(board) -> None:
    with board() as bluez, started("listen", "--ble", env=bluez.environment) as process:
        bluez.wait_for_listener()
        bluez.end_service()
        assert "listening on" in process.stderr.readline()
        assert process.stderr.readline().endswith("; trying again\n")
        bluez.start_service()
        bluez.wait_for_listener()
        bluez.notify(ble.DETECTION, content(1))
        assert process.stdout.readline() == "1.50 s  smart mirror  0.50\n"
        process.terminate()
        _, errors = process.communicate()
    assert process.returncode == 0
    *others, last = errors.splitlines()
    assert last == "kws: connected again"
    # A busy machine may look for the service before it is there again.
    assert all(line.endswith("; trying again") for line in others), errors


@pytest.mark.slow
@pytest.mark.parametrize(
    ("interrupt", "gone", "connected"),
    [
        (signal.SIGINT, signal.SIGSTOP, True),
        (signal.SIGTERM, signal.SIGKILL, True),
        (signal.SIGTERM, signal.SIGSTOP, False),
        (signal.SIGINT, signal.SIGKILL, False),
    ],
)
def test_an_interrupt_ends_it_when_the_service_is_gone(board, interrupt, gone, connected) -> None:
    with board() as bluez, started("listen", "--ble", env=bluez.environment) as process:
        bluez.wait_for_listener()
        if not connected:
            bluez.go_out_of_reach()
            bluez.wait_for_scan()
        bluez.stop_answering(gone)
        time.sleep(1)  # it may notice, or not yet
        process.send_signal(interrupt)
        _, errors = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0
    assert all(line.startswith("kws: ") for line in errors.splitlines()), errors
