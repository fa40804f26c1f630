"""Limit the time of foreign work: kill a process with its children, abandon a call in a thread."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO

from kws.errors import KwsError
from kws.foreign_text import printable

POLL_SECONDS = 0.02  # between checks whether the work has ended
ABANDON_GRACE = 0.5  # s for an abandoned call to end cleanly
LAST_LINE_GRACE = 0.5  # s after the end of a process to read what it wrote
BLOCK = 1 << 16  # bytes read at a time
LINE_LIMIT = 300  # characters of a foreign message that are worth a line


class UnfinishedError(KwsError):
    """Report work that did not end within its time limit."""


def one_line(error: BaseException) -> str:
    """Return the message of an exception on one line, with its class unless it is a KwsError."""
    text = str(error) if isinstance(error, KwsError) else f"{type(error).__name__}: {error}"
    return printable(" ".join(text.split())[:LINE_LIMIT])


def wait_for(ended: Callable[[], bool], timeout: float, stop: threading.Event) -> None:
    """Wait until `ended`; raise UnfinishedError after `timeout` s or as soon as `stop` is set."""
    deadline = time.monotonic() + timeout
    while not ended():
        if time.monotonic() >= deadline:
            raise UnfinishedError(f"not done within {timeout:g} s")
        if stop.wait(POLL_SECONDS):
            raise UnfinishedError("not done when listening ended")


def run_process(
    command: Sequence[str],
    folder: Path,
    variables: Mapping[str, str],
    timeout: float,
    stop: threading.Event,
) -> None:
    """Run a program in `folder` without a shell, with `variables` added to our environment.

    Raises:
        OSError: it cannot start.
        KwsError: it fails.
        UnfinishedError: it was killed, at its timeout or because `stop` was set.
    """
    process = subprocess.Popen(
        command,
        cwd=folder,
        env={**os.environ, **variables},
        stdin=subprocess.DEVNULL,  # ours may be the audio of --stdin
        stdout=subprocess.DEVNULL,  # ours may be the detections of --json
        stderr=subprocess.PIPE,
        start_new_session=True,  # a process group of its own, to be killed as one
    )
    errors = _LastLine(process.stderr)
    try:
        errors.start()
        wait_for(lambda: process.poll() is not None, timeout, stop)
    except (UnfinishedError, RuntimeError) as late:  # RuntimeError: no thread is left
        _kill_group(process)
        raise UnfinishedError(f"{late}, killed") from None
    if process.returncode != 0:
        raise KwsError(_ending(process.returncode) + errors.text())


class TimeLimitedCall:
    """Call a function that cannot be killed in a thread, and abandon it past its timeout."""

    def __init__(self) -> None:
        self._abandoned: threading.Thread | None = None

    def run(
        self,
        work: Callable[[threading.Event], object],
        timeout: float,
        stop: threading.Event,
        cut: Callable[[], object] = lambda: None,
    ) -> None:
        """Call work(abandoned), which should return soon after that event is set, if it can.

        cut() is called after the event is set, to end what `work` waits for. No call starts while
        an abandoned one still hangs: threads would pile up.

        Raises:
            KwsError: the call raised, or was not started.
            UnfinishedError: it was abandoned, at its timeout or because `stop` was set.
        """
        if self._abandoned is not None and self._abandoned.is_alive():
            raise KwsError("not started, an earlier one still hangs")
        failures: list[BaseException] = []
        abandoned = threading.Event()

        def call() -> None:
            try:
                work(abandoned)
            except BaseException as error:  # SystemExit too: sys.exit() there is a failure here
                failures.append(error)

        thread = threading.Thread(target=call, daemon=True)
        thread.start()
        try:
            wait_for(lambda: not thread.is_alive(), timeout, stop)
        except UnfinishedError as late:
            abandoned.set()
            cut()
            thread.join(ABANDON_GRACE)
            self._abandoned = thread
            raise UnfinishedError(f"{late}, abandoned") from None
        if failures:
            raise KwsError(one_line(failures[0])) from failures[0]


def _kill_group(process: subprocess.Popen[bytes]) -> None:
    """Kill a process and those that it started."""
    if sys.platform == "win32":
        tree = ["taskkill", "/F", "/T", "/PID", str(process.pid)]
        subprocess.run(tree, capture_output=True, check=False)
        process.kill()  # if that tool failed; does nothing to a process that has ended
    else:
        with suppress(ProcessLookupError, PermissionError):  # it has just ended by itself
            os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _ending(status: int) -> str:
    return f"exit status {status}" if status > 0 else f"ended by signal {-status}"


class _LastLine(threading.Thread):
    """Read a pipe to its end, since a full one would stop the process, and keep its last line.

    The thread may outlive the process: children of it may hold the pipe.
    """

    def __init__(self, pipe: IO[bytes] | None) -> None:
        super().__init__(daemon=True)
        self._pipe = pipe
        self._end = b""

    def run(self) -> None:
        """Read until all writers have closed the pipe."""
        if self._pipe is None:
            return
        with self._pipe as pipe:
            while block := os.read(pipe.fileno(), BLOCK):
                self._end = (self._end + block)[-LINE_LIMIT:]

    def text(self) -> str:
        """Return ": " and the last line that is not empty; "" without one."""
        self.join(LAST_LINE_GRACE)
        lines = self._end.decode(errors="replace").split("\n")
        return next((f": {printable(line)}" for line in reversed(lines) if line.strip()), "")
