"""Test files that libsndfile cannot read, with a stand-in for ffmpeg, and with ffmpeg itself."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile

import numpy as np
import pytest
import soundfile
from conftest import skip_without

from kws.audio.audio_file import AudioFile, read_audio
from kws.errors import KwsError

SAMPLES = np.random.default_rng(0).integers(-9000, 9000, 16_000).astype(np.int16)
STAND_IN = f"""#!{sys.executable}
import shutil, sys
source = sys.argv[sys.argv.index("-i") + 1].removeprefix("file:")
if b"RIFF" not in open(source, "rb").read(4):
    sys.exit("moov atom not found")
shutil.copy(source, sys.argv[-1])
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    programs = tmp_path / "programs"
    programs.mkdir()
    monkeypatch.setenv("PATH", str(programs))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    return tmp_path


def test_an_m4a_is_read_through_ffmpeg_and_nothing_is_left(folder):
    program = folder / "programs/ffmpeg"
    program.write_text(STAND_IN)
    program.chmod(0o755)
    path = folder / os.fsdecode(b"-caf\xe9.M4A")
    soundfile.write(os.fsencode(folder / "a.wav"), SAMPLES, 16_000)
    (folder / "a.wav").rename(path)
    np.testing.assert_array_equal(read_audio(path), SAMPLES)
    path.write_bytes(b"text")
    with pytest.raises(KwsError, match=r"no audio that ffmpeg can read \(moov atom not found\)"):
        AudioFile(path)
    assert not list((folder / "temporary").iterdir())


def test_without_ffmpeg_a_line_says_so(folder):
    (folder / "a.m4a").write_bytes(bytes(99))
    with pytest.raises(KwsError, match=r"a\.m4a: \.m4a files are read with ffmpeg, which is not"):
        AudioFile(folder / "a.m4a")
    with pytest.raises(KwsError, match="No such file"):
        AudioFile(folder / "absent.m4a")


def test_ffmpeg_itself(tmp_path):
    program = shutil.which("ffmpeg")
    skip_without("ffmpeg", program)
    wave = (8000 * np.sin(np.arange(32_000) / 8)).astype(np.int16)
    soundfile.write(tmp_path / "a.wav", wave, 16_000)
    convert = [program, "-v", "error", "-i", tmp_path / "a.wav", tmp_path / "a.m4a"]
    subprocess.run(convert, check=True)
    decoded = read_audio(tmp_path / "a.m4a")
    assert len(decoded) == pytest.approx(32_000, abs=3_000)
    assert np.abs(decoded.astype(float)).mean() > 3000
