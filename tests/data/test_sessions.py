"""Test the grouping of recordings by sound: synthetic voices, each in its own room."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import soundfile
from voices_in_rooms import RATES, VOICES, Recordings, record, speak

from kws.config import SAMPLE_RATE
from kws.data import sessions
from kws.data.dataset import from_folder
from kws.data.sessions import cluster_sessions, sessions_by_sound, warped_distances


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


def write(folder: Path, recordings: Recordings, names: Sequence[str]) -> list[Path]:
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{name}.flac" for name in names]
    for path, samples in zip(paths, recordings, strict=True):
        soundfile.write(path, samples, SAMPLE_RATE)
    return paths


@pytest.mark.slow
def test_a_dataset_keeps_a_voice_without_a_name_in_one_partition(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Let every take have a name that says nothing; five voices are five groups."""
    caplog.set_level("INFO")
    names = [f"{voice}{take}" for take in "abcde" for voice in "vwxyz"]
    recordings = record("computer", VOICES[3:])
    by_voice = [recordings[len(RATES) * v + t] for t in range(len(RATES)) for v in range(5)]
    write(tmp_path / "computer", by_voice, names)
    dataset = from_folder(tmp_path)
    partitions = {clip.path.stem: clip.partition for clip in dataset.positives["computer"]}
    of_voices = [{partitions[f"{voice}{take}"] for take in "abcde"} for voice in "vwxyz"]
    assert all(len(found) == 1 for found in of_voices)
    assert dataset.speakers["computer"] == len(set.union(*of_voices))
    assert "25 recordings without a speaker in their names sound like" in caplog.text


def test_names_that_state_a_speaker_are_believed(tmp_path: Path) -> None:
    word = speak(VOICES[5], "computer")
    paths = write(tmp_path, [word] * 3, ["anna-20260131T154500-001", "a", "b"])
    assert set(sessions_by_sound(paths)) == set(paths[1:])
    assert sessions_by_sound(paths[:2]) == {}


def test_too_many_to_compare_are_each_for_itself(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sessions, "MAX_RECORDINGS", 2)
    paths = write(tmp_path, [np.ones(9, np.int16)] * 3, "abc")
    assert sessions_by_sound(paths) == {}
    assert "too many to group by sound" in caplog.text
