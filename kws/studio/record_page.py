"""Answer the Record page: datasets, prompts, and takes to check, keep, hear and remove."""

from __future__ import annotations

import threading
from collections import OrderedDict
from pathlib import Path
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import QueryParams
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import BaseRoute, Route

from kws.data.audio_files import HIDDEN
from kws.data.dataset import NEGATIVE, NOISE
from kws.data.keywords import keyword_of
from kws.errors import KwsError
from kws.recorder.prompts import SessionPlan, plan_session
from kws.recorder.take import TakeFolder, TakeKind, check
from kws.studio.request_body import read_samples
from kws.studio.workspace import Workspace, is_name
from kws.types import Samples

TAKE_SECONDS = 2.5  # of a keyword, before it is trimmed
MAX_SECONDS = 30.0  # of an upload
SUFFIX = ".wav"
SESSIONS = 100  # folders and speakers that are recorded at a time


class RecordPage:
    """Hold the routes of the Record page."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._sessions: OrderedDict[tuple[Path, str], TakeFolder] = OrderedDict()
        self._lock = threading.Lock()  # of the sessions

    def routes(self) -> list[BaseRoute]:
        """Return the routes."""
        take = "/api/datasets/{dataset}/{folder}/{file}"
        return [
            Route("/api/datasets", self.datasets),
            Route("/api/plan", self.plan),
            Route("/api/takes", self.takes),
            Route("/api/takes", self.add, methods=["POST"]),
            Route(take, self.audio),
            Route(take, self.remove, methods=["DELETE"]),
        ]

    async def datasets(self, request: Request) -> Response:
        """Return the datasets with their keywords and the number of files of each."""
        names = self._workspace.dataset_names()
        values = [{"name": name, "folders": self._folders(name)} for name in names]
        return JSONResponse({"datasets": values})

    async def plan(self, request: Request) -> Response:
        """Return what to record for a word, in turn."""
        plan = self._plan(request.query_params)
        prompts = [{"text": each.text, "seconds": each.seconds} for each in plan.prompts]
        kind = plan.prompts[0].kind.value
        values = {"folder": plan.folder.name, "takes": plan.takes, "kind": kind}
        return JSONResponse({**values, "prompts": prompts})

    async def takes(self, request: Request) -> Response:
        """Return the names of the takes of a word, the latest first."""
        folder = self._plan(request.query_params).folder
        return JSONResponse({"folder": folder.name, "takes": _takes(folder)})

    async def add(self, request: Request) -> Response:
        """Check a take, and keep it if it is good or was asked to be kept."""
        plan = self._plan(request.query_params)
        speaker = request.query_params.get("speaker", "")
        if not speaker:
            raise KwsError("whose voice is it? Give a name of letters and digits")
        samples = await read_samples(request, MAX_SECONDS)
        keep = request.query_params.get("keep") == "always"
        return JSONResponse(await run_in_threadpool(self._add, plan, speaker, samples, keep))

    def _add(self, plan: SessionPlan, speaker: str, samples: Samples, keep: bool) -> dict[str, Any]:
        kind: TakeKind = plan.prompts[0].kind
        checked = check(samples, kind)
        values = {
            "problem": checked.problem,
            "remark": checked.remark,
            "start": checked.start / len(samples),
            "end": checked.end / len(samples),
            "file": None,
        }
        with self._lock:
            session = self._session(plan.folder, speaker)
            if keep or not checked.problem:
                values["file"] = session.add(samples[checked.start : checked.end]).name
            session.remove_if_empty()
            return {**values, "kept": session.kept}

    def _session(self, folder: Path, speaker: str) -> TakeFolder:
        """Return the takes of a speaker, who has one session until the studio ends."""
        key = folder, speaker
        if key not in self._sessions or not folder.is_dir():
            self._sessions[key] = TakeFolder(folder, speaker)
        self._sessions.move_to_end(key)
        while len(self._sessions) > SESSIONS:
            self._sessions.popitem(last=False)
        return self._sessions[key]

    async def audio(self, request: Request) -> Response:
        """Return the audio of a take."""
        return FileResponse(self._file(request), media_type="audio/wav")

    async def remove(self, request: Request) -> Response:
        """Remove a take."""
        path = self._file(request)
        try:
            path.unlink()
        except OSError as error:
            raise KwsError(f"{path.name}: {error.strerror}") from error
        with self._lock:
            self._sessions.clear()  # they count the takes
        return JSONResponse({})

    def _file(self, request: Request) -> Path:
        """Return the path of a take that is there."""
        path = self._workspace.dataset(request.path_params["dataset"])
        for name in (request.path_params["folder"], request.path_params["file"]):
            path = self._workspace.path(path, name)
        if path.suffix != SUFFIX or not path.is_file():
            raise HTTPException(404, "there is no such take")
        return path

    def _plan(self, query: QueryParams) -> SessionPlan:
        dataset = self._workspace.dataset(query.get("dataset", ""))
        plan = plan_session(query.get("word", ""), dataset, TAKE_SECONDS)
        self._workspace.path(dataset, plan.folder.name)  # no link to somewhere else
        return plan

    def _folders(self, dataset: str) -> list[dict[str, Any]]:
        """Return the folders of a dataset that are recorded into, and how many files each has."""
        folders = sorted(p for p in self._workspace.dataset(dataset).iterdir() if p.is_dir())
        values = []
        for folder in folders:
            special = folder.name in (NEGATIVE, NOISE)
            if is_name(folder.name) and (special or not folder.name.startswith(HIDDEN)):
                word = folder.name if special else keyword_of(folder)
                count = sum(1 for file in folder.iterdir() if is_name(file.name))
                values.append({"word": word, "files": count})
        return values


def _takes(folder: Path) -> list[str]:
    """Return the names of the WAV files of a folder, the latest first."""
    files = [p for p in folder.glob(f"*{SUFFIX}") if is_name(p.name)] if folder.is_dir() else []
    return [p.name for p in sorted(files, key=lambda p: p.stat().st_mtime_ns, reverse=True)]
