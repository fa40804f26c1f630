"""Foreign work with a deadline: a process is killed with its children, a call is left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO

from kws.errors import KwsError

POLL = 0.02  # s between looks at whether the work has ended
GIVE_UP = 0.5  # s that an abandoned call is given to leave cleanly
LINE_LIMIT = 300  # characters of a foreign message that are worth a line


class UnfinishedError(KwsError):
    """The work had not ended when its time was over."""


def one_line(error: BaseException) -> str:
    """The message of any exception as one line, with its class unless the message is our own."""
    text = str(error) if isinstance(error, KwsError) else f"{type(error).__name__}: {error}"
    return " ".join(text.split())[:LINE_LIMIT]


def wait_for(ended: Callable[[], bool], timeout: float, stop: threading.Event) -> None:
    """Return when `ended`; raise UnfinishedError after `timeout` s, or as soon as `stop` is set."""
    deadline = time.monotonic() + timeout
    while not ended():
        if time.monotonic() >= deadline:
            raise UnfinishedError(f"not done within {timeout:g} s")
        if stop.wait(POLL):
            raise UnfinishedError("not done when listening ended")


def run_process(
    command: Sequence[str],
    folder: Path,
    variables: Mapping[str, str],
    timeout: float,
    stop: threading.Event,
) -> None:
    """Run a program in `folder`, without a shell; its environment is ours and `variables`.

    Raises OSError if it cannot start, KwsError if it fails, UnfinishedError after
    killing it.
    """
    with tempfile.TemporaryFile() as errors:  # a pipe would have to be drained
        process = subprocess.Popen(
            command,
            cwd=folder,
            env={**os.environ, **variables},
            stdin=subprocess.DEVNULL,  # ours may be the audio of --stdin
            stdout=subprocess.DEVNULL,  # ours may be the detections of --json
            stderr=errors,
            start_new_session=True,  # a process group of its own, to be killed as one
        )
        try:
            wait_for(lambda: process.poll() is not None, timeout, stop)
        except UnfinishedError as late:
            _kill_group(process)
            raise UnfinishedError(f"{late}, killed") from None
        if process.returncode != 0:
            raise KwsError(_ending(process.returncode) + _last_line(errors))


class Aside:
    """Calls a function that cannot be killed in a thread, and leaves it behind when it is late."""

    def __init__(self) -> None:
        self._left_behind: threading.Thread | None = None

    def run(
        self, work: Callable[[threading.Event], object], timeout: float, stop: threading.Event
    ) -> None:
        """Call work(abandoned), which should end soon after that event is set, where it can.

        Raises KwsError if it raises, UnfinishedError if it is left behind; while the last one that
        was left behind still hangs, another is not started: threads would pile up.
        """
        if self._left_behind is not None and self._left_behind.is_alive():
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
            thread.join(GIVE_UP)
            self._left_behind = thread
            raise UnfinishedError(f"{late}, abandoned") from None
        if failures:
            raise KwsError(one_line(failures[0])) from failures[0]


def _kill_group(process: subprocess.Popen[bytes]) -> None:
    with suppress(ProcessLookupError, PermissionError):  # it has just ended by itself
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _ending(status: int) -> str:
    return f"exit status {status}" if status > 0 else f"ended by signal {-status}"


def _last_line(errors: IO[bytes]) -> str:
    size = errors.seek(0, os.SEEK_END)
    errors.seek(max(0, size - LINE_LIMIT))
    lines = errors.read().decode(errors="replace").split("\n")
    return next((f": {line}" for line in reversed(lines) if line.strip()), "")
