"""Test AudioFile: files of many formats, and all that can be wrong with them."""

from __future__ import annotations

import logging
import struct
import subprocess
import sys

import numpy as np
import pytest
import soundfile
from command_line import ROOT, SAMPLES

from kws.audio.audio_file import AudioFile, read_audio, read_each, read_usable
from kws.errors import KwsError
from kws.ring_buffer import RingBuffer

SECONDS = 1.5


def read(source: AudioFile, capacity: int = 32_000) -> np.ndarray:
    """Return all samples of a source, through a ring that must never overflow."""
    ring, blocks = RingBuffer(capacity), []
    with source:
        while source.fill(ring):
            blocks.append(ring.read(ring.available))
    assert ring.dropped == ring.available == source.overflows == 0
    return np.concatenate(blocks)


def sine(rate: int, channels: int = 1) -> np.ndarray:
    """Return 440 Hz at a quarter of full scale, float [n, channels], full scale 1.0."""
    wave = np.sin(2 * np.pi * 440 * np.arange(round(SECONDS * rate)) / rate) / 4
    return np.repeat(wave[:, None], channels, axis=1)


def noise(frames: int, channels: int = 1) -> np.ndarray:
    """Return int16 noise over the full range, all of which must come through."""
    return np.random.default_rng(0).integers(-32768, 32768, (frames, channels), np.int16)


RATES = (8_000, 16_000, 22_050, 44_100, 48_000)
FORMATS = [
    *(("WAV", kind, rate, 3) for kind in ("PCM_16", "PCM_24", "FLOAT") for rate in RATES),
    *(("FLAC", "PCM_16", rate, 3) for rate in RATES),
    *(("OGG", "OPUS", rate, 1200) for rate in (8_000, 16_000, 48_000)),  # those that Opus has
    ("OGG", "VORBIS", 44_100, 300),
    ("MP3", "MPEG_LAYER_III", 44_100, 300),
]


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize(("form", "kind", "rate", "tolerance"), FORMATS)
def test_every_format_rate_and_channel_count(tmp_path, form, kind, rate, tolerance, channels):
    path = tmp_path / "sine"
    soundfile.write(path, sine(rate, channels), rate, format=form, subtype=kind)
    decoded = read(AudioFile(path))
    expected = sine(16_000)[:, 0] * 32768
    assert len(decoded) == len(expected)
    # Away from both ends, where the sine is switched on and off and the filter rings.
    np.testing.assert_allclose(decoded[800:-800], expected[800:-800], atol=tolerance)


@pytest.mark.parametrize("kind", ["wav", "flac", "aiff"])
def test_int16_at_16_khz_passes_bit_for_bit(tmp_path, kind):
    samples = noise(40_001)
    soundfile.write(tmp_path / f"noise.{kind}", samples, 16_000, subtype="PCM_16")
    np.testing.assert_array_equal(read(AudioFile(tmp_path / f"noise.{kind}")), samples[:, 0])


def test_channels_are_averaged(tmp_path):
    left, right = noise(5_000, 2).T // 2
    soundfile.write(tmp_path / "two.wav", np.stack([left * 2, right * 2], axis=1), 16_000)
    np.testing.assert_array_equal(read(AudioFile(tmp_path / "two.wav")), left + right)


def test_the_size_of_the_ring_changes_nothing(tmp_path):
    soundfile.write(tmp_path / "noise.wav", noise(30_000), 44_100)
    whole = read(AudioFile(tmp_path / "noise.wav"))
    np.testing.assert_array_equal(read(AudioFile(tmp_path / "noise.wav"), 64), whole)


def test_a_full_ring_is_not_written_to(tmp_path):
    soundfile.write(tmp_path / "noise.wav", noise(100), 16_000)
    ring = RingBuffer(64)
    with AudioFile(tmp_path / "noise.wav") as recording:
        assert [recording.fill(ring) for _ in range(3)] == [True] * 3
        assert (ring.available, ring.dropped) == (64, 0)


def test_floats_beyond_full_scale_and_without_a_value(tmp_path):
    samples = np.array([2.0, -2.0, np.nan, np.inf, -np.inf, 0.5], np.float32)
    soundfile.write(tmp_path / "odd.wav", samples, 16_000, subtype="FLOAT")
    decoded = read(AudioFile(tmp_path / "odd.wav"))
    assert decoded.tolist() == [32767, -32768, 0, 32767, -32768, 16384]


@pytest.mark.slow
def test_memory_does_not_grow_with_the_file(tmp_path):
    """Decode four minutes of stereo, 92 MB as floats, in a fresh process."""
    path = tmp_path / "long.flac"
    soundfile.write(path, np.zeros((240 * 48_000, 2), np.int16), 48_000)
    script = """
import resource, sys
from kws.audio.audio_file import AudioFile
from kws.ring_buffer import RingBuffer

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if MAC else 2**10)

MAC = sys.platform == "darwin"
ring, decoded = RingBuffer(32_000), 0
with AudioFile(sys.argv[1]) as recording:
    recording.fill(ring)
    before = peak()
    while recording.fill(ring):
        decoded += len(ring.read(ring.available))
print(decoded, peak() - before < 8)  # MB
"""
    command = [sys.executable, "-c", script, str(path)]
    output = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert output.split() == [str(240 * 16_000), "True"]


def wav(size: int | None = None, samples: int = 1_000, before: bytes = b"") -> bytes:
    """Return a WAV whose data chunk claims `size` bytes; None: the true size."""
    data = noise(samples).tobytes()
    form = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, 16_000, 32_000, 2, 16)
    chunk = struct.pack("<4sI", b"data", len(data) if size is None else size)
    body = b"WAVE" + form + before + chunk + data
    # A recorder that never finished its file leaves 8 as the size of the whole.
    return struct.pack("<4sI", b"RIFF", 8 if size == 0 else len(body)) + body


@pytest.mark.parametrize("size", [None, 0, 0xFFFFFFFF, 0x7FFFF000, 0x7FFFF024, 0x80000000])
def test_a_wav_of_unknown_length_is_read_to_its_end(tmp_path, size):
    (tmp_path / "streamed.wav").write_bytes(wav(size))
    decoded = read(AudioFile(tmp_path / "streamed.wav"))
    np.testing.assert_array_equal(decoded, noise(1_000)[:, 0])


def test_a_flac_of_unknown_length_is_read_to_its_end(tmp_path):
    path = tmp_path / "streamed.flac"
    soundfile.write(path, noise(20_000), 16_000)
    content = bytearray(path.read_bytes())
    content[21] &= 0xF0  # the 36 bits of the frame count in STREAMINFO
    content[22:26] = bytes(4)
    path.write_bytes(content)
    np.testing.assert_array_equal(read(AudioFile(path)), noise(20_000)[:, 0])


def test_chunks_before_and_after_the_samples_are_skipped(tmp_path):
    odd = struct.pack("<4sI", b"LIST", 3) + b"abc\0"
    (tmp_path / "chunks.wav").write_bytes(wav(before=odd) + odd)
    decoded = read(AudioFile(tmp_path / "chunks.wav"))
    np.testing.assert_array_equal(decoded, noise(1_000)[:, 0])


FLAWED = {
    "cut.wav": (wav()[:-500], "cut short, 500 bytes of its audio are missing"),
    "header.wav": (wav()[:44], "cut short, 2000 bytes of its audio are missing"),
    "half a header.wav": (wav()[:30], "no audio that can be read ("),
    "without samples.wav": (wav(samples=0), "holds no audio"),
    "empty.wav": (b"", "no audio that can be read (Format not recognised)"),
    "text.wav": (b"To be read aloud.\n" * 99, "no audio that can be read (Format not recognised)"),
    "headless.raw": (
        b"\0" * 99,
        "raw samples have no header with a rate; pipe them in instead",
    ),
    "slow.wav": (
        wav().replace(struct.pack("<I", 16_000), struct.pack("<I", 1)),
        "1 Hz is not a sample rate of audio",
    ),
}


@pytest.mark.parametrize("name", FLAWED)
def test_a_flawed_file_is_one_clear_line_at_once(tmp_path, name):
    content, message = FLAWED[name]
    (tmp_path / name).write_bytes(content)
    with pytest.raises(KwsError) as error:
        AudioFile(tmp_path / name)
    assert str(error.value).startswith(f"{tmp_path / name}: {message}")
    assert "\n" not in str(error.value)


def test_an_absent_file_and_a_folder_are_refused(tmp_path):
    with pytest.raises(KwsError, match=r"absent\.wav: No such file or directory$"):
        AudioFile(tmp_path / "absent.wav")
    with pytest.raises(KwsError, match=r"not a file$"):
        AudioFile(tmp_path)


def test_audio_before_damage_is_not_lost(tmp_path):
    path = tmp_path / "cut.flac"
    samples = noise(48_000)
    soundfile.write(path, samples, 16_000)
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])
    ring, decoded = RingBuffer(32_000), []
    with AudioFile(path) as recording:
        for _ in range(3):
            assert recording.fill(ring)
            decoded.append(ring.read(ring.available))
        with pytest.raises(KwsError) as error:
            recording.fill(ring)
    whole = np.concatenate(decoded)
    assert len(whole) >= 24_000  # 32,000 were in the file; the truncated block is lost
    np.testing.assert_array_equal(whole, samples[: len(whole), 0])
    assert str(error.value) == f"{path}: damaged or cut short after {len(whole) / 16_000:.2f} s"


def test_files_that_cannot_be_read_are_logged_and_left_out(tmp_path, caplog):
    soundfile.write(tmp_path / "a.wav", noise(1_000), 16_000)
    (tmp_path / "b.wav").write_bytes(b"text")
    soundfile.write(tmp_path / "c.wav", noise(2_000), 16_000)
    paths = [tmp_path / name for name in ("a.wav", "b.wav", "absent.wav", "c.wav")]
    with caplog.at_level(logging.WARNING, "kws"):
        assert [len(samples) for samples in read_usable(paths)] == [1_000, 2_000]
        messages = [record.getMessage() for record in caplog.records]
        for path, samples in read_each(paths, warn=False):
            np.testing.assert_array_equal(samples, read_audio(path))
    assert messages == [
        f"{paths[1]}: no audio that can be read (Format not recognised); left out",
        f"{paths[2]}: No such file or directory; left out",
    ]
    assert len(caplog.records) == 2


def test_a_complete_recording_is_read_at_16_khz(tmp_path):
    samples = np.random.default_rng(1).integers(-32768, 32768, 150_000).astype(np.int16)
    soundfile.write(tmp_path / "long.flac", samples, 16_000)
    assert np.array_equal(read_audio(tmp_path / "long.flac"), samples)
    soundfile.write(tmp_path / "other.wav", samples, 48_000)
    assert len(read_audio(tmp_path / "other.wav")) == pytest.approx(50_000, abs=2)


def test_a_file_that_was_read_is_not_read_again_without_a_word():
    source = AudioFile(SAMPLES / "computer_moon.flac")
    with source:
        source.fill(RingBuffer(64))
    with pytest.raises(KwsError, match="was read already; open it again"), source:
        pass
