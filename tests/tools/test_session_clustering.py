"""Test the tool that assigns recordings to partitions by session."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
from command_line import ROOT
from session_clustering import assign_by_session
from voices_in_rooms import VOICES, record

from kws.config import SAMPLE_RATE
from kws.data.clips import PARTITIONS
from kws.data.dataset_recipe import from_recipe


def test_the_largest_session_is_assigned_first_to_the_emptiest_partition() -> None:
    counts = [3, 1, 7, 2, 2, 5, 4, 6, 8, 1]
    labels = np.repeat(np.arange(len(counts)), counts)
    partitions = assign_by_session(labels)
    assert all(len(set(partitions[labels == session])) == 1 for session in range(len(counts)))
    assert partitions[labels == 8][0] == 0
    assert partitions[labels == 2][0] == 1
    assert np.bincount(partitions, minlength=PARTITIONS).tolist() == [8, 7, 6, 5, 4, 3, 3, 3]


def run_tool(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "tools" / "session_clustering.py"), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True)


@pytest.mark.slow
def test_command_splits_what_is_under_wake(tmp_path: Path) -> None:
    data, recipe, output = tmp_path / "data", tmp_path / "own.toml", tmp_path / "own.sessions.json"
    for folder in ("wake/computer", "named/computer"):
        (data / folder).mkdir(parents=True)
        for i, recording in enumerate(record("computer", VOICES[:3])):
            soundfile.write(data / folder / f"take-{i}.flac", recording, SAMPLE_RATE)
    folders = '["wake/computer", "named/computer"]'
    recipe.write_text(f'sessions = "{output.name}"\n[keywords]\ncomputer = {folders}\n')

    done = run_tool(data, recipe, output)
    assert (done.returncode, done.stderr) == (0, "")
    assert "15 recordings, 3 sessions" in done.stdout
    partitions = json.loads(output.read_text())
    assert set(partitions) == {f"wake/computer/take-{i}.flac" for i in range(15)}
    by_voice = [
        [partitions[f"wake/computer/take-{5 * v + i}.flac"] for i in range(5)] for v in range(3)
    ]
    assert sorted(map(set, by_voice), key=min) == [{0}, {1}, {2}]

    clips = from_recipe(recipe, data).positives["computer"]
    assert {clip.partition for clip in clips if "wake" in clip.path.parts} == {0, 1, 2}
    first = output.read_bytes()
    assert run_tool(data, recipe, output).returncode == 0
    assert output.read_bytes() == first


@pytest.mark.slow
@pytest.mark.parametrize(
    ("recipe", "problem"),
    [
        ("", "own.toml: no [keywords]"),
        ("keywords = 3\n", "own.toml: no [keywords]"),
        ('[keywords]\nx = ["named/x"]\n', "own.toml:1: no folder under wake/"),
        ('[keywords]\nx = "wake/x"\n', "own.toml:1: x must be a list of folders"),
        ('[keywords]\nx = ["wake/x"]\n', "x: no audio files there"),
        ("keywords = [\n", "own.toml:1: not valid TOML"),
        (None, "own.toml: No such file or directory"),
    ],
)
def test_what_is_wrong_is_one_line(tmp_path: Path, recipe: str | None, problem: str) -> None:
    path = tmp_path / "own.toml"
    if recipe is not None:
        path.write_text(recipe)
    done = run_tool(tmp_path, path, tmp_path / "out.json")
    assert done.returncode == 1
    assert done.stderr.startswith("kws: error: ")
    assert problem in done.stderr
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "out.json").exists()
