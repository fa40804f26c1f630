"""Jobs in processes of their own: results, logs, output, errors."""

from __future__ import annotations

import io
import logging
import os
from pathlib import Path

import pytest
from rich.console import Console

from kws.errors import KwsError
from kws.parallel import workers
from kws.training.time_left import TimeLeft
from kws.training.workers import DONE, WAITING, Status, run_jobs, show_progress


def test_results_come_in_order_and_output_goes_to_the_files(tmp_path: Path) -> None:
    logs = [tmp_path / f"{number}.log" for number in range(3)]
    with workers(processes=2) as pool:
        assert run_jobs(pool, abs, list(zip(logs, (-1, -2, -3), strict=True))) == [1, 2, 3]
    with workers(processes=1) as pool:
        assert run_jobs(pool, print, [(logs[0], "first"), (logs[0], "second")]) == [None, None]
    assert logs[0].read_text().split() == ["first", "second"]


def test_what_a_worker_logs_is_logged_here(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    warn = logging.getLogger("kws.training.somewhere").warning
    with workers(processes=1) as pool:
        run_jobs(pool, warn, [(tmp_path / "log", "50 % are missing"), (tmp_path / "log", "two")])
    assert caplog.record_tuples == [
        ("kws.training.somewhere", logging.WARNING, "50 % are missing"),
        ("kws.training.somewhere", logging.WARNING, "two"),
    ]
    assert (tmp_path / "log").read_text() == ""


def test_a_log_has_a_line_every_few_seconds_with_the_time_left(tmp_path: Path) -> None:
    job, output, now = Status("one", tmp_path / "one"), io.StringIO(), [0.0]
    with show_progress([job], Console(file=output), lambda: now[0]) as update:
        for second in range(25):
            now[0] = float(second)
            if second:
                job.report(*(("training", second / 100) if second < 20 else ("testing", 0.0)))
            update()
    first, second, unknown = output.getvalue().splitlines()
    assert first == "one: training, 8%, 2 min left"
    assert second.startswith("one: training, 16%, ")
    assert unknown == "one: testing", "whose share nothing reports"


def test_time_left_begins_again_with_each_stage() -> None:
    now = [0.0]
    left = TimeLeft(lambda: now[0])
    assert left.update("reading", 0.0) == ""
    now[0] = 10.0
    assert left.update("reading", 0.5) == "10 s left"
    assert left.update("reading", 0.1) == ""  # another kind of it
    now[0] = 70.0
    assert left.update("reading", 0.2) == "8 min left"
    assert left.update("testing", 0.0) == ""
    assert left.update("testing", 1.0) == ""


def test_a_file_that_cannot_be_read_is_one_line(tmp_path: Path) -> None:
    missing = tmp_path / "missing"
    with (
        pytest.raises(KwsError, match=rf"^{missing}: No such file or directory$"),
        workers(processes=1) as pool,
    ):
        run_jobs(pool, os.listdir, [(tmp_path / "log", str(missing))])


def test_a_worker_that_is_killed_is_one_line(tmp_path: Path) -> None:
    with (
        pytest.raises(KwsError, match="a process of kws was killed; is there too little memory"),
        workers(processes=1) as pool,
    ):
        run_jobs(pool, os._exit, [(tmp_path / "log", 9)])


def test_each_job_that_is_done_has_a_line_where_there_is_no_terminal(tmp_path: Path) -> None:
    jobs = [Status(name, tmp_path / name) for name in ("one", "two")]
    assert jobs[0].read() == (WAITING, 0.0)
    output = io.StringIO()
    with show_progress(jobs, Console(file=output)) as update:
        update()
        jobs[1].report(DONE, 1.0)
        update()
        update()
        jobs[0].report("training", 0.5)
        update()
    assert output.getvalue() == "two: done\n"
    assert jobs[0].read() == ("training", 0.5)
