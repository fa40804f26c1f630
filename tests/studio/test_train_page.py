"""Test the Train page's routes: what is started, its events, and wrong requests."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from command_line import ROOT
from studio_client import StudioClient, wait_for_jobs

from kws.data.dataset import Synthesis
from kws.data.dataset_recipe import with_recipe
from kws.training.recipe import Recipe
from kws.training.recipe_file import read_hyperparameters
from kws.training.workers import Status


def test_a_training_that_cannot_be_done_fails_with_its_line(studio, workspace: Path) -> None:
    for word in ("computer", "smart_mirror"):
        (workspace / "recordings" / "mine" / word).mkdir(parents=True)
    asked = {"name": "my model", "dataset": "mine", "keywords": "Smart Mirror, computer"}
    status, state = studio.send("POST", "/api/training", **asked, folds=1, epochs=3)
    assert (status, state["status"], state["dataset"]) == (200, "running", "mine")
    events = [values for _, values in studio.events("/api/training/my%20model/events")]
    assert events[-1]["status"] == "failed"
    assert "no recording of a keyword can be used" in events[-1]["error"]
    (listed,) = studio.get("/api/training")["trainings"]
    assert listed == events[-1]
    job = json.loads((workspace / "jobs" / "my model" / "job.json").read_text())
    words = job["arguments"]
    assert words[:2] == ["train", str((workspace / "recordings" / "mine").resolve())]
    assert words[words.index("--keywords") + 1] == "smart_mirror,computer"
    assert (words[words.index("--folds") + 1], words[words.index("--epochs") + 1]) == ("1", "3")
    model = (workspace / "models" / "my model.tflite").resolve()
    assert words[words.index("--output") + 1] == str(model)
    assert studio.send("POST", "/api/training/my%20model")[0] == 200  # once more
    events = list(studio.events("/api/training/my%20model/events"))
    assert events[-1][1]["status"] == "failed"
    assert studio.ask("DELETE", "/api/training/my%20model")[0] == 200


def test_reviewed_clips_are_added_to_the_training_of_a_model(studio, workspace: Path) -> None:
    (workspace / "recordings" / "mine").mkdir(exist_ok=True, parents=True)
    asked = {"name": "better", "dataset": "mine", "add": True}
    assert studio.send("POST", "/api/training", **asked)[0] == 400  # from which model?
    assert studio.send("POST", "/api/training", **asked, init="../x")[0] == 400
    assert studio.send("POST", "/api/training", **asked, init="home", keywords="a")[0] == 200
    *_, (_, last) = studio.events("/api/training/better/events")
    assert last["status"] == "failed"
    words = json.loads((workspace / "jobs" / "better" / "job.json").read_text())["arguments"]
    assert words[words.index("--add") + 1] == str((workspace / "kept").resolve())
    assert words[words.index("--init") + 1] == str(ROOT / "models" / "home.tflite")
    assert not {"--folds", "--keywords"} & {*words}
    assert "no clip is marked" in last["error"]


def test_a_training_follows_a_recipe_and_the_choice_of_synthetic_speech(
    studio: StudioClient, workspace: Path
) -> None:
    (workspace / "recordings" / "mine").mkdir(exist_ok=True, parents=True)
    short = workspace / "recipes" / "short.toml"
    short.write_text('[schedule]\nepochs = 1\n[synthesis]\nexcluded_phrases = ["a lamp"]\n')
    assert studio.get("/api/training")["recipes"] == ["short"]

    def recipe_of(name: str, **asked: object) -> list[str]:
        assert studio.send("POST", "/api/training", name=name, dataset="mine", **asked)[0] == 200
        assert studio.ask("DELETE", f"/api/training/{name}")[0] == 200
        words = json.loads((workspace / "jobs" / name / "job.json").read_text())["arguments"]
        return words[words.index("--recipe") :][:2] if "--recipe" in words else []

    assert recipe_of("plain") == []
    assert recipe_of("brief", recipe="short") == ["--recipe", str(short.resolve())]
    assert recipe_of("plain-2", add=True, init="home") == []
    (workspace / "models" / "brief.tflite").write_bytes((ROOT / "models/home.tflite").read_bytes())
    # Training goes on as the model was trained.
    assert recipe_of("brief-2", add=True, init="brief") == ["--recipe", str(short.resolve())]
    put = "PUT", "/api/synthesis"
    assert studio.send(*put, phrase='say "no"', excluded=True)[0] == 200
    _, path = recipe_of("chosen", recipe="short")
    assert studio.send(*put, phrase='say "no"', excluded=False)[0] == 200
    assert path == str((workspace / "jobs" / "chosen" / "recipe.toml").resolve())
    wanted = with_recipe(Path(path), Synthesis(utterances_per_keyword=7), [])
    assert wanted.excluded_phrases == ("a lamp", 'say "no"')
    assert wanted.utterances_per_keyword == 7
    assert read_hyperparameters(Path(path), Recipe()).schedule.epochs == 1


def test_a_training_of_an_earlier_studio_goes_on_in_its_work_folder(
    studio: StudioClient, workspace: Path
) -> None:
    (workspace / "recordings" / "mine").mkdir(exist_ok=True, parents=True)
    earlier, own = workspace / "jobs" / "old" / "work", workspace / "models" / "old.work"
    earlier.mkdir(parents=True)
    Status("", earlier / "fold-0.progress").report("training", 0.4)

    def begin(path: str, **asked: object) -> tuple[list[str], list[dict]]:
        status, state = studio.send("POST", path, **asked)
        assert status == 200
        assert studio.ask("DELETE", "/api/training/old")[0] == 200
        words = json.loads((workspace / "jobs" / "old" / "job.json").read_text())["arguments"]
        return words[words.index("--work") :] if "--work" in words else [], state["stages"]

    asked = {"name": "old", "dataset": "mine", "folds": 1}
    words, stages = begin("/api/training", **asked)
    assert words == ["--work", str(earlier.resolve())]
    assert [(stage["name"], stage["share"]) for stage in stages] == [("fold 1", 0.4)]
    assert begin("/api/training/old")[0] == words  # named once
    own.mkdir(exist_ok=True)
    (own / "fold-0.checkpoint").write_bytes(b"what a training left")
    assert begin("/api/training", **asked, fresh=True) == ([], [])
    assert not earlier.exists()
    assert not (own / "fold-0.checkpoint").exists()


@pytest.mark.parametrize(
    "job", [{"started": 0}, {"arguments": "train"}, {"arguments": ["listen"], "dataset": "a"}]
)
def test_a_job_that_is_no_training_does_not_go_on(studio, workspace: Path, job) -> None:
    folder = workspace / "jobs" / "foreign"
    folder.mkdir(exist_ok=True)
    (folder / "job.json").write_text(json.dumps(job))
    status, answer = studio.send("POST", "/api/training/foreign")
    assert (status, answer["error"]) == (400, "foreign: its job.json is not of a training")
    assert [path.name for path in folder.iterdir()] == ["job.json"]


def test_a_training_whose_dataset_and_folds_are_not_known_goes_on(studio, workspace: Path) -> None:
    (workspace / "jobs" / "early").mkdir()
    job = {"arguments": ["train", "--help"]}
    (workspace / "jobs" / "early" / "job.json").write_text(json.dumps(job))
    assert studio.send("POST", "/api/training/early")[0] == 200
    *_, (_, last) = studio.events("/api/training/early/events")
    assert last["status"] == "done"


@pytest.mark.parametrize(
    "values",
    [
        {"name": "../up"},
        {"name": ""},
        {"name": ".hidden"},
        {"dataset": "none"},
        {"dataset": "../.."},
        {"folds": 0},
        {"folds": 9},
        {"folds": True},
        {"epochs": 1.5},
        {"epochs": "3"},
        {"keywords": "--init"},
        {"keywords": 3},
        {"name": "copied"},
        {"recipe": "none"},
        {"recipe": "../up"},
        {"recipe": 3},
    ],
)
def test_wrong_requests_start_nothing(studio, workspace: Path, values) -> None:
    (workspace / "recordings" / "mine").mkdir(exist_ok=True, parents=True)
    (workspace / "models" / "copied.tflite").write_bytes(b"a model from elsewhere")
    wait_for_jobs(workspace)
    before = sorted(workspace.rglob("*"))
    asked = {"name": "other", "dataset": "mine"} | values
    status, answer = studio.send("POST", "/api/training", **asked)
    assert status == 400
    assert len(answer["error"].splitlines()) == 1
    assert sorted(workspace.rglob("*")) == before


def test_there_is_no_training_of_another_name(studio: StudioClient) -> None:
    for method, path in (("POST", "x"), ("DELETE", "x"), ("GET", "x/events"), ("DELETE", "..%2fx")):
        assert studio.ask(method, f"/api/training/{path}")[0] in (400, 404)
