"""Answer the Listen page: models, microphones, one listening session, its events and clips."""

from __future__ import annotations

import asyncio
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from kws.audio.devices import devices
from kws.audio.encode import encode
from kws.errors import KwsError
from kws.listener import Source
from kws.microphone import Microphone
from kws.studio.browser_microphone import BrowserMicrophone
from kws.studio.listening import Listening, ListeningSession
from kws.studio.request_body import parse_rate, read_json, text_of
from kws.studio.workspace import Workspace

BROWSER, SERVER, FILE = "browser", "server", "file"
FILE_NAME = "the audio file"
WAIT_SECONDS = 0.02  # until there is room for more of a file
UNSUPPORTED, POLICY_VIOLATION = 1003, 1008  # close codes of a WebSocket


class ListenPage:
    """Hold the routes of the Listen page."""

    def __init__(self, workspace: Workspace, listening: Listening) -> None:
        self._workspace, self._listening = workspace, listening

    def routes(self) -> list[BaseRoute]:
        """Return the routes."""
        return [
            Route("/api/models", self.models),
            Route("/api/microphones", self.microphones),
            Route("/api/listen", self.state),
            Route("/api/listen", self.start, methods=["POST"]),
            Route("/api/listen", self.stop, methods=["DELETE"]),
            Route("/api/listen/sensitivity", self.set_sensitivity, methods=["PUT"]),
            Route("/api/listen/events", self.events),
            Route("/api/listen/clips/{number:int}.flac", self.clip),
            WebSocketRoute("/api/listen/audio", self.audio),
        ]

    async def models(self, request: Request) -> Response:
        """Return the names of the models."""
        return JSONResponse({"models": self._workspace.model_names()})

    async def microphones(self, request: Request) -> Response:
        """Return the microphones of this machine, or why there are none."""
        try:
            found = await run_in_threadpool(devices)
        except KwsError as error:
            return JSONResponse({"microphones": [], "problem": str(error)})
        names = [{"id": str(each.index), "name": each.name} for each in found]
        return JSONResponse({"microphones": names, "problem": ""})

    async def state(self, request: Request) -> Response:
        """Return the session's state, null before the first."""
        session = self._listening.session
        return JSONResponse(session.state() if session else None)

    async def start(self, request: Request) -> Response:
        """Begin to listen, in place of a session before."""
        values = await read_json(request)
        return JSONResponse(await run_in_threadpool(self._start, values))

    def _start(self, values: dict[str, Any]) -> dict[str, Any]:
        model = self._workspace.model(text_of(values, "model"))
        kept = self._workspace.kept if values.get("keep") is True else None
        kind = text_of(values, "source")
        if kind not in (BROWSER, SERVER, FILE):
            raise KwsError(f"the source is {BROWSER}, {SERVER} or {FILE}")
        device = text_of(values, "device", "") or None

        def open_session() -> ListeningSession:
            return ListeningSession(model, _source(kind, device), kept)

        return self._listening.start(open_session).state()

    async def stop(self, request: Request) -> Response:
        """End the session."""
        await run_in_threadpool(self._listening.stop)
        return await self.state(request)

    async def set_sensitivity(self, request: Request) -> Response:
        """Set the sensitivity of a keyword."""
        values = await read_json(request)
        level = values.get("sensitivity")
        if not isinstance(level, int | float) or isinstance(level, bool):
            raise KwsError("the request: sensitivity is not a number")
        session, keyword = self._session(), text_of(values, "keyword")
        await run_in_threadpool(session.set_sensitivity, keyword, float(level))
        return JSONResponse(session.state())

    async def events(self, request: Request) -> Response:
        """Send the session's events as they occur."""
        return self._session().events.response(request)

    async def clip(self, request: Request) -> Response:
        """Return the audio of a trigger."""
        clip = self._session().clips.get(request.path_params["number"])
        if clip is None:
            raise HTTPException(404, "this clip is not kept any more")
        content = await run_in_threadpool(encode, clip.samples)
        return Response(content, media_type="audio/flac")

    async def audio(self, socket: WebSocket) -> None:
        """Take audio of a browser until an empty message or the end of the connection.

        A microphone does not wait, and what is too much is lost; a file waits until there is room.
        """
        session = self._listening.session
        source = session.source if session else None
        if not session or not isinstance(source, BrowserMicrophone):
            await socket.close(POLICY_VIOLATION)
            return
        try:
            source.begin(parse_rate(socket.query_params.get("rate", "")))
        except KwsError as error:
            await socket.close(POLICY_VIOLATION, str(error))
            return
        await socket.accept()
        try:
            while True:
                if not (audio := await socket.receive_bytes()):
                    break
                source.feed(audio)
                while not source.live and source.is_full and session.active:
                    await asyncio.sleep(WAIT_SECONDS)
            await socket.close()
        except WebSocketDisconnect:
            pass
        except (KeyError, ValueError):  # text, or half a sample
            await socket.close(UNSUPPORTED)
        finally:
            source.end()

    def _session(self) -> ListeningSession:
        if self._listening.session is None:
            raise HTTPException(404, "nobody has listened yet")
        return self._listening.session


def _source(kind: str, device: str | None) -> Source:
    """Return what is listened to: a file or a microphone of the browser, or one of the server."""
    if kind == FILE:
        return BrowserMicrophone(FILE_NAME, live=False)
    return BrowserMicrophone() if kind == BROWSER else Microphone(device)
