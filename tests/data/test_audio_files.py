"""Test which files of a folder are recordings, and that the others are named."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest
import soundfile

from kws.config import SAMPLE_RATE
from kws.data.audio_files import AUDIO_SUFFIXES, audio_files
from kws.data.clips import inspect
from kws.errors import KwsError


def write(path: Path, **options: str) -> Path:
    """Write half a second of noise, other noise to each path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    generator = np.random.default_rng([*path.name.encode(errors="surrogateescape")])
    sound = generator.integers(-9999, 9999, SAMPLE_RATE // 2).astype(np.int16)
    soundfile.write(path, sound, SAMPLE_RATE, **options)
    return path


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("a.mp3", {}),
        ("a.aiff", {}),
        ("a.AIF", {"format": "AIFF"}),
        ("a.oga", {"format": "OGG"}),
        ("a.opus", {"format": "OGG", "subtype": "OPUS"}),
        ("a.wave", {"format": "WAV"}),
        ("a.au", {}),
        ("a.snd", {"format": "AU"}),
        ("a.caf", {}),
        ("a.w64", {}),
        ("a.rf64", {}),
        ("a.voc", {}),
        ("a.sph", {"format": "NIST"}),
    ],
)
def test_what_libsndfile_reads_is_a_recording(
    tmp_path: Path, name: str, options: dict[str, str]
) -> None:
    path = write(tmp_path / name, **options)
    assert audio_files(tmp_path) == [path]
    assert inspect(path).seconds == pytest.approx(0.5, abs=0.12)  # codecs pad


def test_raw_samples_and_containers_of_matrices_are_not_audio_by_their_name() -> None:
    assert not AUDIO_SUFFIXES & {".raw", ".mat4", ".mat", ".txt", ""}


def test_what_is_passed_over_is_one_line(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    kept = write(tmp_path / "a.wav")
    for name in ("_b.wav", "_old/c.wav", ".hidden.wav", ".trash/d.wav"):
        write(tmp_path / name)
    for name in ("e.wma", "f.WMA", "g.raw", "notes.txt", "README"):
        (tmp_path / name).write_bytes(b"whatever")
    assert audio_files(tmp_path) == [kept]
    (line,) = (message.replace(" without ffmpeg", "") for message in caplog.messages)
    assert line == (
        f"{tmp_path}: audio files are passed over: 1 in a format that cannot be read (.raw), 2 in a"
        ' format that cannot be read (.wma), 2 with a name that begins with "_"'
    )


def test_only_what_cannot_be_used_is_an_error_that_names_it(tmp_path: Path) -> None:
    (tmp_path / "a.wma").write_bytes(b"whatever")
    with pytest.raises(KwsError, match=r"no audio files there but 1 in a format .*\(\.wma\)"):
        audio_files(tmp_path)


@pytest.mark.parametrize("seed", range(20))
def test_linked_folders_are_read_once_whatever_the_loops(tmp_path: Path, seed: int) -> None:
    choose = random.Random(seed)
    folders = [tmp_path / "data"]
    for number in range(6):
        folders.append(choose.choice(folders) / f"{number}")
    outside = tmp_path / "outside"
    files = {write(folder / f"{folder.name}.wav").name for folder in (*folders, outside)}
    for number in range(6):
        link, target = choose.choice(folders) / f"link{number}", choose.choice(folders)
        link.symlink_to(target, target_is_directory=True)
    (choose.choice(folders) / "linked").symlink_to(outside, target_is_directory=True)
    found = audio_files(tmp_path / "data")
    assert sorted(path.name for path in found) == sorted(files)
    assert audio_files(tmp_path / "data") == found == sorted(found)


def test_a_format_that_ffmpeg_would_read_is_said_to_need_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.m4a").write_bytes(b"whatever")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(KwsError, match=r"cannot be read \(\.m4a\) without ffmpeg"):
        audio_files(tmp_path)
