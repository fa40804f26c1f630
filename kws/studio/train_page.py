"""Answer the Train page: kws train as a job, its progress, and the models that it makes."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from kws.data.keywords import folder_name
from kws.errors import KwsError
from kws.studio.job_process import JOB
from kws.studio.job_routes import JobRoutes
from kws.studio.jobs import DONE, RUNNING, Jobs
from kws.studio.request_body import read_json, text_of
from kws.studio.state_events import StateEvents
from kws.studio.synthesis_page import read_choice, write_recipe
from kws.studio.training_progress import training_progress
from kws.studio.workspace import RECIPE, SUFFIX, WORK, Workspace

REPORT = "report"
OWN_RECIPE = f"recipe{RECIPE}"  # of a job: the recipe that was chosen, and the synthesis
BOTH = ("before", "after")  # keys of a model's card where its training went on from another
MAX_EPOCHS, MAX_FOLDS = 1000, 8


class TrainPage:
    """Hold the routes of the Train page."""

    def __init__(self, workspace: Workspace, streams: StateEvents) -> None:
        self._workspace = workspace
        self._jobs = Jobs(workspace, workspace.jobs)
        self._job_routes = JobRoutes(self._jobs, streams, self._state)

    def routes(self) -> list[BaseRoute]:
        """Return the routes."""
        return [
            Route("/api/training", self.all),
            Route("/api/training", self.start, methods=["POST"]),
            Route("/api/training/{name}", self.go_on, methods=["POST"]),
            *self._job_routes.routes("/api/training"),
        ]

    async def all(self, request: Request) -> Response:
        """Return the trainings, the latest first, and the recipes that one may follow."""
        return JSONResponse(await run_in_threadpool(self._all))

    def _all(self) -> dict[str, Any]:
        trainings = [self._state(name) for name in self._jobs.names()]
        return {"trainings": trainings, "recipes": self._workspace.recipe_names()}

    def _state(self, name: str) -> dict[str, Any]:
        state = self._jobs.state(name)
        running = state.status == RUNNING
        adds = state.status == DONE and "--add" in state.job.get("arguments", ())
        return {
            "name": name,
            "status": state.status,
            "dataset": state.job.get("dataset", ""),
            "error": state.error,
            "log": state.log,
            "comparison": self._comparison(name) if adds else None,
            **training_progress(self._work(name), state.job, running),
        }

    def _work(self, name: str) -> Path:
        """Return the work folder in which a training goes on."""
        earlier = self._earlier_work(name)
        return earlier if earlier.is_dir() else self._own_work(name)

    def _earlier_work(self, name: str) -> Path:
        """Return where an earlier studio had the work folder of a training, by --work."""
        return self._jobs.folder(name) / "work"

    def _own_work(self, name: str) -> Path:
        """Return where kws train has a work folder of its own accord."""
        return self._workspace.models / f"{name}{WORK}"

    def _comparison(self, name: str) -> dict[str, Any] | None:
        """Return the figures of a model and of the one it went on from, on the same test set."""
        try:
            card = self._workspace.model(name).config.card
        except KwsError:
            return None
        both = {key: card.get(key) for key in BOTH}
        return both if all(isinstance(of, dict) for of in both.values()) else None

    async def start(self, request: Request) -> Response:
        """Start a training."""
        values = await read_json(request)
        return JSONResponse(await run_in_threadpool(self._start, values))

    def _start(self, values: dict[str, Any]) -> dict[str, Any]:
        name, dataset = text_of(values, "name"), text_of(values, "dataset")
        folder = self._jobs.folder(name)
        output = self._workspace.path(self._workspace.models, f"{name}{SUFFIX}")
        if output.exists() and not folder.exists():
            raise KwsError(f"there is a model {name} already, which was not trained here")
        if dataset not in self._workspace.dataset_names():
            raise KwsError("choose a dataset")
        epochs = _number(values, "epochs", MAX_EPOCHS)
        chosen, folds = self._addition(values) if values.get("add") is True else _choices(values)
        if name in self._jobs.names() and self._jobs.state(name).status == RUNNING:
            raise KwsError(f"{name} is running already")  # with the recipe that is there
        named = self._recipe_name(values)
        base = self._workspace.recipe(named) if named else None
        recipe = write_recipe(folder / OWN_RECIPE, read_choice(self._workspace), base)
        if values.get("fresh") is True:
            self._jobs.remove_work(name, self._earlier_work(name), self._own_work(name))
        arguments = ["train", str(self._workspace.dataset(dataset).resolve())]
        arguments += ["--output", str(output.resolve()), *chosen]
        arguments += ["--recipe", str(recipe.resolve())] if recipe else []
        arguments += ["--epochs", str(epochs)] if epochs else []
        if find_spec("matplotlib"):
            arguments += ["--report", str(folder.resolve() / REPORT)]
        self._begin(name, arguments, {"dataset": dataset, "folds": folds, "recipe": named})
        return self._state(name)

    def _recipe_name(self, values: dict[str, Any]) -> str:
        """Return the recipe that is asked for, or that of the model that training goes on from."""
        if "recipe" in values or values.get("add") is not True:
            return text_of(values, "recipe", "")
        init = text_of(values, "init")
        if init not in self._jobs.names():
            return ""
        return text_of(self._jobs.state(init).job, "recipe", "")

    def _addition(self, values: dict[str, Any]) -> tuple[list[str], None]:
        """Return the options that train on from a model with the clips that were reviewed."""
        model = self._workspace.model_path(text_of(values, "init"))
        kept = self._workspace.kept.resolve()
        return ["--init", str(model.resolve()), "--add", str(kept)], None

    def _begin(self, name: str, arguments: list[str], about: dict[str, Any]) -> None:
        earlier = self._earlier_work(name)
        if earlier.is_dir() and "--work" not in arguments:
            arguments = [*arguments, "--work", str(earlier.resolve())]
        done = training_progress(self._work(name), about, False)["share"]
        self._jobs.start(name, arguments, {**about, "began_at": done})

    async def go_on(self, request: Request) -> Response:
        """Start a training again that was interrupted or failed; it continues where it was."""
        name = request.path_params["name"]
        job = (await run_in_threadpool(self._jobs.state, name)).job
        arguments = job.get("arguments")
        if not isinstance(arguments, list) or arguments[:1] != ["train"]:
            raise KwsError(f"{name}: its {JOB} is not of a training")
        kept = ("dataset", "folds", "recipe")
        about: dict[str, Any] = {key: job[key] for key in kept if key in job}
        await run_in_threadpool(self._begin, name, arguments, about)
        return JSONResponse(await run_in_threadpool(self._state, name))


def _choices(values: dict[str, Any]) -> tuple[list[str], int | None]:
    """Return the options of a training, and the number of its folds if they are chosen."""
    words = text_of(values, "keywords", "").split(",")
    keywords = [folder_name(word.strip()) for word in words if word.strip()]
    folds = _number(values, "folds", MAX_FOLDS)
    return [
        *(("--folds", str(folds)) if folds else ()),
        *(("--keywords", ",".join(keywords)) if keywords else ()),
    ], folds


def _number(values: dict[str, Any], key: str, most: int) -> int | None:
    """Return a whole number from 1 on, None where there is none; KwsError for anything else."""
    value = values.get(key)
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= most:
        raise KwsError(f"{key}: a whole number from 1 to {most}")
    return value
