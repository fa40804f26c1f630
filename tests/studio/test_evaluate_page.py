"""Test the Evaluate page's routes: figures, curve and clips of a report, and wrong requests."""

from __future__ import annotations

import io
import json
import shutil
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import quote

import numpy as np
import pytest
import soundfile
from command_line import ROOT
from conftest import skip_without
from evaluation_samples import write_samples
from studio_client import StudioClient, wait_for_jobs

from kws.audio.audio_file import read_audio


@pytest.fixture(scope="module")
def evaluated(studio: StudioClient, workspace: Path) -> dict:
    """Return the state of an evaluation of home on samples that it misses or takes for others."""
    skip_without("matplotlib", find_spec("matplotlib"))
    samples = workspace / "recordings" / "samples"
    made = workspace.parent / f"{workspace.name}-samples"
    made.mkdir()
    write_samples(made)
    shutil.move(made / "positives", samples)
    shutil.move(made / "negatives", samples / "_negative_")
    status, state = studio.send("POST", "/api/evaluations", model="home", dataset="samples")
    assert (status, state["status"]) == (200, "running")
    *_, (_, last) = studio.events(f"/api/evaluations/{state['name']}/events")
    return last


@pytest.fixture(scope="module")
def place(evaluated: dict) -> str:
    """Return the path of the evaluation."""
    return f"/api/evaluations/{evaluated['name']}"


@pytest.mark.slow
def test_an_evaluation_gives_figures_curve_and_cases(
    evaluated, place: str, studio, workspace: Path
) -> None:
    assert evaluated["status"] == "done", evaluated["log"]
    assert studio.get("/api/evaluations")["evaluations"] == [evaluated]
    (report,) = evaluated["reports"]
    assert (report["model"], report["keywords"]) == ("home", evaluated["keywords"])
    assert set(report["det"]["miss_rate"]) == {"computer", "jarvis", "alexa"}
    assert report["conditions"] is None
    assert evaluated["keywords"]["jarvis"]["own"]["miss_rate"] == pytest.approx(1 / 3, abs=1e-3)
    miss = next(m for m in evaluated["misses"] if m["file"].endswith("unsaid.wav"))
    index = evaluated["misses"].index(miss)
    samples, _ = soundfile.read(
        io.BytesIO(studio.ask("GET", f"{place}/misses/{index}.flac")[2]), dtype="int16"
    )
    assert np.array_equal(samples, read_audio(Path(miss["file"])))
    assert evaluated["alarms"][0]["file"].endswith("jarring.flac")
    alarm, _ = soundfile.read(io.BytesIO(studio.ask("GET", f"{place}/alarms/0.flac")[2]))
    assert len(alarm) <= 2.5 * 16_000
    status, headers, body = studio.ask("GET", f"{place}/alarms/0.png")
    assert (status, headers["content-type"], body[1:4]) == (200, "image/png", b"PNG")


@pytest.mark.slow
def test_no_case_leads_out_of_the_workspace(evaluated, place: str, studio, workspace: Path) -> None:
    wrong = ("misses/99.flac", "others/0.flac", "misses/-1.flac", "misses/0.wav")
    for path in ("misses/0.flac?report=1", *wrong):  # there was no second model
        assert studio.ask("GET", f"{place}/{path}")[0] == 404
    report = workspace / "evaluations" / evaluated["name"] / "report" / "report.json"
    figures = json.loads(report.read_text())
    figures["worst_misses"][0]["file"] = "/etc/passwd"
    report.write_text(json.dumps(figures))
    assert studio.ask("GET", f"{place}/misses/0.flac")[0] == 400
    report.write_text("[1]")
    assert studio.get("/api/evaluations")["evaluations"][0]["misses"] == []


def test_a_dataset_without_other_speech_is_not_evaluated(studio, workspace: Path) -> None:
    (workspace / "recordings" / "words" / "computer").mkdir(parents=True)
    wait_for_jobs(workspace)
    before = sorted(workspace.rglob("*"))
    status, answer = studio.send("POST", "/api/evaluations", model="home", dataset="words")
    assert (status, answer["error"].split(":")[0]) == (
        400,
        "there is no other speech in the dataset",
    )
    assert sorted(workspace.rglob("*")) == before


def test_evaluations_of_other_models_or_datasets_are_others(
    studio: StudioClient, workspace: Path
) -> None:
    skip_without("matplotlib", find_spec("matplotlib"))
    long, longer = "one" * 30, "two" * 30
    for model in ("one", "two", "one and two", long, longer):
        shutil.copy(ROOT / "models" / "home.tflite", workspace / "models" / f"{model}.tflite")
    for dataset in ("spoken", "two on spoken"):
        (workspace / "recordings" / dataset / "_negative_").mkdir(exist_ok=True, parents=True)
    chosen = [
        {"model": "one", "second": "two", "dataset": "spoken"},
        {"model": "one and two", "dataset": "spoken"},
        {"model": "one", "second": "two", "dataset": "spoken", "conditions": True},
        {"model": "one", "dataset": "two on spoken"},
        {"model": long, "second": longer, "dataset": "spoken"},
    ]
    names = set()
    for values in chosen:
        status, state = studio.send("POST", "/api/evaluations", **values)
        assert status == 200, state
        assert studio.ask("DELETE", f"/api/evaluations/{quote(state['name'])}")[0] == 200
        names.add(state["name"])
        assert state["models"] == [values["model"], *filter(None, [values.get("second")])]
        assert (state["dataset"], state["conditions"]) == (
            values["dataset"],
            values.get("conditions", False),
        )
    assert len(names) == len(chosen)
    state = studio.send("POST", "/api/evaluations", **chosen[0])[1]  # the same again
    assert state["name"] in names
    assert studio.ask("DELETE", f"/api/evaluations/{quote(state['name'])}")[0] == 200


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"model": "home"},
        {"model": "home", "dataset": "none"},
        {"model": "home", "dataset": "../recordings"},
        {"model": "../home", "dataset": "here"},
        {"model": "home", "second": "home", "dataset": "spoken"},
        {"model": "home", "second": "../base", "dataset": "spoken"},
        {"model": "home", "second": 3, "dataset": "spoken"},
    ],
)
def test_wrong_requests_start_nothing(studio, workspace: Path, values) -> None:
    (workspace / "recordings" / "here").mkdir(exist_ok=True)
    (workspace / "recordings" / "spoken" / "_negative_").mkdir(exist_ok=True, parents=True)
    wait_for_jobs(workspace)
    before = sorted(workspace.rglob("*"))
    assert studio.send("POST", "/api/evaluations", **values)[0] == 400
    assert sorted(workspace.rglob("*")) == before
    assert studio.ask("GET", "/api/evaluations/none/events")[0] == 400
