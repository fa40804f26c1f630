"""Test jobs: processes that outlive the studio, their ends, and what is read of a training."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from free_port import free_port
from waiting import wait_until

pytest.importorskip("starlette", reason="kws[studio] is not here")

from kws.console.error_lines import INTERRUPTED as INTERRUPTED_STATUS
from kws.data.dataset import Dataset
from kws.errors import KwsError
from kws.studio import job_process
from kws.studio.jobs import DONE, FAILED, INTERRUPTED, RUNNING, Jobs
from kws.studio.training_progress import training_progress
from kws.studio.workspace import Workspace
from kws.training.checkpoint import Checkpoint
from kws.training.fold import Fold
from kws.training.former import store_split
from kws.training.workers import DONE as FINISHED
from kws.training.workers import Status


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    """Return a workspace whose jobs end with the test."""
    workspace = Workspace(tmp_path / "workspace")
    yield workspace
    jobs = Jobs(workspace, workspace.jobs)
    for name in jobs.names():
        jobs.stop(name)


def test_a_command_that_ends_is_done_or_failed_with_its_line(workspace: Workspace) -> None:
    jobs = Jobs(workspace, workspace.jobs)
    jobs.start("good", ["--version"], {"dataset": "mine"}, [["export", "--help"]])
    jobs.start("bad", ["info", "no such model"], {}, [["--version"]])
    wait_until(lambda: jobs.state("good").status == DONE and jobs.state("bad").status == FAILED)
    assert jobs.state("good").job["dataset"] == "mine"
    assert jobs.state("good").log[0].startswith("kws ")
    assert any("Usage: kws export" in line for line in jobs.state("good").log)
    assert not any(line.startswith("kws 0") for line in jobs.state("bad").log)  # it ends there
    assert jobs.state("bad").error.startswith("no model named 'no such model'")
    assert sorted(Jobs(workspace, workspace.jobs).names()) == ["bad", "good"]
    with pytest.raises(KwsError, match="no job"):
        jobs.state("other")


def test_a_job_goes_on_without_the_studio_and_another_finds_and_ends_it(workspace) -> None:
    pytest.importorskip("wyoming")
    arguments = ["serve", "--uri", f"tcp://127.0.0.1:{free_port()}", "--debug"]
    first = Jobs(workspace, workspace.jobs)
    first.start("long", arguments, {})
    second = Jobs(workspace, workspace.jobs)  # of a studio that was started again
    assert second.state("long").status == RUNNING
    with pytest.raises(KwsError, match="running already"):
        second.start("long", arguments, {})
    with pytest.raises(KwsError, match="is running"):
        second.remove_work("long", workspace.jobs / "long" / "work")
    (workspace.jobs / "long" / "work").mkdir()
    second.stop("long")
    wait_until(lambda: second.state("long").status != RUNNING)
    assert second.state("long").status in (DONE, INTERRUPTED)  # DONE: it took the signal in time
    assert (workspace.jobs / "long" / "work").is_dir()
    second.start("long", ["--version"], {})
    wait_until(lambda: second.state("long").status == DONE)


@pytest.mark.parametrize(("status", "ends"), [(INTERRUPTED_STATUS, False), (1, True), (0, True)])
def test_a_command_that_is_stopped_at_its_work_is_interrupted_not_failed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, status: int, ends: bool
) -> None:
    """By SIGTERM, which the command line makes an interrupt: the job can go on."""
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setattr(job_process, "_status_of", lambda arguments: status)
    (tmp_path / job_process.JOB).write_text('{"arguments": ["train"], "then": [["info"]]}')
    job_process._run(tmp_path)
    assert (tmp_path / job_process.RESULT).exists() == ends


def test_the_progress_of_a_training_is_read_from_its_work_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now)
    job = {"folds": 2, "started": now - 100, "began_at": 0.0}
    empty = training_progress(tmp_path, job, True)
    assert empty == {"stages": [], "share": 0, "seconds_left": None, "losses": {}}
    Status("examples", tmp_path / "examples.progress").report(FINISHED, 1.0)
    for index, share in enumerate((1.0, 0.5)):
        Status("", tmp_path / f"fold-{index}.progress").report("training", share)
    Status("", tmp_path / "fold-4.progress").report("waiting", 0.0)
    Status("", tmp_path / "held-out.progress").report("waiting", 0.0)
    losses = [(1, 0.5, 0.6), (2, 0.4, float("nan"))]
    Checkpoint(losses=losses).save(tmp_path / "fold-1.checkpoint")
    (tmp_path / "fold-4.checkpoint").write_bytes(b"damaged")
    found = training_progress(tmp_path, job, True)
    names = [stage["name"] for stage in found["stages"]]
    assert names == ["examples", "fold 1", "fold 2", "final model", "held-out"]
    assert found["share"] == pytest.approx(0.15 + 0.85 * 0.5, abs=1e-3)
    assert found["seconds_left"] == pytest.approx(100 * 0.425 / 0.575, rel=0.02)
    assert found["losses"] == {"fold 2": [[1, 0.5, 0.6], [2, 0.4, None]]}
    assert training_progress(tmp_path, job, False)["seconds_left"] is None
    # A training that goes on from a model states its folds in its work folder.
    store_split(tmp_path, Dataset(), [Fold(0, 4, tmp_path)], Fold(4, 4, tmp_path), tmp_path)
    found = training_progress(tmp_path, {**job, "folds": None}, True)
    assert [stage["name"] for stage in found["stages"]][-2:] == ["final model", "held-out"]
    resumed = {**job, "began_at": 0.475}
    assert training_progress(tmp_path, resumed, True)["seconds_left"] == pytest.approx(
        425, rel=0.02
    )
