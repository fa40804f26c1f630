"""Run the actions that a detection triggers, in threads, so that none of them delays listening."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from kws.actions.time_limit import one_line
from kws.errors import KwsError

if TYPE_CHECKING:
    from kws.actions.kinds import Action
    from kws.posterior import Detection

MAX_RUNNING = 16  # actions; one more is dropped, since an action that waits acts too late
KILL_GRACE = 1.0  # s for what close() stops to end

log = logging.getLogger(__name__)


class Actions:
    """Run actions, each in a thread; log a failure as one line."""

    def __init__(self, actions: Iterable[Action]) -> None:
        self._actions = tuple(actions)
        self._running: set[threading.Thread] = set()
        self._lock = threading.Lock()  # guards _running
        self._stop = threading.Event()

    @classmethod
    def load(cls, path: str | Path, keywords: Iterable[str]) -> Actions:
        """Read an actions file for a model that knows `keywords`.

        Raises KwsError, with the file and the line, for whatever could not work later.
        """
        from kws.actions.config_file import read_actions

        return cls(read_actions(Path(path), list(keywords)))

    def run(self, detection: Detection) -> None:
        """Start every action that the detection triggers, and return at once."""
        for action in self._actions:
            if action.matches(detection):
                self._start(action, detection)

    def close(self, timeout: float) -> None:
        """Wait up to `timeout` s for running actions, then kill the rest; start no more."""
        self._join(timeout)
        self._stop.set()
        self._join(KILL_GRACE)

    def _start(self, action: Action, detection: Detection) -> None:
        thread = threading.Thread(target=self._execute, args=(action, detection), daemon=True)
        try:
            with self._lock:
                if self._stop.is_set():
                    raise KwsError("listening has ended")
                if len(self._running) >= MAX_RUNNING:
                    raise KwsError(f"{MAX_RUNNING} actions are running")
                thread.start()
                self._running.add(thread)
        except (KwsError, RuntimeError) as error:  # RuntimeError: the system has no thread left
            log.warning("%s dropped: %s", _describe(action, detection), one_line(error))

    def _execute(self, action: Action, detection: Detection) -> None:
        try:
            action.effect(detection, action.timeout, self._stop)
        except Exception as error:  # an action is foreign code: listening continues
            log.error("%s failed: %s", _describe(action, detection), one_line(error))
        finally:
            with self._lock:
                self._running.discard(threading.current_thread())

    def _join(self, timeout: float) -> None:
        deadline = time.monotonic() + timeout
        with self._lock:
            threads = list(self._running)
        for thread in threads:
            thread.join(max(0.0, deadline - time.monotonic()))


def _describe(action: Action, detection: Detection) -> str:
    return f"{action.name} for {detection.keyword!r} at {detection.time:.2f} s"
