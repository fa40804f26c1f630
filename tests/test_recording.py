"""AudioFile and RawStream: real files of many kinds, real pipes, all that is wrong with them."""

from __future__ import annotations

import io
import os
import struct
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
import soundfile

from kws.audio.audio_file import AudioFile
from kws.audio.raw_stream import RawStream
from kws.errors import KwsError
from kws.ring_buffer import RingBuffer

SECONDS = 1.5


def listen_to(source: AudioFile | RawStream, capacity: int = 32_000) -> np.ndarray:
    """All samples of a source, through a ring that must never overflow."""
    ring, heard = RingBuffer(capacity), []
    with source:
        while source.fill(ring):
            heard.append(ring.read(ring.available))
    assert ring.dropped == ring.available == source.overflows == 0
    return np.concatenate(heard) if heard else np.empty(0, np.int16)


def sine(rate: int, channels: int = 1) -> np.ndarray:
    """440 Hz at a quarter of full scale, float [n, channels], full scale 1.0."""
    wave = np.sin(2 * np.pi * 440 * np.arange(round(SECONDS * rate)) / rate) / 4
    return np.repeat(wave[:, None], channels, axis=1)


def noise(frames: int, channels: int = 1) -> np.ndarray:
    """int16 over the full range, all of which must come through."""
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
    heard = listen_to(AudioFile(path))
    expected = sine(16_000)[:, 0] * 32768
    assert len(heard) == len(expected)
    # Away from both ends, where the sine is switched on and off and the filter rings.
    np.testing.assert_allclose(heard[800:-800], expected[800:-800], atol=tolerance)


@pytest.mark.parametrize("kind", ["wav", "flac", "aiff"])
def test_int16_at_16_khz_passes_bit_for_bit(tmp_path, kind):
    samples = noise(40_001)
    soundfile.write(tmp_path / f"noise.{kind}", samples, 16_000, subtype="PCM_16")
    np.testing.assert_array_equal(listen_to(AudioFile(tmp_path / f"noise.{kind}")), samples[:, 0])


def test_channels_are_averaged(tmp_path):
    left, right = noise(5_000, 2).T // 2
    soundfile.write(tmp_path / "two.wav", np.stack([left * 2, right * 2], axis=1), 16_000)
    np.testing.assert_array_equal(listen_to(AudioFile(tmp_path / "two.wav")), left + right)


def test_the_size_of_the_ring_changes_nothing(tmp_path):
    soundfile.write(tmp_path / "noise.wav", noise(30_000), 44_100)
    whole = listen_to(AudioFile(tmp_path / "noise.wav"))
    np.testing.assert_array_equal(listen_to(AudioFile(tmp_path / "noise.wav"), 64), whole)


def test_a_full_ring_is_left_alone(tmp_path):
    soundfile.write(tmp_path / "noise.wav", noise(100), 16_000)
    ring = RingBuffer(64)
    with AudioFile(tmp_path / "noise.wav") as recording:
        assert [recording.fill(ring) for _ in range(3)] == [True] * 3
        assert (ring.available, ring.dropped) == (64, 0)


def test_floats_beyond_full_scale_and_without_a_value(tmp_path):
    samples = np.array([2.0, -2.0, np.nan, np.inf, -np.inf, 0.5], np.float32)
    soundfile.write(tmp_path / "odd.wav", samples, 16_000, subtype="FLOAT")
    heard = listen_to(AudioFile(tmp_path / "odd.wav"))
    assert heard.tolist() == [32767, -32768, 0, 32767, -32768, 16384]


def test_memory_does_not_grow_with_the_file(tmp_path):
    """Four minutes of stereo, 92 MB when decoded to floats at once, in a fresh process."""
    path = tmp_path / "long.flac"
    soundfile.write(path, np.zeros((240 * 48_000, 2), np.int16), 48_000)
    script = """
import resource, sys
from kws.audio.audio_file import AudioFile
from kws.ring_buffer import RingBuffer

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if MAC else 2**10)

MAC = sys.platform == "darwin"
ring, heard = RingBuffer(32_000), 0
with AudioFile(sys.argv[1]) as recording:
    recording.fill(ring)
    before = peak()
    while recording.fill(ring):
        heard += len(ring.read(ring.available))
print(heard, peak() - before < 8)  # MB
"""
    root = Path(__file__).parent.parent
    command = [sys.executable, "-c", script, str(path)]
    output = subprocess.run(command, cwd=root, capture_output=True, text=True, check=True).stdout
    assert output.split() == [str(240 * 16_000), "True"]


def wav(size: int | None = None, samples: int = 1_000, before: bytes = b"") -> bytes:
    """A WAV whose data chunk says `size`; None: the truth."""
    data = noise(samples).tobytes()
    form = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, 16_000, 32_000, 2, 16)
    chunk = struct.pack("<4sI", b"data", len(data) if size is None else size)
    body = b"WAVE" + form + before + chunk + data
    # A recorder that never finished its file leaves 8 as the size of the whole.
    return struct.pack("<4sI", b"RIFF", 8 if size == 0 else len(body)) + body


@pytest.mark.parametrize("size", [None, 0, 0xFFFFFFFF, 0x7FFFF000, 0x7FFFF024, 0x80000000])
def test_a_wav_of_unknown_length_is_read_to_its_end(tmp_path, size):
    (tmp_path / "streamed.wav").write_bytes(wav(size))
    heard = listen_to(AudioFile(tmp_path / "streamed.wav"))
    np.testing.assert_array_equal(heard, noise(1_000)[:, 0])


def test_a_flac_of_unknown_length_is_read_to_its_end(tmp_path):
    path = tmp_path / "streamed.flac"
    soundfile.write(path, noise(20_000), 16_000)
    content = bytearray(path.read_bytes())
    content[21] &= 0xF0  # the 36 bits of the frame count in STREAMINFO
    content[22:26] = bytes(4)
    path.write_bytes(content)
    np.testing.assert_array_equal(listen_to(AudioFile(path)), noise(20_000)[:, 0])


def test_chunks_before_and_after_the_samples_are_skipped(tmp_path):
    odd = struct.pack("<4sI", b"LIST", 3) + b"abc\0"
    (tmp_path / "chunks.wav").write_bytes(wav(before=odd) + odd)
    heard = listen_to(AudioFile(tmp_path / "chunks.wav"))
    np.testing.assert_array_equal(heard, noise(1_000)[:, 0])


FLAWED = {
    "cut.wav": (wav()[:-500], "cut short, 500 bytes of its audio are missing"),
    "header.wav": (wav()[:44], "cut short, 2000 bytes of its audio are missing"),
    "half a header.wav": (wav()[:30], "no audio that can be read ("),
    "without samples.wav": (wav(samples=0), "holds no audio"),
    "empty.wav": (b"", "no audio that can be read (Format not recognised)"),
    "text.wav": (b"To be read aloud.\n" * 99, "no audio that can be read (Format not recognised)"),
    "headless.raw": (b"\0" * 99, "raw samples say nothing of their rate; pipe them in instead"),
    "slow.wav": (
        wav().replace(struct.pack("<I", 16_000), struct.pack("<I", 1)),
        "1 Hz is no sample rate of audio",
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


def test_no_file_at_all(tmp_path):
    with pytest.raises(KwsError, match=r"absent\.wav: No such file or directory$"):
        AudioFile(tmp_path / "absent.wav")
    with pytest.raises(KwsError, match=r"not a file$"):
        AudioFile(tmp_path)


def test_audio_before_damage_is_not_lost(tmp_path):
    path = tmp_path / "cut.flac"
    samples = noise(48_000)
    soundfile.write(path, samples, 16_000)
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])
    ring, heard = RingBuffer(32_000), []
    with AudioFile(path) as recording:
        for _ in range(3):
            assert recording.fill(ring)
            heard.append(ring.read(ring.available))
        with pytest.raises(KwsError) as error:
            recording.fill(ring)
    whole = np.concatenate(heard)
    assert len(whole) >= 24_000  # 32,000 were there; the block that broke off is gone
    np.testing.assert_array_equal(whole, samples[: len(whole), 0])
    assert str(error.value) == f"{path}: damaged or cut short after {len(whole) / 16_000:.2f} s"


def through_a_pipe(pieces: list[bytes]) -> RawStream:
    """A RawStream on a real one, into which a thread writes the pieces one by one."""
    reading, writing = os.pipe()

    def write() -> None:
        with open(writing, "wb", buffering=0) as end:
            for piece in pieces:
                end.write(piece)

    threading.Thread(target=write, daemon=True).start()
    return RawStream(open(reading, "rb"))


@pytest.mark.parametrize("capacity", [1, 64, 32_000])
@pytest.mark.parametrize("length", [1, 3, 1_280, 100_000])
def test_a_pipe_in_pieces_of_any_length(length, capacity):
    samples = noise(20_000)[:, 0] if length * capacity > 3 else noise(500)[:, 0]
    content = samples.astype("<i2").tobytes()
    pieces = [content[start : start + length] for start in range(0, len(content), length)]
    np.testing.assert_array_equal(listen_to(through_a_pipe(pieces), capacity), samples)


def test_a_pipe_hands_over_what_has_come_without_waiting_for_more():
    reading, writing = os.pipe()
    ring = RingBuffer(32_000)
    os.write(writing, b"\1\0\2\0")
    with open(reading, "rb") as stream, RawStream(stream) as pipe:
        assert pipe.live
        assert pipe.fill(ring)
        assert ring.read(9).tolist() == [1, 2]
        os.close(writing)
        assert not pipe.fill(ring)


def test_a_pipe_leaves_a_full_ring_alone():
    ring = RingBuffer(1)
    with RawStream(io.BytesIO(b"\1\0\2\0")) as pipe:
        assert [pipe.fill(ring) for _ in range(3)] == [True] * 3
        assert (ring.read(9).tolist(), ring.dropped) == ([1], 0)


def test_a_pipe_that_ends_within_a_sample_says_so_after_all_whole_ones():
    ring = RingBuffer(16)
    with RawStream(io.BytesIO(b"\1\0\2\0\3")) as pipe:
        assert pipe.fill(ring)
        with pytest.raises(KwsError, match="standard input ended within a sample"):
            pipe.fill(ring)
    assert ring.read(9).tolist() == [1, 2]


def test_nothing_in_a_pipe_is_its_end():
    assert len(listen_to(RawStream(io.BytesIO()))) == 0


def test_a_terminal_is_no_pipe():
    pty = pytest.importorskip("pty", reason="terminals of this kind are of Unix alone")
    _, terminal = pty.openpty()
    with open(terminal, "rb") as stream, pytest.raises(KwsError, match="is a terminal"):
        RawStream(stream)
