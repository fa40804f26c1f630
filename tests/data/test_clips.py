"""Test which files are recordings, their speakers and partitions."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
from short_recordings import record

from kws.config import SAMPLE_RATE
from kws.data.audio_files import audio_files
from kws.data.clips import PARTITIONS, inspect, partition_of
from kws.errors import KwsError


def test_hidden_files_and_other_files_are_not_recordings(tmp_path: Path) -> None:
    record(*(tmp_path / name for name in ("a.wav", "_old_/b.wav", ".trash/c.wav", "d/_e.wav")))
    (tmp_path / "._a.wav").write_bytes(b"of a Mac")
    (tmp_path / "a.txt").write_text("text")
    assert audio_files(tmp_path) == [tmp_path / "a.wav"]


def test_a_file_is_not_a_folder(tmp_path: Path) -> None:
    record(tmp_path / "a.wav")
    with pytest.raises(KwsError, match=r"a\.wav: Not a directory"):
        audio_files(tmp_path / "a.wav")


@pytest.mark.parametrize(
    "utterances",
    [
        ("1089-134686-0000", "1089-134691-0024"),
        ("an1-mblw-b", "an97-mblw-b"),
        ("0a7c2a8d_nohash_0", "0a7c2a8d_nohash_4"),
    ],
)
def test_a_speaker_is_in_one_partition(utterances: tuple[str, str]) -> None:
    first, second = (partition_of(Path("any", "folder", f"{name}.flac")) for name in utterances)
    assert first == second == partition_of(Path(f"{utterances[0]}.wav"))


def test_partitions_are_even_and_any_name_has_one() -> None:
    counts = np.bincount(
        [partition_of(Path(f"{n}.wav")) for n in range(4000)], minlength=PARTITIONS
    )
    assert len(counts) == PARTITIONS
    assert counts.min() > 400


def test_a_recording_of_unknown_length_is_read_through(tmp_path: Path) -> None:
    """Read a FLAC that was written into a pipe, whose header has no length."""
    path = tmp_path / "piped.flac"
    samples = np.random.default_rng(3).integers(-999, 999, 3 * SAMPLE_RATE // 2)
    soundfile.write(path, samples.astype(np.int16), SAMPLE_RATE)
    content = bytearray(path.read_bytes())
    content[21] &= 0xF0  # 36 bits of STREAMINFO, RFC 9639: frames
    content[22:26] = bytes(4)
    path.write_bytes(content)
    assert soundfile.info(path).frames > 1e15
    assert inspect(path).seconds == pytest.approx(1.5)
