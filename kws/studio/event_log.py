"""Pass events from any thread to pages that follow them, as server-sent events."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections import deque
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import StreamingResponse

CAPACITY = 1024  # events that a page that comes late or again still gets
KEEP_ALIVE_SECONDS = 10.0  # a connection that is gone is noticed when something is sent


@dataclass(frozen=True)
class PageEvent:
    """Hold a numbered event."""

    number: int
    kind: str
    values: dict[str, Any]

    def encoded(self) -> bytes:
        """Return it in the format of server-sent events."""
        data = json.dumps(self.values, ensure_ascii=False)
        return f"id: {self.number}\nevent: {self.kind}\ndata: {data}\n\n".encode()


class EventLog:
    """Keep the latest events, and wake those who follow; safe for threads."""

    def __init__(self) -> None:
        self._events: deque[PageEvent] = deque(maxlen=CAPACITY)
        self._lock = threading.Lock()
        self._count = 0
        self._closed = False
        self._followers: list[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = []
        self._watched = time.monotonic()  # s, when somebody followed last

    @property
    def unwatched_seconds(self) -> float:
        """Return for how long nobody has followed."""
        return 0.0 if self._followers else time.monotonic() - self._watched

    @property
    def latest(self) -> int:
        """Return the number of the latest event, 0 before the first."""
        return self._count

    def publish(self, kind: str, **values: Any) -> None:
        """Add an event."""
        with self._lock:
            self._count += 1
            self._events.append(PageEvent(self._count, kind, values))
        self._wake()

    def close(self) -> None:
        """Let those who follow end after the latest event."""
        self._closed = True
        self._wake()

    async def follow(self, after: int) -> AsyncIterator[PageEvent | None]:
        """Yield the events after a number until the log is closed; None keeps a stream alive."""
        woken = asyncio.Event()
        follower = asyncio.get_running_loop(), woken
        self._followers.append(follower)
        try:
            while True:
                woken.clear()
                closed = self._closed
                with self._lock:
                    new = [event for event in self._events if event.number > after]
                for event in new:
                    after = event.number
                    yield event
                if closed:
                    return
                with suppress(asyncio.TimeoutError):
                    await asyncio.wait_for(woken.wait(), KEEP_ALIVE_SECONDS)
                if not woken.is_set():
                    yield None
        finally:
            self._followers.remove(follower)
            self._watched = time.monotonic()

    def response(self, request: Request) -> StreamingResponse:
        """Return the answer that sends the events from now on, or after the one seen last."""
        try:
            after = int(request.headers.get("last-event-id", request.query_params["after"]))
        except (KeyError, ValueError):
            after = self.latest

        async def encoded() -> AsyncIterator[bytes]:
            async for event in self.follow(after):
                yield event.encoded() if event else b": alive\n\n"

        return StreamingResponse(encoded(), media_type="text/event-stream")

    def _wake(self) -> None:
        for loop, woken in list(self._followers):
            with suppress(RuntimeError):  # the loop has ended
                loop.call_soon_threadsafe(woken.set)
