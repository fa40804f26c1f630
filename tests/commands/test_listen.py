"""kws listen: what it prints, where, with which exit status, and what it refuses."""

from __future__ import annotations

import json
import os
import pty
import re
import signal
import subprocess
import sys
import time
from contextlib import contextmanager, suppress
from datetime import datetime

import numpy as np
import pytest
import soundfile
from alsa import SMALL_BUFFER, Card
from command_line import KEYWORDS, KWS, ROOT, SAMPLES, all_keywords, kws, refused, started
from conftest import skip_without
from running_actions import command
from waiting import PATIENCE, wait_until

from kws.atomic_write import write_atomically
from kws.commands.listen_source import SourceOptions
from kws.config import SAMPLE_RATE
from kws.model_file import find

DESK = "input device 'desk'"


def test_a_file_gives_a_line_per_detection():
    process = kws("listen", "--wav", SAMPLES / "all_keywords.flac")
    assert (process.returncode, process.stderr) == (0, "")
    lines = process.stdout.splitlines()
    assert [re.sub(r"^\d+\.\d\d s  (.*)  [01]\.\d\d$", r"\1", line) for line in lines] == KEYWORDS


def test_a_file_gives_an_object_per_detection():
    process = kws("listen", "--wav", SAMPLES / "all_keywords.flac", "--json")
    assert (process.returncode, process.stderr) == (0, "")
    found = [json.loads(line) for line in process.stdout.splitlines()]
    assert [list(detection) for detection in found] == [
        ["time", "keyword", "confidence", "level_dbfs"]
    ] * 4
    assert all(-60 < detection["level_dbfs"] < 0 for detection in found)
    assert [detection["keyword"] for detection in found] == KEYWORDS
    assert all(0 < detection["confidence"] <= 1 for detection in found)
    times = [detection["time"] for detection in found]
    assert times == sorted(times)


@pytest.mark.slow
def test_a_file_without_keywords_gives_nothing():
    process = kws("listen", "--wav", SAMPLES / "story.flac", "--json")
    assert (process.returncode, process.stdout, process.stderr) == (0, "", "")


@pytest.mark.slow
def test_standard_input_gives_the_detections_of_a_file():
    process = kws(
        "listen", "--stdin", "--json", stdin=None, text=False, input=all_keywords().tobytes()
    )
    assert process.returncode == 0
    assert process.stderr.decode().startswith("kws: listening on standard input for computer, ")
    file = kws("listen", "--wav", SAMPLES / "all_keywords.flac", "--json")
    found = [json.loads(line) for line in process.stdout.splitlines()]
    for detection in found:
        before = datetime.now().astimezone() - datetime.fromisoformat(detection.pop("at"))
        assert 0 <= before.total_seconds() < 120
    assert found == [json.loads(line) for line in file.stdout.splitlines()]


@pytest.mark.slow
def test_a_model_by_path_is_the_model_by_name():
    by_path = kws("listen", "--model", find("home"), "--wav", SAMPLES / "all_keywords.flac")
    by_name = kws("listen", "--model", "home", "--wav", SAMPLES / "all_keywords.flac")
    assert by_path.stdout == by_name.stdout


@pytest.mark.slow
def test_a_sample_gives_the_same_detections_with_and_without_the_gate():
    command = ("listen", "--wav", SAMPLES / "all_keywords.flac", "--json")
    gated, whole = kws(*command), kws(*command, "--no-gate")
    assert len(gated.stdout.splitlines()) == len(KEYWORDS)
    assert gated.stdout == whole.stdout


@contextmanager
def listening():
    """Start `kws listen --stdin` and wait until it listens."""
    with started("listen", "--stdin", stdin=subprocess.PIPE) as process:
        assert process.stderr.readline().startswith("kws: listening on ")
        yield process


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_is_the_normal_end_of_a_live_source(number):
    with listening() as process:
        process.stdin.buffer.write(bytes(32_000))
        process.stdin.flush()
        process.send_signal(number)
        assert process.wait(PATIENCE) == 0
        assert (process.stdout.read(), process.stderr.read()) == ("", "")


@pytest.mark.skipif(sys.platform == "win32", reason="signals to a process")
def test_a_closed_terminal_ends_the_commands_of_actions(hangups, tmp_path):
    path = tmp_path / "actions.toml"
    write = "import os, time; open('pid', 'w').write(str(os.getpid()) + '.'); time.sleep(600)"
    path.write_text(command(write))
    options = ("--stdin", "--actions", path)
    with started("listen", *options, stdin=subprocess.PIPE) as process:
        process.stdin.buffer.write(all_keywords().tobytes())
        process.stdin.flush()
        pid = tmp_path / "pid"
        wait_until(lambda: pid.exists() and pid.read_text().endswith("."))
        process.send_signal(signal.SIGHUP)
        assert process.wait(PATIENCE) == 0
        assert "not done when listening ended, killed" in process.stderr.read()
    with pytest.raises(ProcessLookupError):
        os.kill(int(pid.read_text().rstrip(".")), 0)


@pytest.mark.slow
def test_an_interrupted_file_is_exit_status_130(tmp_path):
    path = tmp_path / "long.flac"
    hour = np.zeros(3600 * SAMPLE_RATE, np.int16)
    hour[: len(all_keywords())] = all_keywords()
    soundfile.write(path, hour, SAMPLE_RATE)
    with started("listen", "--wav", path) as process:
        assert "computer" in process.stdout.readline()
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE) == 130
        assert process.stderr.read() == ""


def test_a_reader_that_closes_the_pipe_ends_it_without_a_message():
    sound = all_keywords().tobytes()
    with listening() as process:
        process.stdin.buffer.write(sound)
        process.stdin.flush()
        assert "computer" in process.stdout.readline()  # each line comes at once
        process.stdout.close()
        with suppress(BrokenPipeError):
            process.stdin.buffer.write(bytes(4 * 32_000) + sound)
        with suppress(BrokenPipeError):
            process.stdin.close()
        process.wait(PATIENCE)
        assert process.stderr.read() == ""


@pytest.mark.slow
def test_actions_running_at_the_end_of_a_file_may_finish(tmp_path):
    skip_without("a POSIX shell", sys.platform != "win32")
    actions = tmp_path / "actions.toml"
    actions.write_text(
        '[[action]]\nkeyword = "*"\n'
        'command = ["sh", "-c", "sleep 0.5; echo $KWS_KEYWORD >> keywords.txt"]\n'
        '[[action]]\nkeyword = "computer"\ncommand = ["false"]\n'
    )
    process = kws("listen", "--wav", SAMPLES / "all_keywords.flac", "--actions", actions)
    assert process.returncode == 0
    assert sorted((tmp_path / "keywords.txt").read_text().split("\n")) == sorted(["", *KEYWORDS])
    [failure] = process.stderr.splitlines()
    assert re.fullmatch(r"kws: .*actions.toml:4: command for 'computer' at .* failed: .*", failure)


def test_a_wrong_actions_file_is_an_error_before_listening(tmp_path):
    actions = tmp_path / "actions.toml"
    actions.write_text('[[action]]\nkeyword = "komputer"\ncommand = ["true"]\n')
    process = kws("listen", "--wav", SAMPLES / "all_keywords.flac", "--actions", actions)
    assert refused(process).startswith(f"{actions}:2: ")


@pytest.mark.slow
def test_a_microphone_until_an_interrupt(sound_cards):
    samples, _ = soundfile.read(SAMPLES / "computer_lights.flac", dtype="int16")
    environment = sound_cards(Card("desk", samples))
    with started("listen", "--device", "desk", "--json", env=environment) as process:
        assert json.loads(process.stdout.readline())["keyword"] == "computer"
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE) == 0
        assert process.stdout.read() == ""
        assert process.stderr.read() == f"kws: listening on desk for {', '.join(KEYWORDS)}\n"


@pytest.mark.slow
def test_a_terminal_shows_a_live_display(sound_cards):
    environment = sound_cards(Card("desk", all_keywords()))
    environment |= {"TERM": "xterm-256color", "COLUMNS": "90", "LINES": "24"}
    terminal, end = pty.openpty()
    shown = b""
    with started("listen", env=environment, stdout=end, stderr=end, stdin=end) as process:
        os.close(end)
        while not re.search(rb"\d\.\d\d s  computer  [01]\.\d\d", shown):
            shown += os.read(terminal, 1 << 16)
        process.send_signal(signal.SIGINT)
        with suppress(OSError):  # when its other end is closed
            while True:
                shown += os.read(terminal, 1 << 16)
        assert process.wait(PATIENCE) == 0
    os.close(terminal)
    assert b"home on desk" in shown
    assert b"dBFS" in shown
    hide, show = b"\x1b[?25l", b"\x1b[?25h"  # the cursor
    assert 0 <= shown.find(hide) < shown.rfind(show)
    assert shown.rfind(hide) < shown.rfind(show)


def test_a_file_on_a_terminal_gives_lines():
    terminal, end = pty.openpty()
    file = SAMPLES / "computer_lights.flac"
    with started("listen", "--wav", file, stdout=end, stderr=end, stdin=end) as process:
        shown = os.read(terminal, 1 << 16)
        while not shown.endswith(b"\n"):
            shown += os.read(terminal, 1 << 16)
        assert process.wait(PATIENCE) == 0
    os.close(end)
    os.close(terminal)
    assert re.fullmatch(rb"\d\.\d\d s  computer  [01]\.\d\d\r\n", shown)


def test_no_microphone(sound_cards):
    message = "no input device; is a microphone connected?"
    assert refused(kws("listen", env=sound_cards())) == message


def test_a_missing_microphone(sound_cards):
    environment = sound_cards(Card("desk", all_keywords()))
    message = refused(kws("listen", "--device", "attic", env=environment))
    assert message == "no input device 'attic'; `kws devices` lists those there are"


def wav_bytes(tmp_path):
    path = tmp_path / "whole.wav"
    soundfile.write(path, all_keywords(), SAMPLE_RATE)
    return path.read_bytes()


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("missing.wav", None, "No such file or directory"),
        ("text.wav", lambda wav: b"This is not audio.\n" * 100, "no audio that can be read"),
        ("truncated.wav", lambda wav: wav[: len(wav) // 2], "cut short"),
        ("header_alone.wav", lambda wav: wav[:30], "no audio"),
        ("no_bytes.wav", lambda wav: b"", "no audio"),
        ("no_samples.wav", None, "holds no audio"),
        ("two\nlines.wav", None, "No such file or directory"),
    ],
)
def test_a_file_that_is_not_audio(tmp_path, name, content, reason):
    path = tmp_path / name
    if content:
        path.write_bytes(content(wav_bytes(tmp_path)))
    elif name == "no_samples.wav":
        soundfile.write(path, np.zeros(0, np.int16), SAMPLE_RATE)
    message = refused(kws("listen", "--wav", path))
    assert reason in message
    assert message.startswith(" ".join(str(path).split()))


def test_a_folder_is_not_audio(tmp_path):
    assert refused(kws("listen", "--wav", tmp_path)) == f"{tmp_path}: not a file"


def test_standard_input_that_ends_within_a_sample():
    process = kws("listen", "--stdin", stdin=None, input="odd")
    assert process.returncode == 1
    assert process.stderr.splitlines()[1:] == [
        "kws: error: standard input ended within a sample: an odd number of bytes"
    ]


def test_a_closed_standard_input():
    command = " ".join([*KWS, "listen", "--stdin", "<&-"])
    process = subprocess.run(
        command, shell=True, cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE
    )
    assert refused(process) == "standard input is closed"


def test_a_microphone_that_is_plugged_in_later_is_waited_for(sound_cards, tmp_path):
    """PortAudio, which looks again and again, aborts over half a configuration."""
    environment = sound_cards(Card("desk", all_keywords()))
    configuration = tmp_path / "asound.conf"
    with_card = configuration.read_text()
    configuration.write_text("pcm.unusable { type unusable }\n")
    command = ("listen", "--device", "desk", "--reconnect", "--json")
    with started(*command, env=environment) as process:
        lines = [process.stderr.readline() for _ in range(2)]
        assert lines[0] == "kws: no input device; waiting for it\n"
        write_atomically(configuration, with_card)
        assert process.stderr.readline() == "kws: input device 'desk' is there\n"
        assert json.loads(process.stdout.readline())["keyword"] == "computer"
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE) == 0


@pytest.mark.slow
def test_a_microphone_that_is_unplugged_is_waited_for(sound_cards, tmp_path):
    """It sends nothing any more, then PortAudio does not list it, then it is there again."""
    computer, _ = soundfile.read(SAMPLES / "computer_lights.flac", dtype="int16")
    later = np.concatenate([np.zeros(2 * SAMPLE_RATE, np.int16), all_keywords()])
    card = Card("desk", computer, stall=6, later=later, catch_up=SMALL_BUFFER)
    environment = sound_cards(card)
    configuration = tmp_path / "asound.conf"
    with_card = configuration.read_text()
    command = ("listen", "--device", "desk", "--reconnect", "--json")
    with started(*command, env=environment) as process:
        assert process.stderr.readline().startswith("kws: listening on desk for ")
        lines = map(json.loads, process.stdout)
        next(line for line in lines if line.get("keyword") == "computer")
        write_atomically(configuration, "pcm.unusable { type unusable }\n")
        # A busy machine may report short gaps as well.
        next(
            line
            for line in process.stderr
            if line == f"kws: {DESK} sends nothing; waiting for it\n"
        )
        gone = time.monotonic()
        # Until PortAudio has closed the stream and listed the cards; or it finds it at once.
        time.sleep(card.stall)
        write_atomically(configuration, with_card)
        next(line for line in process.stderr if line == f"kws: {DESK} is there\n")
        gap = next(line for line in lines if line.get("gap", 0) > card.stall - 1)
        assert gap["gap"] < time.monotonic() - gone + 5
        found = next(line for line in lines if "keyword" in line)
        assert found["keyword"] in KEYWORDS
        assert found["time"] > gap["time"] + gap["gap"]
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE) == 0


@pytest.mark.parametrize(
    ("given", "service", "waits"),
    [(None, True, True), (None, False, False), (False, True, False), (True, False, True)],
)
def test_a_service_waits_for_its_microphone(monkeypatch, given, service, waits):
    opened = []
    monkeypatch.setattr("kws.microphone.Microphone", lambda *options: opened.append(options))
    SourceOptions(None, False, "desk", False, None, given).open(service)
    assert opened == [("desk", 1, waits)]
