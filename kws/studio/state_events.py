"""Send the state of something as server-sent events, whenever it has changed."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.responses import StreamingResponse

LOOK_SECONDS = 1.0  # between looks
KEEP_ALIVE_LOOKS = 10


class StateEvents:
    """Hold the streams of states, until they are closed."""

    def __init__(self) -> None:
        self._closed = False

    def close(self) -> None:
        """End the streams; what they follow goes on."""
        self._closed = True

    def response(
        self, read: Callable[[], dict[str, Any]], is_over: Callable[[dict[str, Any]], bool]
    ) -> StreamingResponse:
        """Return the answer that sends what read() gives, up to the first state that is over."""
        return StreamingResponse(self._events(read, is_over), media_type="text/event-stream")

    async def _events(
        self, read: Callable[[], dict[str, Any]], is_over: Callable[[dict[str, Any]], bool]
    ) -> AsyncIterator[bytes]:
        sent, looks = "", 0
        while not self._closed:
            state = await run_in_threadpool(read)
            text, looks = json.dumps(state, ensure_ascii=False), looks + 1
            if text != sent:
                yield f"event: state\ndata: {text}\n\n".encode()
                sent = text
            elif looks % KEEP_ALIVE_LOOKS == 0:
                yield b": alive\n\n"
            if is_over(state):
                return
            await asyncio.sleep(LOOK_SECONDS)
