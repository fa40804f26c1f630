"""Test what kws evaluate mixes with keywords, and the kinds that it finds."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from kws.config import SAMPLE_RATE
from kws.evaluation.condition_test import (
    MATERIAL_SECONDS,
    MAX_KINDS,
    Recordings,
    kinds_in,
    other_speech,
)


def test_kinds_are_folders_unless_they_are_too_many() -> None:
    names = ["a.wav", "read/b.wav", "read/1089/c.wav", "far/d.wav"]
    paths = [Path("data", name) for name in names]
    assert kinds_in(Path("data"), paths) == {
        "speech": paths[:1],
        "read": paths[1:3],
        "far": paths[3:],
    }
    speakers = [Path("data", str(number), "a.wav") for number in range(MAX_KINDS + 1)]
    assert kinds_in(Path("data"), speakers) == {"speech": speakers}


def test_other_speech_is_bounded_and_drawn_from_all(tmp_path: Path) -> None:
    random = np.random.default_rng(1)
    for number in range(45):
        noise = random.normal(0, 500, 20 * SAMPLE_RATE).astype(np.int16)
        soundfile.write(tmp_path / f"{number}.wav", noise, SAMPLE_RATE)
    (tmp_path / "broken.wav").write_text("no audio")
    paths = sorted(tmp_path.iterdir())
    found = other_speech(paths)
    seconds = sum(map(len, found)) / SAMPLE_RATE
    assert MATERIAL_SECONDS <= seconds < MATERIAL_SECONDS + 20
    assert len(found) > 100
    assert all(np.array_equal(a, b) for a, b in zip(found, other_speech(paths), strict=True))


def test_recordings_can_be_read_twice(tmp_path: Path) -> None:
    samples = np.random.default_rng(1).integers(-99, 99, 9 * SAMPLE_RATE).astype(np.int16)
    soundfile.write(tmp_path / "a.wav", samples, SAMPLE_RATE)
    calls: list[int] = []
    recordings = Recordings([tmp_path / "a.wav"] * 2, lambda: calls.append(1))
    for count in (2, 4):
        read = [np.concatenate(list(pieces)) for pieces in recordings]
        assert [len(calls), len(read)] == [count, 2]
        assert all(np.array_equal(one, samples) for one in read)


@pytest.mark.parametrize("seconds", [0.5, 0.01])
def test_speech_that_is_too_short_is_not_mixed(tmp_path: Path, seconds: float) -> None:
    samples = np.ones(int(seconds * SAMPLE_RATE), np.int16)
    soundfile.write(tmp_path / "a.wav", samples, SAMPLE_RATE)
    assert other_speech([tmp_path / "a.wav"]) == []
