"""Test the clustering of recordings into sessions: synthetic voices, each in its own room."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import soundfile
from command_line import ROOT
from conftest import skip_without
from scipy.signal import fftconvolve
from session_clustering import assign_by_session, cluster_sessions, warped_distances

from kws.config import SAMPLE_RATE
from kws.data.clips import PARTITIONS
from kws.data.dataset_recipe import from_recipe
from kws.tts.voices import Voice

Recordings = list[npt.NDArray[np.int16]]

VOICES = (
    Voice("espeak-ng", "en-us"),
    Voice("espeak-ng", "en-us+f2"),
    Voice("espeak-ng", "en-gb-scotland+m3"),
    Voice("espeak-ng", "en-029+m7"),
    Voice("flite", "slt"),
    Voice("flite", "rms"),
    Voice("flite", "kal16"),
    Voice("flite", "awb"),
)
RATES = (0.85, 0.92, 1.0, 1.1, 1.2)
PEAKS = (0.05, 0.1, 0.2, 0.4, 0.8)  # of full scale


def speak(voice: Voice, word: str, rate: float = 1.0, pitch: float = 1.0) -> npt.NDArray[np.int16]:
    skip_without(voice.synthesiser, shutil.which(voice.synthesiser))
    return voice.speak(word, rate, pitch)


def record(word: str, voices: Sequence[Voice]) -> Recordings:
    """Return len(RATES) recordings of each voice in a room of its own, by voice."""
    random = np.random.default_rng(1)
    recordings = []
    for voice in voices:
        decay = np.exp(-np.arange(3200) / 600)  # about 0.26 s to -60 dB
        room = random.normal(0, 0.3, len(decay)) * decay
        room[0] = 1
        for rate, peak in zip(RATES, random.permutation(PEAKS), strict=True):
            recordings.append(in_room(speak(voice, word, rate), room, peak, random))
    return recordings


def in_room(
    speech: npt.NDArray[np.int16],
    room: npt.NDArray[np.float64],
    peak: float,
    random: np.random.Generator,
) -> npt.NDArray[np.int16]:
    """Return speech in a room, with 0.2 s of noise before it and 0.5 s after it."""
    reverberant = fftconvolve(np.pad(speech, (SAMPLE_RATE // 5, SAMPLE_RATE // 2)), room)
    reverberant *= peak * 32767 / np.abs(reverberant).max()
    noisy: npt.NDArray[np.float64] = reverberant + random.normal(0, 10, len(reverberant))
    return noisy.round().astype(np.int16)


def unnumbered(recordings: Recordings) -> list[str]:
    return [f"recording-{i}" for i in range(len(recordings))]


@pytest.mark.slow
@pytest.mark.parametrize("word", ["computer", "alexa", "smart mirror"])
def test_sessions_are_voices(word: str) -> None:
    recordings = record(word, VOICES)
    labels = cluster_sessions(recordings, unnumbered(recordings)).reshape(len(VOICES), -1)
    split = [str(voice) for voice, row in zip(VOICES, labels, strict=True) if len(set(row)) > 1]
    assert not split
    # Two voices may be too similar to be separated, which costs a split nothing but balance.
    assert len(np.unique(labels)) >= len(VOICES) - 2
    assert set(labels.ravel()) == set(range(labels.max() + 1))


@pytest.mark.slow
def test_same_recordings_same_sessions_in_any_order() -> None:
    recordings = record("computer", VOICES[:4])
    names = unnumbered(recordings)
    labels = cluster_sessions(recordings, names)
    assert np.array_equal(cluster_sessions(recordings, names), labels)
    order = np.random.default_rng(2).permutation(len(recordings))
    shuffled = cluster_sessions([recordings[i] for i in order], [names[i] for i in order])
    assert np.array_equal(shuffled[:, None] == shuffled, labels[order][:, None] == labels[order])


def test_consecutive_numbers_that_sound_similar_are_one_session() -> None:
    """Let a voice drift: successive recordings sound similar, the first and the last do not."""
    drifting = [speak(VOICES[5], "computer", pitch=pitch) for pitch in np.linspace(0.9, 1.25, 7)]
    assert cluster_sessions(drifting, unnumbered(drifting)).max() > 0
    assert cluster_sessions(drifting, [str(2 * i) for i in range(7)]).max() == 0
    assert cluster_sessions(drifting, [str(100 * i) for i in range(7)]).max() > 0


def test_consecutive_numbers_that_sound_different_are_two_sessions() -> None:
    recordings = record("computer", VOICES[:2])
    labels = cluster_sessions(recordings, [str(i) for i in range(len(recordings))])
    assert np.array_equal(labels == labels[0], np.arange(len(labels)) < len(RATES))


def test_few_short_and_silent_recordings() -> None:
    assert len(cluster_sessions([], [])) == 0
    assert cluster_sessions([np.zeros(16_000, np.int16)], ["a"]).tolist() == [0]
    nothing = [np.zeros(length, np.int16) for length in (0, 1, 100, 16_000)]
    assert cluster_sessions(nothing, list("abcd")).tolist() == [0, 0, 0, 0]


def test_the_largest_session_is_assigned_first_to_the_emptiest_partition() -> None:
    counts = [3, 1, 7, 2, 2, 5, 4, 6, 8, 1]
    labels = np.repeat(np.arange(len(counts)), counts)
    partitions = assign_by_session(labels)
    assert all(len(set(partitions[labels == session])) == 1 for session in range(len(counts)))
    assert partitions[labels == 8][0] == 0
    assert partitions[labels == 2][0] == 1
    assert np.bincount(partitions, minlength=PARTITIONS).tolist() == [8, 7, 6, 5, 4, 3, 3, 3]


def test_warped_distances_are_those_of_the_definition() -> None:
    random = np.random.default_rng(3)
    words = [random.normal(size=(frames, 3)).astype(np.float32) for frames in (1, 4, 9, 6)]
    expected = [[aligned(a, b) for b in words] for a in words]
    np.testing.assert_allclose(warped_distances(words), expected, atol=1e-12)


def aligned(a: npt.NDArray[np.float32], b: npt.NDArray[np.float32]) -> float:
    """Return the textbook's dynamic time warping, over the mean number of frames."""
    cost = np.full((len(a) + 1, len(b) + 1), np.inf)
    cost[0, 0] = 0
    for i, frame in enumerate(a.astype(np.float64)):
        for j, other in enumerate(b.astype(np.float64)):
            before = min(cost[i, j], cost[i, j + 1], cost[i + 1, j])
            cost[i + 1, j + 1] = float(np.linalg.norm(frame - other)) + before
    return 2 * float(cost[-1, -1]) / (len(a) + len(b))


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
