"""Test that equal audio is one recording, whatever the files are called."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile

from kws.config import SAMPLE_RATE
from kws.data.clips import inspect
from kws.data.copies import HEAD_SAMPLES, originals
from kws.data.dataset import from_folder
from kws.evaluation.test_set import find_positives

RANDOM = np.random.default_rng(9)


def write(path: Path, sound: np.ndarray) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, sound, SAMPLE_RATE)
    return path


def sound(length: int = 8000) -> np.ndarray:
    return RANDOM.integers(-999, 999, length).astype(np.int16)


@pytest.mark.parametrize("seed", range(20))
def test_recordings_are_the_same_where_all_their_samples_are(tmp_path: Path, seed: int) -> None:
    random = np.random.default_rng(seed)
    sounds = [sound(length) for length in random.integers(6000, 6003, 3)]
    sounds.append(sounds[0].copy())
    sounds[3][random.integers(len(sounds[3]))] += 1  # at the start or after the compared head
    assert HEAD_SAMPLES < 6000
    chosen = random.integers(0, 4, 12)
    paths = [
        write(tmp_path / f"{n:02}.{'wav' if random.random() < 0.5 else 'flac'}", sounds[which])
        for n, which in enumerate(chosen)
    ]
    first = originals({path: inspect(path).seconds for path in paths})
    expected = {
        path: paths[list(chosen).index(which)] for path, which in zip(paths, chosen, strict=True)
    }
    assert first == expected


def test_copies_are_one_recording_of_one_speaker(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    original = write(tmp_path / "computer" / "anna-20260131T154500-001.wav", sound())
    for speaker in ("bob", "carla", "dora", "emil"):
        shutil.copy(original, original.with_name(f"{speaker}-20260131T154500-001.wav"))
    shutil.copy(original, write(tmp_path / "_negative_" / "talk.wav", sound()).with_name("x.wav"))
    dataset = from_folder(tmp_path)
    assert [clip.path for clip in dataset.positives["computer"]] == [original]
    assert [clip.path.name for clip in dataset.negatives] == ["talk.wav"]
    assert dataset.testable().positives == {"computer": []}
    assert caplog.messages == [
        f"{tmp_path / 'computer'}: 4 of 5 recordings are copies and left out, as"
        f" bob-20260131T154500-001.wav of {original}",
        f"{tmp_path / '_negative_'}: 1 of 2 recordings are copies and left out, as x.wav of"
        f" {original}",
        f"{tmp_path / 'computer'}: a single recording; figures cannot be measured",
    ]


def test_folders_of_no_role_and_files_in_no_folder_are_named(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for name in ("word/a.wav", "word/b.wav", "_negative_/c.wav", "_negatives_/d.wav", "e.wav"):
        write(tmp_path / name, sound())
    from_folder(tmp_path)
    assert caplog.messages[:2] == [
        f"{tmp_path / '_negatives_'}: passed over; folders with a role are _negative_, _noise_,"
        " _rooms_",
        f"{tmp_path}: audio files in no folder are passed over: 1",
    ]


def test_names_of_any_bytes_are_read(tmp_path: Path) -> None:
    for number in range(2):
        write(tmp_path / "word" / f"{number}.wav", sound())
        path = write(tmp_path / "_negative_" / f"{number}.wav", sound())
        path.rename(path.with_name(f"caf\udce9{number}.wav"))
    dataset = from_folder(tmp_path)
    assert [clip.path.name for clip in dataset.negatives] == ["caf\udce90.wav", "caf\udce91.wav"]


def test_copies_add_no_hours_and_no_utterances_to_an_evaluation(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    original = write(tmp_path / "positives" / "word" / "a.wav", sound())
    for number in range(5):
        shutil.copy(original, original.with_name(f"b{number}.wav"))
    other = write(original.with_name("c.wav"), sound())
    assert find_positives(tmp_path / "positives", ("word",)) == {"word": [original, other]}
    assert caplog.messages == [
        f"{original.parent}: 5 of 7 recordings are copies and left out, as b0.wav of {original}"
    ]
