"""The output cannot be written, or something fails: one line, an exit status, nothing lost."""

from __future__ import annotations

import json
import os
import pty
import random
import re
import shlex
import signal
import subprocess
import sys
import time
from contextlib import suppress

import pytest
from command_line import KEYWORDS, KWS, ROOT, SAMPLES, all_keywords, kws
from conftest import skip_without
from waiting import PATIENCE

FULL, READ = "/dev/full", {"stderr": subprocess.PIPE, "capture_output": False}
WAV = ("listen", "--wav", SAMPLES / "all_keywords.flac")
BUFFERED, UNBUFFERED = "", "1"


@pytest.fixture(autouse=True)
def a_system_with_a_full_device():
    skip_without("/dev/full", os.path.exists(FULL))


def closing(number: int) -> dict[str, object]:
    """Options of a process whose standard stream of this number is closed."""
    return {"preexec_fn": lambda: os.close(number)}


@pytest.mark.parametrize("unbuffered", [BUFFERED, UNBUFFERED])
@pytest.mark.parametrize(
    "command", [WAV, (*WAV, "--json"), ("info", "home"), ("--help",), ("data", "list")], ids=str
)
def test_a_full_disk_for_the_output_is_one_line(command, unbuffered):
    environment = os.environ | {"PYTHONUNBUFFERED": unbuffered}
    with open(FULL, "w") as full:
        process = kws(*command, **READ, stdout=full, env=environment)
    line = "kws: error: standard output: No space left on device\n"
    assert (process.returncode, process.stderr) == (1, line)


def test_closed_standard_output_is_one_line():
    process = kws(*WAV, **READ, stdout=None, **closing(1))
    line = "kws: error: standard output: Bad file descriptor\n"
    assert (process.returncode, process.stderr) == (1, line)


@pytest.mark.parametrize("more", [FULL, "closed"])
def test_the_log_cannot_be_written_and_json_stands_alone(more):
    sound = all_keywords().tobytes()
    options = {"stdin": None, "text": False, "capture_output": False, "stdout": subprocess.PIPE}
    with open(FULL, "wb") as full:
        more = {"stderr": full} if more == FULL else closing(2)
        process = kws("listen", "--stdin", "--json", input=sound, **options, **more)
    assert process.returncode == 0
    found = [json.loads(line)["keyword"] for line in process.stdout.decode().splitlines()]
    assert found == KEYWORDS


@pytest.mark.parametrize("number", [1, 2])
def test_an_error_with_closed_streams_keeps_its_status(number):
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "capture_output": False}
    process = kws("listen", "--wav", "no.wav", **options, **closing(number))
    assert (process.returncode, process.stdout) == (1, "")
    assert process.stderr == (
        "" if number == 2 else "kws: error: no.wav: No such file or directory\n"
    )


def test_a_live_source_listens_and_acts_while_nothing_can_be_printed(tmp_path):
    actions = tmp_path / "actions.toml"
    actions.write_text(
        '[[action]]\nkeyword = "*"\ncommand = ["sh", "-c", "echo $KWS_KEYWORD >> done.txt"]\n'
    )
    sound = all_keywords().tobytes()
    with open(FULL, "w") as full:
        process = kws(
            "listen", "--stdin", "--actions", actions,
            stdin=None, text=False, input=sound, **READ, stdout=full,
        )  # fmt: skip
    done = (tmp_path / "done.txt").read_text().splitlines()
    assert sorted(done) == sorted(KEYWORDS)
    _, warning, error = process.stderr.decode().splitlines()
    assert warning == "kws: standard output: No space left on device; listening goes on"
    assert (process.returncode, error) == (
        1,
        "kws: error: standard output: No space left on device",
    )


def test_a_terminal_that_is_closed_does_not_end_listening(tmp_path):
    """It is not the controlling terminal, so that no SIGHUP ends the process, as after nohup."""
    actions = tmp_path / "actions.toml"
    actions.write_text(
        '[[action]]\nkeyword = "*"\ncommand = ["sh", "-c", "echo $KWS_KEYWORD >> done.txt"]\n'
    )
    terminal, end = pty.openpty()
    command = [*KWS, "listen", "--stdin", "--actions", str(actions)]
    with subprocess.Popen(
        command,
        cwd=ROOT,
        env=os.environ | {"TERM": "xterm"},
        stdin=subprocess.PIPE,
        stdout=end,
        stderr=subprocess.PIPE,
    ) as process:
        os.close(end)
        process.stdin.write(bytes(32_000))
        process.stdin.flush()
        os.read(terminal, 100)  # the display is there
        os.close(terminal)
        time.sleep(0.2)  # the next block redraws
        process.stdin.write(bytes(32_000))
        process.stdin.flush()
        _, errors = process.communicate(all_keywords().tobytes(), timeout=PATIENCE)
    assert b"Traceback" not in errors
    assert errors.endswith(b"Input/output error\n")
    assert sorted((tmp_path / "done.txt").read_text().splitlines()) == sorted(KEYWORDS)


FAILS = """
import sys
from kws.console.error_lines import run
def fail():
    print("before")
    raise {}
run(fail)
"""


def failing(raised: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", FAILS.format(raised)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        env=os.environ | environment,
        timeout=PATIENCE,
    )


@pytest.mark.parametrize(
    ("raised", "status", "line"),
    [
        ("OSError(13, 'Permission denied', '\\x1b[2Ja')", 1, "\\x1b[2Ja: Permission denied"),
        ("MemoryError", 1, "out of memory"),
        ("PermissionError(13, 'Permission denied', 'a\\nb')", 1, "a b: Permission denied"),
        ("OSError(28, 'No space left on device')", 1, "No space left on device"),
        ("OSError(18, 'Invalid link', 'a', None, 'b')", 1, "a to b: Invalid link"),
        ("FileNotFoundError(2, 'No such file', b'caf\\xe9')", 1, "caf\\udce9: No such file"),
        ("KeyboardInterrupt", 130, None),
        ("SystemExit(3)", 3, None),
        ("RecursionError('too deep')", 70, "internal error: RecursionError: too deep (...)"),
        ("ZeroDivisionError('x')", 70, "internal error: ZeroDivisionError: x (...)"),
        ("UnicodeEncodeError('utf-8', '\\udce9', 0, 1, 'x')", 70, "internal error: Unico..."),
    ],
)
def test_whatever_is_raised_is_one_line(raised, status, line):
    process = failing(raised)
    assert (process.returncode, process.stdout) == (status, "before\n")
    if line is None:
        assert process.stderr == ""
    else:
        expected = re.escape(f"kws: error: {line}").replace(re.escape("..."), ".*")
        assert re.fullmatch(expected + ".*\n", process.stderr), process.stderr


def test_any_exception_is_at_most_one_line():
    """Draw types and messages of exceptions; none shows a traceback or a second line."""
    draw = random.Random(0)
    types = [
        each
        for each in vars(__import__("builtins")).values()
        if isinstance(each, type) and issubclass(each, Exception) and "Unicode" not in each.__name__
        and "Group" not in each.__name__
    ]  # fmt: skip
    for kind in draw.sample(types, 12):
        message = "".join(draw.choices("ab\n\r\t\x1b\0\udce9é ", k=9))
        process = failing(f"{kind.__name__}({message!r})")
        assert process.returncode in (1, 70)
        assert len(process.stderr.splitlines()) == 1
        assert process.stderr.startswith("kws: error: ")


def test_the_traceback_on_request():
    process = failing("ZeroDivisionError", KWS_DEBUG="1")
    assert process.stderr.startswith("Traceback")
    assert process.stderr.splitlines()[-1].startswith("kws: error: internal error: ")


IN_THREAD = """
import threading
from kws import cli
def app(prog_name):
    thread = threading.Thread(target=int, args="x")
    thread.start()
    thread.join()
cli.app = app
cli.main()
"""


def test_an_error_of_a_thread_is_one_line():
    process = subprocess.run(
        [sys.executable, "-c", IN_THREAD],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    assert process.returncode == 0
    assert len(process.stderr.splitlines()) == 1
    assert process.stderr.startswith("kws: internal error: ValueError: ")


# It is ready within what main() runs: before that, Python alone decides what an interrupt does.
READY = """
from kws import __main__
load_and_run = __main__._load_and_run
def ready():
    print("ready", flush=True)
    load_and_run()
__main__._load_and_run = ready
__main__.main()
"""


def test_an_interrupt_during_imports_shows_no_traceback():
    """Send SIGINT at many moments."""
    for delay in (0.0, 0.01, 0.02, 0.04, 0.08, 0.15, 0.3):
        command = [sys.executable, "-c", READY, *map(str, WAV)]
        with subprocess.Popen(
            command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        ) as process:
            assert process.stdout.readline() == "ready\n"
            time.sleep(delay)
            process.send_signal(signal.SIGINT)
            _, errors = process.communicate(timeout=PATIENCE)
        assert (process.returncode in (130, -signal.SIGINT, 0), errors) == (True, "")


def test_file_names_that_are_not_unicode_can_be_printed(tmp_path):
    folder = os.fsencode(tmp_path) + b"/caf\xe9"
    process = subprocess.run(
        [*KWS, "export", "home", "--output", folder],
        cwd=ROOT,
        capture_output=True,
        timeout=PATIENCE,
    )
    assert (process.returncode, process.stderr) == (0, b"")
    assert b"caf\\udce9" in process.stdout
    process = subprocess.run(
        [*KWS, "info", folder + b"/none.tflite"], cwd=ROOT, capture_output=True, timeout=PATIENCE
    )
    assert process.returncode == 1
    assert process.stderr.endswith(b"caf\\udce9/none.tflite: No such file or directory\n")


def test_a_dumb_terminal_gets_plain_lines():
    terminal, end = pty.openpty()
    with subprocess.Popen(
        [*KWS, "listen", "--stdin"], cwd=ROOT, env=os.environ | {"TERM": "dumb"},
        stdin=subprocess.PIPE, stdout=end, stderr=subprocess.PIPE,
    ) as process:  # fmt: skip
        os.close(end)
        process.communicate(all_keywords().tobytes(), timeout=PATIENCE)
    output = b""
    with suppress(OSError):  # EIO: what Linux says at the end of a terminal
        while part := os.read(terminal, 4096):
            output += part
    os.close(terminal)
    assert b"\x1b" not in output
    assert [line.split("  ")[1] for line in output.decode().splitlines()] == KEYWORDS


def test_no_state_of_the_streams_gives_a_traceback(tmp_path):
    """Draw commands and what their streams are: open, closed or a full disk."""
    draw = random.Random(0)
    commands = [
        WAV,
        ("listen", "--stdin"),
        ("listen", "--wav", "-"),
        ("devices",),
        ("data", "list"),
        ("record", "hey", "--output", tmp_path / "records"),
        ("export", "home", "--output", tmp_path / "board"),
        ("evaluate", "home", "--positives", SAMPLES, "--negatives", SAMPLES),
    ]
    for command in commands * 2:
        output, errors = tmp_path / "output", tmp_path / "errors"
        streams = (
            draw.choice(["<&-", "</dev/null"]),
            draw.choice([">&-", ">/dev/full", f">{output}"]),
            draw.choice(["2>&-", "2>/dev/full", f"2>{errors}", f"2>{errors}"]),
        )
        script = shlex.join([*KWS, *map(str, command)]) + " " + " ".join(streams)
        process = subprocess.run(["sh", "-c", script], cwd=ROOT, timeout=PATIENCE)
        assert process.returncode in (0, 1), (script, process.returncode)
        shown = [path.read_text() for path in (output, errors) if path.exists()]
        assert "Traceback" not in "".join(shown), script
        assert "kws: error: internal" not in "".join(shown), script
        for path in (output, errors):
            path.unlink(missing_ok=True)
