"""Describe who does independent work: takes functions with their arguments, gives results."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import CancelledError, Executor, Future, wait
from typing import Any, TypeVar

from kws.errors import KwsError

Piece = TypeVar("Piece")
Result = TypeVar("Result")

POLL_SECONDS = 0.5  # between questions whether results still come
AHEAD = 2  # pieces for each slot that are handed out or wait for their turn


class Workers(ABC):
    """Hand out functions of modules with their arguments."""

    def __init__(self, executor: Executor, slots: int) -> None:
        """Take what does the work, and how much of it at the same time."""
        self._executor, self.slots = executor, slots

    @abstractmethod
    def threads_for(self, jobs: int) -> int:
        """Return how many threads each of some jobs may use."""

    @abstractmethod
    def submit_alone(self, work: Callable[..., Result], *args: Any) -> Future[Result]:
        """Begin a job that changes its process for good; Ctrl-C here ends it."""

    @abstractmethod
    def require_alive(self) -> None:
        """Raise KwsError where results will not come any more, and nothing else says so."""

    @abstractmethod
    def _problem(self, error: BaseException) -> str | None:
        """Return the line of an error that is none of the work's own; None for others."""

    def result(self, future: Future[Result]) -> Result:
        """Wait for a result; raise what the work raises, and KwsError where workers fail."""
        try:
            while not wait((future,), POLL_SECONDS).done:
                self.require_alive()
            return future.result()
        except (Exception, CancelledError) as error:
            if problem := self._problem(error):
                raise KwsError(problem) from error
            raise

    def map(self, work: Callable[[Piece], Result], pieces: Iterable[Piece]) -> Iterator[Result]:
        """Yield the result of each piece in order, few of them in memory; raise as result()."""
        waiting: deque[Future[Result]] = deque()
        for piece in pieces:
            self.require_alive()
            waiting.append(self._executor.submit(work, piece))
            if len(waiting) > AHEAD * self.slots:
                yield self.result(waiting.popleft())
        while waiting:
            yield self.result(waiting.popleft())
