"""Answer the Evaluate page: kws evaluate as a job, of a model or of two on the same recordings."""

from __future__ import annotations

import hashlib
import json
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from kws.audio.encode import encode
from kws.config import SAMPLE_RATE
from kws.data.dataset import NEGATIVE, NOISE
from kws.errors import KwsError
from kws.evaluation.block_stream import stream_blocks
from kws.evaluation.worst_cases import SECONDS_AFTER, SECONDS_BEFORE
from kws.studio.job_routes import JobRoutes
from kws.studio.jobs import DONE, RUNNING, Jobs
from kws.studio.request_body import read_json, text_of
from kws.studio.state_events import StateEvents
from kws.studio.workspace import Workspace
from kws.types import Samples

REPORTS, FIGURES = ("report", "report-2"), "report.json"  # of the model, of the second one
KEYS = ("hours", "conditions", "det")  # of a report that a page is given
CASES = {"misses": "worst_misses", "alarms": "worst_false_alarms"}  # keys of the report
NAME_LENGTH = 16  # hexadecimal digits
MISS_SECONDS = 10.0  # of a recording with a missed keyword that are shown


class EvaluatePage:
    """Hold the routes of the Evaluate page."""

    def __init__(self, workspace: Workspace, streams: StateEvents) -> None:
        self._workspace = workspace
        self._jobs = Jobs(workspace, workspace.evaluations)
        self._job_routes = JobRoutes(self._jobs, streams, self._state)

    def routes(self) -> list[BaseRoute]:
        """Return the routes."""
        case = "/api/evaluations/{name}/{kind}/{index:int}"
        return [
            Route("/api/evaluations", self.all),
            Route("/api/evaluations", self.start, methods=["POST"]),
            *self._job_routes.routes("/api/evaluations"),
            Route(case + ".flac", self.audio),
            Route(case + ".png", self.spectrogram),
        ]

    async def all(self, request: Request) -> Response:
        """Return the evaluations, the latest first."""
        names = await run_in_threadpool(self._jobs.names)
        states = [await run_in_threadpool(self._state, name) for name in names]
        return JSONResponse({"evaluations": states})

    def _state(self, name: str) -> dict[str, Any]:
        state = self._jobs.state(name)
        models = [state.job.get("model", ""), *filter(None, [state.job.get("second")])]
        reports = [
            {"model": model, **_shown(self._report(name, index))}
            for index, model in enumerate(models if state.status == DONE else ())
        ]
        first = reports[0] if reports else _shown({})
        return {
            "name": name,
            "status": state.status,
            "error": state.error,
            "log": state.log,
            "models": models,
            "dataset": state.job.get("dataset", ""),
            "conditions": "--conditions" in state.job.get("arguments", ()),
            "reports": reports,
            **{key: first[key] for key in ("hours", "keywords", *CASES)},
        }

    async def start(self, request: Request) -> Response:
        """Evaluate a model on a dataset: its keywords, and its other speech as negatives."""
        values = await read_json(request)
        return JSONResponse(await run_in_threadpool(self._start, values))

    def _start(self, values: dict[str, Any]) -> dict[str, Any]:
        model, dataset = text_of(values, "model"), text_of(values, "dataset")
        second, conditions = text_of(values, "second", ""), values.get("conditions") is True
        if dataset not in self._workspace.dataset_names():
            raise KwsError("choose a dataset")
        recordings = self._workspace.dataset(dataset).resolve()
        if not (recordings / NEGATIVE).is_dir():
            raise KwsError(
                "there is no other speech in the dataset: record some on the page Record"
            )
        if second == model:
            raise KwsError("choose two different models")
        if not find_spec("matplotlib"):
            raise KwsError("evaluations need matplotlib: pip install 'kws[report]'")
        models = [model, *filter(None, [second])]
        name = _name(models, dataset, conditions)
        if name in self._jobs.names() and self._jobs.state(name).status == RUNNING:
            raise KwsError("this evaluation is running already")
        options = ["--positives", str(recordings), "--negatives", str(recordings / NEGATIVE)]
        options += _condition_options(recordings) if conditions else []
        folder = self._jobs.folder(name).resolve()
        first, *others = (
            [*("evaluate", str(path.resolve())), *options, *("--report", str(folder / report))]
            for path, report in zip(map(self._workspace.model_path, models), REPORTS, strict=False)
        )
        about = {"model": model, "second": second, "dataset": dataset}
        self._jobs.start(name, first, about, others)
        return self._state(name)

    async def audio(self, request: Request) -> Response:
        """Return the audio of a miss or of a false alarm."""
        samples = await run_in_threadpool(self._case, request)
        return Response(await run_in_threadpool(encode, samples), media_type="audio/flac")

    async def spectrogram(self, request: Request) -> Response:
        """Return the spectrogram of a miss or of a false alarm."""
        from kws.evaluation.figures import spectrogram_png  # loads matplotlib

        samples = await run_in_threadpool(self._case, request)
        return Response(await run_in_threadpool(spectrogram_png, samples), media_type="image/png")

    def _case(self, request: Request) -> Samples:
        """Cut a case of the report out of its recording."""
        asked = request.path_params
        if asked["kind"] not in CASES:
            raise HTTPException(404, "there is no such case")
        is_second = request.query_params.get("report") == "1"
        cases = self._report(asked["name"], int(is_second)).get(CASES[asked["kind"]], [])
        if asked["index"] >= len(cases):
            raise HTTPException(404, "there is no such case")
        case = cases[asked["index"]]
        path = Path(case["file"])
        if not path.resolve().is_relative_to(self._workspace.root.resolve()):
            raise KwsError(f"{path.name}: not in the workspace")
        alarm = asked["kind"] == "alarms"
        return _cut(
            path, case["seconds"], SECONDS_BEFORE + SECONDS_AFTER if alarm else MISS_SECONDS
        )

    def _report(self, name: str, index: int) -> dict[str, Any]:
        """Return the figures of a model of an evaluation; nothing where they are not there."""
        path = self._jobs.folder(name) / REPORTS[index] / FIGURES
        try:
            figures = json.loads(path.read_text("utf-8"))
        except (OSError, ValueError):
            return {}
        return figures if isinstance(figures, dict) else {}


def _name(models: list[str], dataset: str, conditions: bool) -> str:
    """Return a name that no other evaluation has, however long those of its models are."""
    what = json.dumps([models, dataset, conditions])
    return hashlib.sha256(what.encode()).hexdigest()[:NAME_LENGTH]


def _shown(report: dict[str, Any]) -> dict[str, Any]:
    """Return what a page shows of the figures of a model."""
    cases = {kind: report.get(key, []) for kind, key in CASES.items()}
    return {
        **{key: report.get(key) for key in KEYS},
        "keywords": report.get("keywords", {}),
        **cases,
    }


def _condition_options(recordings: Path) -> list[str]:
    """Return the options for other conditions, with the noise of a dataset if it has any."""
    noise = recordings / NOISE
    found = noise.is_dir() and any(path.is_file() for path in noise.iterdir())
    return ["--conditions", *(("--noise", str(noise)) if found else ())]


def _cut(path: Path, start: float, seconds: float) -> Samples:
    """Return a part of a recording, reading no further than its end."""
    first, last = round(start * SAMPLE_RATE), round((start + seconds) * SAMPLE_RATE)
    parts = []
    for block in stream_blocks([path], None, 0.0, 0, warn=False):
        if block.start >= last:
            break
        parts.append(block.mixed[max(0, first - block.start) : last - block.start])
    if not sum(map(len, parts)):
        raise KwsError(f"{path.name}: cannot be read any more")
    return np.concatenate(parts)
