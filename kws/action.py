"""What a detection sets off, aside from listening: a slow or failing action delays nothing."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from kws.actions.kinds import Effect
from kws.actions.time_limit import one_line
from kws.errors import KwsError

if TYPE_CHECKING:
    from kws.posterior import Detection

ANY_KEYWORD = "*"
MOST_AT_ONCE = 16  # actions under way; one more is dropped, since an action that waits acts late
KILL_GRACE = 1.0  # s, for what close() stops to be gone

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Action:
    """One [[action]] of an actions file."""

    name: str  # its place and kind, for the log: "actions.toml:7: command"
    keywords: frozenset[str]
    min_confidence: float  # 0..1
    timeout: float  # s
    effect: Effect

    def wants(self, detection: Detection) -> bool:
        """Whether this detection sets the action off."""
        named = detection.keyword in self.keywords or ANY_KEYWORD in self.keywords
        return named and detection.confidence >= self.min_confidence


class Actions:
    """Runs actions in threads of their own; what fails there is one line in the log."""

    def __init__(self, actions: Iterable[Action]) -> None:
        self._actions = tuple(actions)
        self._under_way: set[threading.Thread] = set()
        self._lock = threading.Lock()  # guards _under_way
        self._stop = threading.Event()

    @classmethod
    def load(cls, path: str | Path, keywords: Iterable[str]) -> Actions:
        """Read an actions file for a model that knows `keywords`.

        Raises KwsError that names the file and the line of whatever could not work later.
        """
        from kws.actions.config_file import read_actions

        return cls(read_actions(Path(path), list(keywords)))

    def run(self, detection: Detection) -> None:
        """Start every action that wants the detection, and return at once."""
        for action in self._actions:
            if action.wants(detection):
                self._start(action, detection)

    def close(self, timeout: float) -> None:
        """Wait up to `timeout` s for the actions under way, then kill the rest; start no more."""
        self._join(timeout)
        self._stop.set()
        self._join(KILL_GRACE)

    def _start(self, action: Action, detection: Detection) -> None:
        thread = threading.Thread(target=self._carry_out, args=(action, detection), daemon=True)
        try:
            with self._lock:
                if self._stop.is_set():
                    raise KwsError("listening has ended")
                if len(self._under_way) >= MOST_AT_ONCE:
                    raise KwsError(f"{MOST_AT_ONCE} actions are under way")
                thread.start()
                self._under_way.add(thread)
        except (KwsError, RuntimeError) as error:  # the second where the system has no thread left
            log.warning("%s dropped: %s", _occasion(action, detection), one_line(error))

    def _carry_out(self, action: Action, detection: Detection) -> None:
        try:
            action.effect(detection, action.timeout, self._stop)
        except Exception as error:  # an action is foreign code; listening goes on whatever it does
            log.error("%s failed: %s", _occasion(action, detection), one_line(error))
        finally:
            with self._lock:
                self._under_way.discard(threading.current_thread())

    def _join(self, timeout: float) -> None:
        deadline = time.monotonic() + timeout
        with self._lock:
            threads = list(self._under_way)
        for thread in threads:
            thread.join(max(0.0, deadline - time.monotonic()))


def _occasion(action: Action, detection: Detection) -> str:
    return f"{action.name} for {detection.keyword!r} at {detection.time:.2f} s"
