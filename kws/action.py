"""Run the actions that a detection triggers, in threads, so that none of them delays listening."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from kws.actions.time_limit import one_line
from kws.config import SAMPLE_RATE
from kws.errors import KwsError

if TYPE_CHECKING:
    from kws.actions.kinds import Action
    from kws.backend import SpotterBackend
    from kws.posterior import Detection
    from kws.types import Samples

MAX_RUNNING = 16  # actions; one more is dropped, since an action that waits acts too late
RISE_SECONDS = 2.0  # after a detection, in which its confidence may still rise
KILL_GRACE = 1.0  # s for what close() stops to end

log = logging.getLogger(__name__)


@dataclass
class _Waiting:
    """Hold an action whose min_confidence a detection has not reached yet."""

    action: Action
    detection: Detection
    seconds: float  # that it still waits


class Actions:
    """Run actions, each in a thread; log a failure as one line."""

    def __init__(self, actions: Iterable[Action]) -> None:
        self._actions = tuple(actions)
        self._waiting: list[_Waiting] = []
        self._running: set[threading.Thread] = set()
        self._lock = threading.Lock()  # guards _running
        self._stop = threading.Event()

    @classmethod
    def load(cls, path: str | Path, keywords: Iterable[str]) -> Actions:
        """Read an actions file for a model that knows `keywords`.

        Raises KwsError, with the file and the line, for whatever could not work later.
        """
        from kws.actions.config_file import read_actions

        actions = read_actions(Path(path), list(keywords))
        if not actions:
            log.warning("%s: has no [[action]], so that no keyword triggers anything", path)
        return cls(actions)

    def run(self, detection: Detection) -> None:
        """Start every action that the detection triggers, and return at once.

        One with a greater min_confidence waits for follow(), until the keyword's next detection.
        """
        keyword = detection.keyword
        self._waiting = [one for one in self._waiting if one.detection.keyword != keyword]
        for action in self._actions:
            if not action.names(keyword):
                continue
            if detection.confidence >= action.min_confidence:
                self._start(action, detection)
            else:
                self._waiting.append(_Waiting(action, detection, RISE_SECONDS))

    @property
    def follow_confidences(self) -> bool:
        """Return whether an action has a min_confidence, so that follow() is of use."""
        return any(action.min_confidence > 0 for action in self._actions)

    def follow(self, scores: Mapping[str, float], seconds: float) -> None:
        """Start the actions whose min_confidence the posterior of their keyword has reached now.

        A detection is made as soon as the posterior reaches the threshold; it rises on.

        Args:
            scores: Greatest smoothed posterior of each keyword in a block of audio.
            seconds: Length of the block.
        """
        for one in self._waiting[:]:
            score = scores.get(one.detection.keyword, 0.0)
            one.seconds -= seconds
            if score >= one.action.min_confidence:
                self._start(one.action, replace(one.detection, confidence=score))
            if score >= one.action.min_confidence or one.seconds <= 0:
                self._waiting.remove(one)

    def then(
        self, spotter: SpotterBackend, on_block: Callable[[Samples], object]
    ) -> Callable[[Samples], object]:
        """Return what kws.listen() is to call for each block: follow(), then `on_block`."""

        def follow(samples: Samples) -> None:
            self.follow(spotter.scores, len(samples) / SAMPLE_RATE)
            on_block(samples)

        return follow if self.follow_confidences else on_block

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
