"""Start commands of kws in processes that outlive the studio, and read how far they are.

All that is known of a job is in its folder, so that a studio that was started again knows it, too.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kws.atomic_write import write_atomically
from kws.errors import KwsError
from kws.process_lock import holder_of
from kws.studio.job_process import JOB, LOCK, LOG, PAUSE, RESULT
from kws.studio.workspace import Workspace, is_name

RUNNING, DONE, FAILED, INTERRUPTED = "running", "done", "failed", "interrupted"
LOG_BYTES, LOG_LINES = 20_000, 40  # of the log's end that are shown
ERROR = "kws: error: "
STOP_SECONDS, START_SECONDS = 10.0, 30.0


@dataclass(frozen=True)
class JobState:
    """Hold what a job's folder says."""

    name: str
    status: str
    job: dict[str, Any]  # what it was started with
    log: list[str]  # its last lines
    ended: float | None  # s since 1970

    @property
    def error(self) -> str:
        """Return the line that says why it failed."""
        errors = [line for line in self.log if line.startswith(ERROR)]
        if self.status != FAILED:
            return ""
        return errors[-1].removeprefix(ERROR) if errors else "\n".join(self.log[-1:])


class Jobs:
    """Hold the jobs of one kind, a folder each within a folder of the workspace."""

    def __init__(self, workspace: Workspace, folder: Path) -> None:
        self._workspace, self._folder = workspace, folder
        self._lock = threading.Lock()
        self._started: dict[str, subprocess.Popen[bytes]] = {}  # by this process

    def folder(self, name: str) -> Path:
        """Return the folder of a job; raise KwsError for a name that is none."""
        return self._workspace.path(self._folder, name)

    def names(self) -> list[str]:
        """Return the names of the jobs, the latest first."""
        files = [p for p in self._folder.glob(f"*/{JOB}") if is_name(p.parent.name)]
        return [p.parent.name for p in sorted(files, key=lambda p: -p.stat().st_mtime)]

    def start(
        self,
        name: str,
        arguments: Sequence[str],
        about: dict[str, Any],
        then: Sequence[Sequence[str]] = (),
    ) -> None:
        """Start a command of kws, or start it again; raise KwsError where it runs already.

        then: the arguments of further commands, each run where the one before succeeds.
        """
        folder = self.folder(name)
        with self._lock:
            if self._is_running(name) and not self._ends(name):
                raise KwsError(f"{name} is running already")
            job = {**about, "arguments": list(arguments), "then": [list(words) for words in then]}
            job["started"] = time.time()
            try:
                folder.mkdir(exist_ok=True)
                (folder / RESULT).unlink(missing_ok=True)
                write_atomically(folder / JOB, json.dumps(job))
            except OSError as error:
                raise KwsError(f"{folder}: {error.strerror or error}") from error
            self._started[name] = _spawn(folder)
            self._wait_for_lock(folder, self._started[name])

    def state(self, name: str) -> JobState:
        """Return the state of a job; raise KwsError where there is none."""
        folder = self.folder(name)
        job = _read_json(folder / JOB)
        if not job:
            raise KwsError(f"there is no job {name}")
        running = self._is_running(name)
        result = _read_json(folder / RESULT)  # read last: it appears before the process ends
        status = RUNNING if running and not result else INTERRUPTED
        if result:
            status = DONE if result.get("status") == 0 else FAILED
        return JobState(name, status, job, _last_lines(folder / LOG), result.get("ended"))

    def stop(self, name: str) -> None:
        """End a job; what it has made so far stays, and start() goes on with it."""
        with self._lock:
            process, holder = self._started.get(name), holder_of(self.folder(name) / LOCK)
            if process and process.poll() is None:
                process.terminate()
                with suppress(subprocess.TimeoutExpired):
                    process.wait(STOP_SECONDS)
            elif holder:
                with suppress(OSError):
                    os.kill(holder, signal.SIGTERM)

    def remove_work(self, name: str, *folders: Path) -> None:
        """Remove the work folders of a job that does not run, so that it starts over."""
        with self._lock:
            if self._is_running(name):
                raise KwsError(f"{name} is running")
            for folder in folders:
                shutil.rmtree(folder, ignore_errors=True)

    def _wait_for_lock(self, folder: Path, process: subprocess.Popen[bytes]) -> None:
        """Wait until a job holds its lock, and has its number in it, by which others can end it."""
        until = time.monotonic() + START_SECONDS
        while not holder_of(folder / LOCK) and process.poll() is None:
            if (folder / RESULT).exists() or time.monotonic() > until:
                return
            time.sleep(PAUSE)

    def _ends(self, name: str) -> bool:
        """Wait for the process of a job that has its result already; return whether it ended."""
        until = time.monotonic() + STOP_SECONDS
        while (self.folder(name) / RESULT).exists() and time.monotonic() < until:
            if not self._is_running(name):
                return True
            time.sleep(PAUSE)
        return False

    def _is_running(self, name: str) -> bool:
        process = self._started.get(name)
        if process and process.poll() is None:
            return True
        return holder_of(self.folder(name) / LOCK) is not None


def _spawn(folder: Path) -> subprocess.Popen[bytes]:
    """Start the process of a job, which a signal to the studio does not reach."""
    words = [sys.executable, "-m", "kws.studio.job_process", str(folder)]
    nowhere = subprocess.DEVNULL
    if sys.platform == "win32":
        flags = subprocess.CREATE_NEW_PROCESS_GROUP
        return subprocess.Popen(
            words, stdin=nowhere, stdout=nowhere, stderr=nowhere, creationflags=flags
        )
    return subprocess.Popen(
        words, stdin=nowhere, stdout=nowhere, stderr=nowhere, start_new_session=True
    )


def _read_json(path: Path) -> dict[str, Any]:
    """Return the object of a file that a job wrote; nothing where it is not there or damaged."""
    try:
        value = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}


def _last_lines(path: Path) -> list[str]:
    """Return the last lines of a log."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - LOG_BYTES))
            return file.read().decode("utf-8", "replace").splitlines()[-LOG_LINES:]
    except OSError:
        return []
