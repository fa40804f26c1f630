"""Answer what the pages ask of a job of any kind: its end, and its state as it changes."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from kws.studio.jobs import RUNNING, Jobs
from kws.studio.state_events import StateEvents


class JobRoutes:
    """Hold the routes that the jobs of one kind share with those of others."""

    def __init__(
        self, jobs: Jobs, streams: StateEvents, state: Callable[[str], dict[str, Any]]
    ) -> None:
        """Serve jobs; `state` returns what a page shows of one, and raises KwsError for none."""
        self._jobs, self._streams, self._state = jobs, streams, state

    def routes(self, path: str) -> list[BaseRoute]:
        """Return the routes of the jobs, whose names follow a path."""
        return [
            Route(f"{path}/{{name}}", self.stop, methods=["DELETE"]),
            Route(f"{path}/{{name}}/events", self.events),
        ]

    async def stop(self, request: Request) -> Response:
        """End a job; what it has made stays."""
        name = request.path_params["name"]
        await run_in_threadpool(self._jobs.state, name)  # is there one?
        await run_in_threadpool(self._jobs.stop, name)
        return JSONResponse({})

    async def events(self, request: Request) -> Response:
        """Send the state of a job whenever it changes, until it ends."""
        read = partial(self._state, request.path_params["name"])
        await run_in_threadpool(read)
        return self._streams.response(read, lambda state: state["status"] != RUNNING)
