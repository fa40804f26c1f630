"""Assemble the web application of kws studio from its pages."""

from __future__ import annotations

from pathlib import Path

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from kws.console.error_lines import describe
from kws.errors import KwsError
from kws.studio.access import Access, Guard
from kws.studio.evaluate_page import EvaluatePage
from kws.studio.export_page import ExportPage
from kws.studio.listen_page import ListenPage
from kws.studio.listening import Listening
from kws.studio.phone_page import PhonePage
from kws.studio.record_page import RecordPage
from kws.studio.review_page import ReviewPage
from kws.studio.state_events import StateEvents
from kws.studio.synthesis_page import SynthesisPage
from kws.studio.train_page import TrainPage
from kws.studio.workspace import Workspace

STATIC = Path(__file__).parent / "static"


class Studio:
    """Hold the application, and what runs in it until it is closed."""

    def __init__(self, workspace: Workspace, access: Access, host: str) -> None:
        """Serve a workspace to those who have access, at a host."""
        self._listening = Listening()
        self._streams = StateEvents()
        pages = (
            ListenPage(workspace, self._listening),
            RecordPage(workspace),
            ReviewPage(workspace),
            TrainPage(workspace, self._streams),
            SynthesisPage(workspace),
            EvaluatePage(workspace, self._streams),
            ExportPage(workspace),
            PhonePage(workspace, access, host),
        )
        self.app = Starlette(
            routes=[
                Route("/", _index),
                *(route for page in pages for route in page.routes()),
                Mount("/static", StaticFiles(directory=STATIC)),
            ],
            middleware=[Middleware(Guard, access=access)],
            exception_handlers={
                KwsError: _refused,
                OSError: _refused,  # a full disk, a name that is too long
                HTTPException: _failed,
                ClientDisconnect: _broken_off,
            },
        )

    def close(self) -> None:
        """End what runs in this process; pages that follow anything are let go."""
        self._streams.close()
        self._listening.stop()
        if self._listening.session:
            self._listening.session.events.close()


async def _index(request: Request) -> Response:
    return FileResponse(STATIC / "index.html")


async def _refused(request: Request, error: Exception) -> Response:
    """Answer with the one line that the command line would print."""
    return JSONResponse({"error": describe(error)}, 400)


async def _failed(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return JSONResponse({"error": error.detail}, error.status_code, error.headers)


async def _broken_off(request: Request, error: Exception) -> Response:
    """Forget an upload that did not arrive as a whole; nobody reads the answer."""
    return JSONResponse({"error": "the upload was broken off"}, 400)
