"""The command line as a user meets it: what it prints, where, and with which exit status."""

from __future__ import annotations

import json
import os
import pty
import re
import signal
import subprocess
import sys
from contextlib import contextmanager, suppress

import numpy as np
import pytest
import soundfile
from alsa import Card
from command_line import KWS, ROOT, SAMPLES, kws, started
from conftest import skip_without

from kws import __version__
from kws.config import SAMPLE_RATE
from kws.model_file import find

KEYWORDS = ["computer", "jarvis", "alexa", "smart mirror"]  # in all_keywords.flac, in this order
FOREIGN = ROOT.parent / "shared" / "data" / "mlperf_tiny" / "kws_ref_model.tflite"


def all_keywords():
    return soundfile.read(SAMPLES / "all_keywords.flac", dtype="int16")[0]


def refused(process):
    """What a command says that failed for a reason the user can put right."""
    assert (process.returncode, process.stdout) == (1, "")
    assert re.fullmatch(r"kws: error: .*\n", process.stderr), process.stderr
    return process.stderr.removeprefix("kws: error: ").rstrip("\n")


# What is printed


def test_version():
    assert kws("--version").stdout == f"kws {__version__}\n"


def test_help_names_every_command():
    shown = kws("--help").stdout
    assert all(command in shown for command in ("listen", "devices", "info", "export"))


LOG = """
import logging, sys
logging.basicConfig()  # as a library may do it
from kws.cli import main
sys.argv = ["kws", "--version"]
try:
    main()
finally:
    log = logging.getLogger("kws.audio.somewhere")
    log.debug("detail")
    log.info("listening on %s", "two\\nlines")
    log.warning("audio lost")
"""


def test_each_record_of_the_log_is_one_line_on_stderr():
    process = subprocess.run(
        [sys.executable, "-c", LOG], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert process.stdout == f"kws {__version__}\n"
    assert process.stderr == "kws: listening on two lines\nkws: audio lost\n"


@pytest.mark.parametrize(
    "arguments",
    [
        ["frobnicate"],
        ["listen", "--loud"],
        ["listen", "--wav", "a.wav", "--stdin"],
        ["listen", "--device", "0", "--stdin"],
        ["info"],
    ],
)
def test_wrong_usage_is_exit_status_2(arguments):
    process = kws(*arguments)
    assert (process.returncode, process.stdout) == (2, "")
    assert process.stderr


def test_a_file_gives_a_line_per_detection():
    process = kws("listen", "--wav", SAMPLES / "all_keywords.flac")
    assert (process.returncode, process.stderr) == (0, "")
    lines = process.stdout.splitlines()
    assert [re.sub(r"^\d+\.\d\d s  (.*)  [01]\.\d\d$", r"\1", line) for line in lines] == KEYWORDS


def test_a_file_gives_an_object_per_detection():
    process = kws("listen", "--wav", SAMPLES / "all_keywords.flac", "--json")
    assert (process.returncode, process.stderr) == (0, "")
    found = [json.loads(line) for line in process.stdout.splitlines()]
    assert [list(detection) for detection in found] == [["time", "keyword", "confidence"]] * 4
    assert [detection["keyword"] for detection in found] == KEYWORDS
    assert all(0 < detection["confidence"] <= 1 for detection in found)
    times = [detection["time"] for detection in found]
    assert times == sorted(times)


def test_a_file_without_keywords_gives_nothing():
    process = kws("listen", "--wav", SAMPLES / "story.flac", "--json")
    assert (process.returncode, process.stdout, process.stderr) == (0, "", "")


def test_standard_input_takes_the_road_of_a_file():
    process = kws(
        "listen", "--stdin", "--json", stdin=None, text=False, input=all_keywords().tobytes()
    )
    assert process.returncode == 0
    assert process.stderr.decode().startswith("kws: listening on standard input for computer, ")
    file = kws("listen", "--wav", SAMPLES / "all_keywords.flac", "--json")
    assert process.stdout.decode() == file.stdout


def test_a_model_by_path_is_the_model_by_name():
    by_path = kws("listen", "--model", find("home"), "--wav", SAMPLES / "all_keywords.flac")
    by_name = kws("listen", "--model", "home", "--wav", SAMPLES / "all_keywords.flac")
    assert by_path.stdout == by_name.stdout


def test_letters_that_stdout_does_not_know(tmp_path):
    ascii_only = os.environ | {"PYTHONIOENCODING": "ascii"}
    process = kws("export", "home", "--output", tmp_path / "caf\u00e9", env=ascii_only)
    assert (process.returncode, process.stderr) == (0, "")
    assert "caf\\xe9" in process.stdout


def test_info():
    shown = kws("info", "home").stdout
    assert all(keyword in shown for keyword in KEYWORDS)
    assert "million multiply-accumulates per second" in shown
    facts = json.loads(kws("info", "home", "--json").stdout)
    assert facts["keywords"] == KEYWORDS
    assert facts["bytes"] == find("home").stat().st_size
    assert len(facts["sha256"]) == 64
    assert facts["multiply_accumulates_per_second"] > 0
    assert facts["card"]


def test_export_names_what_it_wrote(tmp_path):
    process = kws("export", "home", "--output", tmp_path / "board")
    assert (process.returncode, process.stderr) == (0, "")
    written = process.stdout.splitlines()
    assert str(tmp_path / "board" / "kws_home" / "kws_home.ino") in written
    files = (path for path in (tmp_path / "board").rglob("*") if path.is_file())
    assert sorted(written) == sorted(map(str, files))


# Ends


@contextmanager
def listening():
    """A `kws listen --stdin` that has begun to listen."""
    with started("listen", "--stdin", stdin=subprocess.PIPE) as process:
        assert process.stderr.readline().startswith("kws: listening on ")
        yield process


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_is_the_usual_end_of_a_live_source(number):
    with listening() as process:
        process.stdin.buffer.write(bytes(32_000))
        process.stdin.flush()
        process.send_signal(number)
        assert process.wait(60) == 0
        assert (process.stdout.read(), process.stderr.read()) == ("", "")


def test_an_interrupt_breaks_a_file_off(tmp_path):
    path = tmp_path / "long.flac"
    hour = np.zeros(3600 * SAMPLE_RATE, np.int16)
    hour[: len(all_keywords())] = all_keywords()
    soundfile.write(path, hour, SAMPLE_RATE)
    with started("listen", "--wav", path) as process:
        assert "computer" in process.stdout.readline()
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 130
        assert process.stderr.read() == ""


def test_a_reader_that_has_seen_enough_ends_it_quietly():
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
        process.wait(60)
        assert process.stderr.read() == ""


def test_a_sample_is_heard_alike_with_the_gate_and_without_it():
    command = ("listen", "--wav", SAMPLES / "all_keywords.flac", "--json")
    gated, whole = kws(*command), kws(*command, "--no-gate")
    assert len(gated.stdout.splitlines()) == len(KEYWORDS)
    assert gated.stdout == whole.stdout


# Actions


def test_actions_under_way_at_the_end_of_a_file_are_waited_for(tmp_path):
    skip_without("a POSIX shell", sys.platform != "win32")
    actions = tmp_path / "actions.toml"
    actions.write_text(
        '[[action]]\nkeyword = "*"\n'
        'command = ["sh", "-c", "sleep 0.5; echo $KWS_KEYWORD >> heard.txt"]\n'
        '[[action]]\nkeyword = "computer"\ncommand = ["false"]\n'
    )
    process = kws("listen", "--wav", SAMPLES / "all_keywords.flac", "--actions", actions)
    assert process.returncode == 0
    assert sorted((tmp_path / "heard.txt").read_text().split("\n")) == sorted(["", *KEYWORDS])
    [failure] = process.stderr.splitlines()
    assert re.fullmatch(r"kws: .*actions.toml:4: command for 'computer' at .* failed: .*", failure)


def test_a_wrong_actions_file_is_an_error_before_listening(tmp_path):
    actions = tmp_path / "actions.toml"
    actions.write_text('[[action]]\nkeyword = "komputer"\ncommand = ["true"]\n')
    process = kws("listen", "--wav", SAMPLES / "all_keywords.flac", "--actions", actions)
    assert refused(process).startswith(f"{actions}:2: ")


# Microphones


def test_a_microphone_is_listened_to_until_an_interrupt(sound_cards):
    samples, _ = soundfile.read(SAMPLES / "computer_lights.flac", dtype="int16")
    environment = sound_cards(Card("desk", samples))
    with started("listen", "--device", "desk", "--json", env=environment) as process:
        assert json.loads(process.stdout.readline())["keyword"] == "computer"
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 0
        assert process.stdout.read() == ""
        assert process.stderr.read() == f"kws: listening on desk for {', '.join(KEYWORDS)}\n"


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
        assert process.wait(60) == 0
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
        assert process.wait(60) == 0
    os.close(end)
    os.close(terminal)
    assert re.fullmatch(rb"\d\.\d\d s  computer  [01]\.\d\d\r\n", shown)


def test_no_microphone(sound_cards):
    message = "no input device; is a microphone connected?"
    assert refused(kws("listen", env=sound_cards())) == message


def test_a_microphone_that_is_not_there(sound_cards):
    environment = sound_cards(Card("desk", all_keywords()))
    message = refused(kws("listen", "--device", "attic", env=environment))
    assert message == "no input device 'attic'; `kws devices` lists those there are"


def test_devices(sound_cards):
    environment = sound_cards(Card("desk", all_keywords()), Card("attic", all_keywords()))
    shown = kws("devices", env=environment)
    assert shown.returncode == 0
    assert re.search(r"^\*  0  desk   ALSA, \d+, 44100 Hz$", shown.stdout, re.MULTILINE)
    assert re.search(r"^   1  attic  ALSA, ", shown.stdout, re.MULTILINE)
    found = json.loads(kws("devices", "--json", env=environment).stdout)
    assert [(device["index"], device["name"]) for device in found] == [(0, "desk"), (1, "attic")]


def test_no_devices(sound_cards):
    environment = sound_cards()
    process = kws("devices", env=environment)
    assert (process.returncode, process.stdout) == (0, "")
    assert process.stderr == "kws: no input device; is a microphone connected?\n"
    assert json.loads(kws("devices", "--json", env=environment).stdout) == []


# Bad input


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
def test_a_file_that_is_no_audio(tmp_path, name, content, reason):
    path = tmp_path / name
    if content:
        path.write_bytes(content(wav_bytes(tmp_path)))
    elif name == "no_samples.wav":
        soundfile.write(path, np.zeros(0, np.int16), SAMPLE_RATE)
    message = refused(kws("listen", "--wav", path))
    assert reason in message
    assert message.startswith(" ".join(str(path).split()))


def test_a_folder_is_no_audio(tmp_path):
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
        command, shell=True, cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert refused(process) == "standard input is closed"


@pytest.mark.parametrize("command", [["info"], ["listen", "--model"], ["export"]])
def test_a_model_that_is_not_there(command, tmp_path):
    rest = {"listen": ["--wav", SAMPLES / "story.flac"], "export": ["--output", tmp_path]}
    more = rest.get(command[0], [])
    assert refused(kws(*command, "kitchen", *more)).startswith("no model named 'kitchen'; shipped")
    missing = tmp_path / "kitchen.tflite"
    assert refused(kws(*command, missing, *more)) == f"{missing}: No such file or directory"
    assert refused(kws(*command, f"{tmp_path}/", *more)).startswith(f"{tmp_path}: ")


@pytest.mark.parametrize("command", ["info", "listen"])
def test_a_model_of_another_program(command, tmp_path):
    if not FOREIGN.is_file():
        pytest.skip("../shared/data/mlperf_tiny is not here")
    arguments = {
        "info": ["info", FOREIGN],
        "listen": ["listen", "--wav", SAMPLES / "story.flac", "--model", FOREIGN],
    }
    message = refused(kws(*arguments[command]))
    assert message == f"{FOREIGN}: a .tflite model, but not one made by kws train"


# One process for many damaged files: what would crash the interpreter ends it.
TRY_EACH = """
import sys
from kws.cli import app
from kws.errors import KwsError

for path in sys.argv[1:]:
    for command in (["info", path], ["listen", "--wav", "no.wav", "--model", path]):
        try:
            app(command, standalone_mode=False)
        except KwsError as error:
            line = str(error).isprintable() and str(error).startswith(f"{path}: ")
            print("refused" if line else f"unclear: {error}")
"""


def damaged_models():
    """Damaged copies of the shipped model, by what was done to them."""
    whole = find("home").read_bytes()
    random = np.random.default_rng(0)
    for length in [*range(0, 64, 4), *random.integers(64, len(whole), 40), len(whole) - 1]:
        yield f"cut_to_{length}", whole[:length]
    for offset in [*range(64), *random.integers(64, len(whole), 150)]:
        flipped = bytearray(whole)
        flipped[offset] ^= 1 << int(random.integers(8))
        yield f"bit_at_{offset}", bytes(flipped)
    for seed in range(10):
        noise = np.random.default_rng(seed).bytes(40_000)
        yield f"noise_{seed}", noise
        yield f"named_noise_{seed}", noise[:4] + b"TFL3" + noise[8:]
    yield "longer", whole + bytes(4)


def test_no_damaged_model_is_taken_or_crashes_the_interpreter(tmp_path):
    paths = []
    for name, content in damaged_models():
        paths.append(tmp_path / f"{name}.tflite")
        paths[-1].write_bytes(content)
    process = subprocess.run(
        [sys.executable, "-c", TRY_EACH, *map(str, paths)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert (process.returncode, process.stderr) == (0, "")
    assert process.stdout.splitlines() == ["refused"] * 2 * len(paths)


@pytest.mark.parametrize(
    "damage",
    [lambda whole: whole[:1000], lambda whole: whole[:-1], lambda whole: b"\x93" * 40_000],
)
def test_a_damaged_model_is_one_line(tmp_path, damage):
    path = tmp_path / "home.tflite"
    path.write_bytes(damage(find("home").read_bytes()))
    message = refused(kws("listen", "--model", path, "--wav", SAMPLES / "story.flac"))
    assert message.startswith(f"{path}: ")
