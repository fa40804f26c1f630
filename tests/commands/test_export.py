"""Test `kws export` as a user runs it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from command_line import kws

REPORT = ("report.txt", "report.html", "kws_export.sha256")


@pytest.mark.slow
@pytest.mark.parametrize("options", [(), ("--no-count",)], ids=["", "--no-count"])
def test_an_export_repeats_and_needs_no_compiler(tmp_path: Path, options: tuple[str, ...]) -> None:
    programs = tmp_path / "bin"
    programs.mkdir()
    folders = [tmp_path / name / "kws_home" for name in "ab"]
    for folder, environment in zip(
        folders, (None, {**os.environ, "PATH": str(programs)}), strict=True
    ):
        done = kws("export", "home", "--output", folder.parent, *options, env=environment)
        assert (done.returncode, done.stderr) == (0, "")
        assert {str(folder / name) for name in REPORT} <= set(done.stdout.splitlines())
    assert "From stored costs" in " ".join((folders[0] / "report.txt").read_text().split())
    for name in REPORT:
        assert (folders[0] / name).read_bytes() == (folders[1] / name).read_bytes()


def test_count_is_refused_and_names_the_tool_that_counts(tmp_path: Path) -> None:
    done = kws("export", "home", "--count", "--output", tmp_path / "x")
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    assert "python benchmarks/cortex_m4/count.py" in done.stderr
    assert not (tmp_path / "x").exists()


def test_help_does_not_offer_to_count() -> None:
    assert "count" not in kws("export", "--help").stdout
