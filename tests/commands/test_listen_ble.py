"""kws listen --ble: detections are printed and trigger actions; a fault is one line.

Real bleak runs against what it sees of BlueZ, since a test machine has no Bluetooth.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from command_line import kws, started
from conftest import skip_without

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


@pytest.mark.parametrize("other", [["--model", "home"], ["--stdin"], ["--no-gate"]])
def test_options_that_exclude_each_other(other: list[str]) -> None:
    done = kws("listen", "--ble", *other)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr


@pytest.fixture
def board(tmp_path: Path) -> Callable[..., object]:
    """Put a board within reach: `with board() as bluez`."""
    skip_without("D-Bus", sys.platform == "linux" and shutil.which("dbus-daemon"))
    from bluez import Bluez

    return lambda name="kws home", keywords=KEYWORDS: Bluez(tmp_path, name, keywords)


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
        assert json.loads(line) == {"time": 1.5, "keyword": "smart mirror", "confidence": 0.5}
        bluez.notify(ble.DETECTION, content(2, keyword=0))
        assert json.loads(process.stdout.readline())["keyword"] == "computer"
        while not triggered.exists():
            assert process.poll() is None
        process.terminate()
        _, errors = process.communicate()
    assert process.returncode == 0
    assert "kws: listening on kws home for computer, smart mirror\n" in errors


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


@pytest.mark.slow
def test_a_keyword_that_the_board_has_not_named_ends_it(board) -> None:
    with board() as bluez, started("listen", "--ble", env=bluez.environment) as process:
        bluez.wait_for_listener()
        bluez.notify(ble.DETECTION, content(1, keyword=9))
        _, errors = process.communicate()
    assert process.returncode == 1
    assert errors.endswith("kws: error: the board detected its keyword 9, but has named 2\n")
